/**
 * One partition's way from requests to the queue and back.
 *
 * One envelope at a time holds the partition's *slot*; commands that arrive meanwhile wait in a bounded buffer and
 * leave together as the next envelope. An idle partition sends at the end of the event loop's turn what came in it, a
 * busy one sends many together. After an envelope of several commands it rests for a few milliseconds: those who have
 * just been answered come back meanwhile, and travel together instead of in two halves that wait for each other.
 *
 *     waiting ──envelope leaves──▶ sent ──outcome read from PostgreSQL──▶ settled
 *        │                           │
 *        │ queue away                │ the waiter's timeout: it leaves, the command stays where it is
 *        ▼                           ▼
 *     `unavailable`               the request answers 202 or `outcome_unknown`
 *
 * A worker's word that it has handled the envelope only says when to look; a poll covers lost ones. The slot always frees
 * itself: an envelope that the queue does not know is added again under its own id, an `add` that does not answer leaves
 * its commands *in doubt* (they go on waiting for an outcome, for the job may exist), and an envelope that nobody waits
 * for any more gives its slot back and is only remembered as the *straggler*: while it is stuck and the queue is not
 * paused, newcomers are refused, because they would wait behind it.
 */
import { v7 as uuidv7 } from 'uuid';
import type { Command } from '../../shared/ledger/command.ts';
import { MAX_ENVELOPE_COMMANDS } from '../../shared/queue/contracts.ts';
import { handledOrPoll, createDelivery, isAbandoned, refuse } from './delivery.ts';
import type { CommandUnderWay, Delivery, DeliveryDeps, End, SentEnvelope } from './delivery.ts';
import { Problem } from '../http/problem.ts';

export interface CoalescerDeps extends DeliveryDeps {
  /** How long a request waits by default, and so how old the oldest command of a healthy partition may be. */
  timeoutMs: number;
  /** How often outcomes are looked for when no worker tells of them. */
  pollMs: number;
  /** How long a partition rests after an envelope of several commands. */
  restMs: number;
  /** The bound of the buffer, in commands. */
  maxWaiting: number;
  onEnvelope: (commands: number) => void;
  /** Until when no worker worked, by `performance.now()`: nothing is late for what nobody could do. */
  workersGoneUntilMs: () => number;
}

/** A command handed over, as its owner sees it. */
export interface Ticket {
  /** Whether the command may be in the queue. */
  isSent: () => boolean;
  /** Nobody waits any more. The command stays where it is. */
  leave: () => void;
  /** Takes back a command that has not been sent; false when it has. */
  withdraw: () => boolean;
}

export interface Coalescer {
  /** Throws `unavailable` or `overloaded` when a command would not be served in time. */
  admit: () => void;
  /** Call `admit` first. `onEnd` is told once, later than this call returns, unless the command is withdrawn. */
  submit: (command: Command, onEnd: (end: End) => void) => Ticket;
  /** Takes back what has not been sent and nobody waits for. */
  takeBack: () => Command[];
  waiting: () => number;
  /** Whether an operator has paused the queue, as of the last envelope that was late. */
  isPaused: () => boolean;
  /** A worker has handled an envelope, perhaps one of this coalescer's. */
  onHandled: (jobId: string) => void;
}

export function createCoalescer(deps: CoalescerDeps): Coalescer {
  const delivery = createDelivery(deps);
  let buffer: CommandUnderWay[] = []; // in order of arrival
  let slot: SentEnvelope | undefined;
  let straggler: SentEnvelope | undefined;
  let isSending = false;

  // At the end of the turn, so that what is submitted together, as an atomic list is, leaves together.
  const sendSoon = () => {
    if (slot || isSending) return;
    isSending = true;
    setImmediate(sendNext);
  };

  const sendNext = () => {
    isSending = false;
    if (slot || buffer.length === 0) return;
    const envelope = seal(take(buffer, MAX_ENVELOPE_COMMANDS));
    slot = envelope;
    deps.onEnvelope(envelope.commands.length);
    void deliver(delivery, envelope, deps, () => refuse(buffer.splice(0))).then((end) => {
      slot = undefined;
      if (end === 'abandoned') follow(envelope);
      if (envelope.commands.length > 1) rest();
      else sendNext();
    });
  };

  const rest = () => {
    isSending = true;
    setTimeout(sendNext, deps.restMs);
  };

  /** The oldest envelope that nobody waits for stands for those behind it. */
  const follow = (envelope: SentEnvelope) => {
    if (straggler) return;
    straggler = envelope;
    void delivery.untilOver(envelope).then(() => {
      straggler = undefined;
    });
  };

  return {
    admit: () => {
      if (deps.isQueueAway()) throw new Problem('unavailable');
      if (buffer.length >= deps.maxWaiting) throw new Problem('overloaded');
      const isLate = isLateNow(straggler ?? slot, deps);
      if (isLate && !delivery.isPaused()) throw new Problem('overloaded');
    },
    submit: (command, onEnd) => {
      const arrivedAtMs = performance.now();
      const underWay: CommandUnderWay = { command, arrivedAtMs, state: 'waiting', hasWaiter: true, onEnd };
      buffer.push(underWay);
      sendSoon();
      return {
        isSent: () => underWay.state !== 'waiting',
        leave: () => {
          underWay.hasWaiter = false;
        },
        withdraw: () => withdraw(buffer, underWay),
      };
    },
    takeBack: () => {
      const left = buffer.filter(({ hasWaiter }) => !hasWaiter);
      buffer = buffer.filter(({ hasWaiter }) => hasWaiter);
      return left.map(({ command }) => command);
    },
    waiting: () => buffer.length,
    isPaused: delivery.isPaused,
    onHandled: (jobId) => {
      if (slot?.jobId !== jobId) return;
      slot.isHandled = true;
      slot.ring();
    },
  };
}

/** Sends an envelope and stays with it until it is settled or nobody waits for it. Never throws. */
async function deliver(
  delivery: Delivery,
  envelope: SentEnvelope,
  deps: Pick<CoalescerDeps, 'timeoutMs' | 'pollMs'>,
  refuseWaiting: () => void,
): Promise<'settled' | 'abandoned' | 'never sent'> {
  const added = await delivery.add(envelope);
  // What waits behind a queue that does not answer would only grow old.
  if (added !== 'added') refuseWaiting();
  if (added === 'never sent') {
    refuse(envelope.commands);
    return added;
  }
  for (;;) {
    await handledOrPoll(envelope, deps.pollMs);
    if (await delivery.settle(envelope)) return 'settled';
    if (isAbandoned(envelope, deps.timeoutMs)) return 'abandoned';
    await delivery.lookUpWhenLate(envelope);
  }
}

function seal(commands: CommandUnderWay[]): SentEnvelope {
  const sentAtMs = performance.now();
  for (const each of commands) each.state = 'sent';
  return {
    jobId: `e-${uuidv7()}`,
    commands,
    arrivedAtMs: commands[0]?.arrivedAtMs ?? sentAtMs,
    sentAtMs,
    lookedUpAtMs: sentAtMs,
    isHandled: false,
    ring: () => undefined,
  };
}

function withdraw(buffer: CommandUnderWay[], each: CommandUnderWay): boolean {
  const place = buffer.indexOf(each);
  if (place >= 0) buffer.splice(place, 1);
  return place >= 0;
}

/** Time in which no worker worked counts for nothing. */
function isLateNow(
  oldest: SentEnvelope | undefined,
  { timeoutMs, workersGoneUntilMs }: Pick<CoalescerDeps, 'timeoutMs' | 'workersGoneUntilMs'>,
): boolean {
  return oldest !== undefined && performance.now() - Math.max(oldest.arrivedAtMs, workersGoneUntilMs()) > timeoutMs;
}

/** The oldest commands, up to `count`, taken out of the buffer: an atomic list leaves whole or stays. */
function take(buffer: CommandUnderWay[], count: number): CommandUnderWay[] {
  let taken = 0;
  for (const [place, { command }] of buffer.entries()) {
    const { list } = command;
    const room = list && buffer[place - 1]?.command.list?.id !== list.id ? list.size : 1;
    if (taken + room > count) break;
    taken += 1;
  }
  return buffer.splice(0, taken);
}
