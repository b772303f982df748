/**
 * Where an outcome is stored: in `operation`, for ever, unless nobody can ask for it again. That is a refusal of an id
 * that was fresh for its request and that no 202 has promised: whoever asked has it in the answer, and it goes to
 * `refused_operation`, which keeps it for an hour. `outcome` is the view of both.
 */
import type { QueryConfig } from 'pg';
import type { JsonObject, Outcome } from '../../ledger/command.ts';
import { claimIdOf } from '../../ledger/book.ts';
import type { Kinds } from '../../ledger/kinds.ts';
import { createInsert } from './columns.ts';
import type { Column } from './columns.ts';
import { isFresh } from './decisionLock.ts';

/** An outcome, and the claim that it is about. */
interface Told {
  outcome: Outcome;
  claimId: string | null;
}

/** What both tables have. */
const COLUMNS: readonly Column<Told>[] = [
  ['id', 'uuid', ({ outcome }) => outcome.command.id],
  ['kind', 'text', ({ outcome }) => outcome.command.kind],
  ['reason', 'text', ({ outcome }) => (outcome.status === 'rejected' ? outcome.reason : null)],
  ['debit_wallet_id', 'bigint', ({ outcome }) => outcome.command.debitWalletId],
  ['credit_wallet_id', 'bigint', ({ outcome }) => outcome.command.creditWalletId],
  ['amount', 'bigint', ({ outcome }) => (outcome.status === 'applied' ? outcome : outcome.command).amountMinor],
  ['currency', 'text', ({ outcome }) => outcome.command.currency],
  ['details', 'text', { quoted: ({ outcome }) => outcome.command.details }],
  ['initiator_id', 'bigint', ({ outcome }) => outcome.command.initiatorId],
  ['request_id', 'uuid', ({ outcome }) => outcome.command.requestId],
  ['request_hash', 'text', ({ outcome }) => outcome.command.requestHash, "decode(request_hash, 'hex')"],
  ['accepted_at', 'bigint', ({ outcome }) => outcome.command.acceptedAtMs, 'to_timestamp(accepted_at / 1000.0)'],
  ['claim_id', 'uuid', ({ claimId }) => claimId],
  ['terms', 'text', { quoted: ({ outcome }) => jsonOf(outcome.command.terms) }, 'terms::jsonb'],
];

const insertLasting = createInsert<Told>({
  name: 'insert-operations',
  table: 'operation',
  columns: [
    ...COLUMNS,
    ['status', 'text', ({ outcome }) => outcome.status],
    ['external_id', 'text', { quoted: ({ outcome }) => outcome.command.externalId }],
    ['debit_seq', 'bigint', ({ outcome }) => (outcome.status === 'applied' ? outcome.debitSeq : null)],
    ['credit_seq', 'bigint', ({ outcome }) => (outcome.status === 'applied' ? outcome.creditSeq : null)],
    ['result', 'text', { quoted: ({ outcome }) => jsonOf(resultOf(outcome)) }, 'result::jsonb'],
  ],
  common: ['applied_at', 'timestamptz'],
  after: 'ORDER BY id',
});

const insertBrief = createInsert<Told>({
  name: 'insert-refused',
  table: 'refused_operation',
  columns: COLUMNS,
  common: ['applied_at', 'timestamptz'],
  after: 'ORDER BY id',
});

/** The statements that store `outcomes`. `promised` has the ids that a 202 has promised. */
export function insertOutcomes(
  outcomes: readonly Outcome[],
  promised: { has: (id: string) => boolean },
  now: string,
  kinds: Kinds,
): QueryConfig[] {
  const lasting: Told[] = [];
  const brief: Told[] = [];
  for (const outcome of outcomes) {
    const { command, status } = outcome;
    const told = { outcome, claimId: kinds[command.kind].claim === undefined ? null : claimIdOf(command) };
    if (status === 'rejected' && isFresh(command) && !promised.has(command.id)) brief.push(told);
    else lasting.push(told);
  }
  return [
    ...(lasting.length > 0 ? [insertLasting(lasting, now)] : []),
    ...(brief.length > 0 ? [insertBrief(brief, now)] : []),
  ];
}

function resultOf(outcome: Outcome): JsonObject | undefined {
  return outcome.status === 'applied' ? outcome.result : undefined;
}

function jsonOf(value: JsonObject | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
