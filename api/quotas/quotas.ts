/**
 * What one account may ask of this process in a second, so that it cannot take from the others what it does not need.
 *
 *     commands   each movement of money, also as an item of a list. What is stored already is told, not done again, and
 *                counts as a read
 *     refusals   what the ledger has refused a customer: they cost as much as what it applies, and nobody gains by them
 *     reads      a page of up to fifty operations, one operation, a look whether a page has changed; and what was asked
 *                wrongly
 *
 * What is a little too much is done a little later. What is far too much is refused with a 429 that is held back for a
 * second: a client that asks again at once, on a hundred connections, would otherwise cost more than before.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Env } from '../../shared/env.ts';
import type { Command, KindName } from '../../shared/ledger/command.ts';
import type { KnownOutcome } from '../../shared/store/ledger/readOutcomes.ts';
import { Problem } from '../http/problem.ts';
import type { Principal, Role } from '../http/route.ts';
import { createAllowance } from './allowance.ts';
import type { Allowance } from './allowance.ts';
import { createPlaces } from './places.ts';

/** How long after its own time something is still done. */
const PATIENCE_MS = 1_000;
const HELD_MS = 1_000;
/** For refusals nobody is kept from paying for longer, however many there were. */
const MAX_REFUSED_MS = 5_000;
/** Refusals that are held back at a time; more than these leave at once. */
const MAX_HELD = 5_000;
/** Operations on a page that count as one read. */
const READ_UNIT = 50;

type Asked = Pick<Command, 'initiatorId' | 'kind'>;
type Reader = Pick<Principal, 'userId' | 'role'>;

/** All throw `rate_limited`, and resolve when it is the asker's turn. */
export interface Quotas {
  /** Before commands are handed over, which are all of one account. */
  toSubmit: (commands: readonly Asked[]) => Promise<void>;
  /** Before what is known already of commands is told, which are all of one account. */
  toTell: (commands: readonly Asked[]) => Promise<void>;
  /** An outcome that is new has been read. */
  noteOutcome: (command: Command, outcome: KnownOutcome) => void;
  /** Before a cheap read. */
  toLook: (reader: Reader) => Promise<void>;
  /** Before a list of so many items is looked at, good or bad. */
  toList: (reader: Reader, items: number) => Promise<void>;
  /** Reads up to `operations` of them, in a place of its own. Throws `overloaded` where too many others read. */
  read: <T>(reader: Reader, operations: number, work: () => Promise<T>) => Promise<T>;
  /** After a request that could not be understood: never throws. */
  afterMistake: (reader: Reader) => Promise<void>;
}

type QuotaEnv = Pick<
  Env,
  | 'CUSTOMER_COMMANDS_PER_SECOND'
  | 'CUSTOMER_REFUSALS_PER_SECOND'
  | 'CUSTOMER_READS_PER_SECOND'
  | 'BANK_COMMANDS_PER_SECOND'
  | 'BANK_READS_PER_SECOND'
  | 'READS_AT_ONCE'
>;

/** Who asks for what. */
const ROLES: Record<KindName, Role> = {
  deposit: 'bank',
  transfer: 'customer',
  freeze: 'operator',
  unfreeze: 'operator',
  hold: 'customer',
  capture: 'customer',
  release: 'customer',
  hold_expiry: 'operator',
};

interface Time {
  now: () => number;
  pause: (ms: number) => Promise<unknown>;
}

export function createQuotas(env: QuotaEnv, time: Time = { now: () => performance.now(), pause: sleep }): Quotas {
  const { now, pause } = time;
  const allow = (perSecond: number, patienceMs = PATIENCE_MS) => createAllowance({ perSecond, patienceMs, now });
  const commands: Record<Role, Allowance> = {
    customer: allow(env.CUSTOMER_COMMANDS_PER_SECOND),
    bank: allow(env.BANK_COMMANDS_PER_SECOND),
    operator: allow(Infinity),
  };
  const refusals: Record<Role, Allowance> = {
    customer: allow(env.CUSTOMER_REFUSALS_PER_SECOND, 0),
    bank: allow(Infinity),
    operator: allow(Infinity),
  };
  const reads: Record<Role, Allowance> = {
    customer: allow(env.CUSTOMER_READS_PER_SECOND),
    bank: allow(env.BANK_READS_PER_SECOND),
    operator: allow(env.BANK_READS_PER_SECOND),
  };
  const takePlace = createPlaces(env.READS_AT_ONCE);
  const hold = createHold(pause);

  const refuse = async (debtMs: number): Promise<never> => {
    await hold();
    throw new Problem('rate_limited', { retryAfterSeconds: Math.max(1, Math.ceil((debtMs - HELD_MS) / 1_000)) });
  };
  const spend = async (allowance: Allowance, account: bigint, cost: number): Promise<void> => {
    const waitMs = allowance.spend(account, cost);
    if (waitMs === undefined) await refuse(allowance.debtMs(account));
    else if (waitMs > 0) await pause(waitMs);
  };

  return {
    toSubmit: async (asked) => {
      const [first] = asked;
      if (!first) return;
      const { initiatorId, kind } = first;
      const debtMs = refusals[ROLES[kind]].debtMs(initiatorId);
      if (debtMs > 0) await refuse(debtMs);
      await spend(commands[ROLES[kind]], initiatorId, asked.length);
    },
    toTell: async (asked) => {
      const [first] = asked;
      if (first) await spend(reads[ROLES[first.kind]], first.initiatorId, Math.ceil(asked.length / READ_UNIT));
    },
    noteOutcome: (command, outcome) => {
      // What a list takes down with it is the one mistake of one item.
      const isNew = outcome.state === 'rejected' && outcome.requestId === command.requestId;
      if (!isNew || outcome.reason === 'list_rejected') return;
      const allowance = refusals[ROLES[command.kind]];
      if (allowance.debtMs(command.initiatorId) < MAX_REFUSED_MS) allowance.charge(command.initiatorId, 1);
    },
    toLook: ({ userId, role }) => spend(reads[role], userId, 1),
    toList: ({ userId, role }, items) => spend(reads[role], userId, Math.ceil(items / READ_UNIT)),
    read: async ({ userId, role }, operations, work) => {
      await spend(reads[role], userId, Math.ceil(operations / READ_UNIT));
      const leave = await takePlace(userId);
      try {
        return await work();
      } finally {
        leave();
      }
    },
    afterMistake: async ({ userId, role }) => {
      const waitMs = reads[role].spend(userId, 1);
      if (waitMs === undefined) await hold();
      else if (waitMs > 0) await pause(waitMs);
    },
  };
}

/** A pause before a refusal leaves. */
function createHold(pause: Time['pause']): () => Promise<void> {
  let held = 0;
  return async () => {
    if (held >= MAX_HELD) return;
    held += 1;
    await pause(HELD_MS);
    held -= 1;
  };
}
