/**
 * What travels through the queues, and the names and bounds that both sides must agree on. One envelope is one BullMQ
 * job: commands of one partition that are committed together. New fields are optional, so that two versions can run
 * side by side; `v` changes only when an old worker could misread a new envelope.
 */
import { z } from 'zod';
import { KIND_NAMES } from '../ledger/command.ts';
import type { Command, KindName } from '../ledger/command.ts';
import { KINDS } from '../ledger/kinds.ts';
import { LIMIT_MINOR } from '../ledger/money.ts';
import { TERMS } from './terms.ts';

/**
 * The version that first could say what is in it: workers that know an older one leave it to newer ones. The second has
 * atomic lists, the third kinds with claims and terms, the fourth holds.
 */
export const ENVELOPE_VERSION = 4;
const CLAIM_VERSION = 3;
const LIST_VERSION = 2;
const PLAIN_VERSION = 1;
/** The version that a kind came with. */
const KIND_VERSIONS: Readonly<Record<KindName, number>> = {
  deposit: 1,
  transfer: 1,
  freeze: 1,
  unfreeze: 1,
  hold: 4,
  capture: 4,
  release: 4,
  hold_expiry: 4,
};
export const ENVELOPE_JOB = 'envelope';
/** Commands in one envelope, and so in one database transaction. */
export const MAX_ENVELOPE_COMMANDS = 500;

/** The queue of one wallet group. */
export function queueName(partition: number): string {
  return `ledger-${partition}`;
}

/** Redis key prefix, in a hash tag: all keys of one queue belong together, and the queues could live on different nodes. */
export function queuePrefix(partition: number): string {
  return `{ledger-${partition}}`;
}

/** How many failed sweep envelopes a partition keeps for operators to see. */
const SWEEP_PLACES = 10;

/**
 * The places of a partition's sweep envelopes: one of them may be on its way, the others are failed ones. BullMQ refuses
 * job ids that are all digits or have `:`.
 */
export function sweepJobIds(partition: number): string[] {
  return Array.from({ length: SWEEP_PLACES }, (_, place) => `sweep-${partition}-${place}`);
}

/** Most envelopes tell by their id (`e-` and a UUID v7) when they were made, which spares reading what is in them. */
export function timeOfId(jobId: string): number | undefined {
  const [, high, low] = /^e-([0-9a-f]{8})-([0-9a-f]{4})-7/.exec(jobId) ?? [];
  return high === undefined || low === undefined ? undefined : Number.parseInt(high + low, 16);
}

// Wallet and user ids and amounts are below 2^53 (API.md), so JSON numbers carry them exactly and compactly.
const positive = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);

const wireCommandShape = z.object({
  // As PostgreSQL prints it, by which stored and promised operations are recognised.
  id: z.uuid().toLowerCase(),
  kind: z.enum(KIND_NAMES),
  debit: positive,
  credit: positive,
  // Not more than the ledger's tables hold: a command that could not even be stored as rejected is unreadable.
  amount: z.number().int().nonnegative().max(Number(LIMIT_MINOR)),
  currency: z.string().regex(/^[A-Z]{3}$/),
  details: z.string().optional(),
  externalId: z.string().optional(),
  initiator: positive,
  requestId: z.uuid(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  acceptedAt: positive,
  expiresAt: positive,
  // The trace of the request that made it, while traces are on.
  traceparent: z.string().optional().catch(undefined),
  list: z.object({ id: z.uuid(), size: positive.max(MAX_ENVELOPE_COMMANDS) }).optional(),
  claim: z.uuid().toLowerCase().optional(),
  terms: z.record(z.string(), z.json()).optional(),
});
const wireCommandSchema = wireCommandShape
  .refine(({ kind, amount }) => KINDS[kind].amount === 'open' || amount > 0 === (KINDS[kind].amount === 'given'), {
    path: ['amount'],
    error: 'must be positive where an amount is asked for, and zero elsewhere',
  })
  .refine(({ kind, terms }) => TERMS[kind].safeParse(terms).success, {
    path: ['terms'],
    error: 'must be what the kind asks for',
  })
  .refine(({ kind, debit, credit }) => !KINDS[kind].oneWallet || debit === credit, {
    path: ['credit'],
    error: 'must be the wallet that is frozen',
  });
export type WireCommand = z.infer<typeof wireCommandSchema>;

/** Where an envelope is found. */
export interface EnvelopeId {
  partition: number;
  jobId: string;
}

export interface Envelope {
  v: number;
  commands: WireCommand[];
  /** The trace of its way to the queue, while traces are on. */
  traceparent?: string;
}

const envelopeSchema = z.object({ v: z.number().int(), commands: z.array(z.unknown()) });

export function toWire(command: Command): WireCommand {
  return {
    id: command.id,
    kind: command.kind,
    debit: Number(command.debitWalletId),
    credit: Number(command.creditWalletId),
    amount: Number(command.amountMinor),
    currency: command.currency,
    ...(command.details !== null && { details: command.details }),
    ...(command.externalId !== null && { externalId: command.externalId }),
    initiator: Number(command.initiatorId),
    requestId: command.requestId,
    hash: command.requestHash,
    acceptedAt: command.acceptedAtMs,
    expiresAt: command.expiresAtMs,
    ...(command.list && { list: command.list }),
    ...(command.claimId !== undefined && { claim: command.claimId }),
    ...(command.terms && { terms: command.terms }),
  };
}

/** A command off the wire or out of `pending_operation`, or what is wrong with it. */
export function fromWire(data: unknown): { ok: true; command: Command } | { ok: false; problem: string } {
  const parsed = wireCommandSchema.safeParse(data);
  if (!parsed.success) return { ok: false, problem: z.prettifyError(parsed.error) };
  const wire = parsed.data;
  return {
    ok: true,
    command: {
      id: wire.id,
      kind: wire.kind,
      debitWalletId: BigInt(wire.debit),
      creditWalletId: BigInt(wire.credit),
      amountMinor: BigInt(wire.amount),
      currency: wire.currency,
      details: wire.details ?? null,
      externalId: wire.externalId ?? null,
      initiatorId: BigInt(wire.initiator),
      requestId: wire.requestId,
      requestHash: wire.hash,
      acceptedAtMs: wire.acceptedAt,
      expiresAtMs: wire.expiresAt,
      ...(wire.list && { list: wire.list }),
      ...(wire.claim !== undefined && { claimId: wire.claim }),
      ...(wire.terms && { terms: wire.terms }),
    },
  };
}

const initiatorSchema = wireCommandShape.pick({ initiator: true });

/** Who asked for a command that cannot be read otherwise; null when not even that can be read. */
export function initiatorOf(data: unknown): bigint | null {
  const parsed = initiatorSchema.safeParse(data);
  return parsed.success ? BigInt(parsed.data.initiator) : null;
}

/** At most `MAX_ENVELOPE_COMMANDS`, what one transaction takes: to make a larger envelope is a fault. */
export function toEnvelope(commands: readonly Command[]): Envelope {
  if (commands.length > MAX_ENVELOPE_COMMANDS) {
    throw new RangeError(`${commands.length} commands in one envelope, at most ${MAX_ENVELOPE_COMMANDS} are allowed`);
  }
  return packEnvelope(commands.map(toWire));
}

/** Commands that are on the wire already, or were stored as they are there. */
export function packEnvelope(commands: WireCommand[]): Envelope {
  return { v: commands.reduce((v, command) => Math.max(v, versionOf(command)), PLAIN_VERSION), commands };
}

function versionOf({ kind, list, claim, terms }: WireCommand): number {
  const hasClaim = claim !== undefined || terms !== undefined;
  return Math.max(KIND_VERSIONS[kind], list ? LIST_VERSION : PLAIN_VERSION, hasClaim ? CLAIM_VERSION : PLAIN_VERSION);
}

/** What stays of an envelope that is done: who, what and how much. Undefined when nobody wrote anything into it. */
export function withoutTexts(data: unknown): Envelope | undefined {
  const envelope = envelopeSchema.safeParse(data);
  if (!envelope.success) return undefined;
  const commands = envelope.data.commands as WireCommand[];
  if (!commands.some((command) => 'details' in command || 'externalId' in command || 'terms' in command))
    return undefined;
  const bare = { details: undefined, externalId: undefined, terms: undefined };
  return { v: envelope.data.v, commands: commands.map((command) => ({ ...command, ...bare })) };
}

/**
 * The commands of a job that can be read, and one line for each thing that cannot: the readable ones still get their
 * outcome, and the rest is for an operator to act on.
 */
export function fromEnvelope(data: unknown): { commands: Command[]; problems: string[] } {
  const envelope = envelopeSchema.safeParse(data);
  if (!envelope.success) return { commands: [], problems: [`not an envelope: ${z.prettifyError(envelope.error)}`] };
  if (envelope.data.v > ENVELOPE_VERSION) {
    return {
      commands: [],
      problems: [
        `envelope version ${envelope.data.v} is newer than this worker's ${ENVELOPE_VERSION}: upgrade the workers, then retry`,
      ],
    };
  }
  const commands: Command[] = [];
  const problems: string[] = [];
  envelope.data.commands.forEach((data, index) => {
    const read = fromWire(data);
    if (read.ok) commands.push(read.command);
    else problems.push(`command ${index}: ${read.problem}`);
  });
  return { commands, problems };
}
