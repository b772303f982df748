/**
 * Where an outcome is stored: in `operation`, for ever, unless nobody can ask for it again. That is a refusal of an id
 * that was fresh for its request and that no 202 has promised: whoever asked has it in the answer, and it goes to
 * `refused_operation`, which keeps it for an hour. `outcome` is the view of both.
 */
import type { QueryConfig } from 'pg';
import type { Outcome } from '../../ledger/command.ts';
import { bareArray } from './bareArray.ts';
import { isFresh } from './decisionLock.ts';

const INSERT_OPERATIONS = {
  name: 'insert-operations',
  text: `INSERT INTO operation (id, kind, status, reason, debit_wallet_id, credit_wallet_id, amount, currency, details,
           external_id, initiator_id, request_id, request_hash, debit_seq, credit_seq, accepted_at, applied_at)
         SELECT id, kind, status, reason, debit, credit, amount, currency, details, external_id, initiator, request_id,
           decode(hash, 'hex'), debit_seq, credit_seq, to_timestamp(accepted_ms / 1000.0), $17::timestamptz
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
           $8::text[], $9::text[], $10::text[], $11::bigint[], $12::uuid[], $13::text[], $14::bigint[], $15::bigint[],
           $16::bigint[])
           AS t(id, kind, status, reason, debit, credit, amount, currency, details, external_id, initiator, request_id,
             hash, debit_seq, credit_seq, accepted_ms)
         ORDER BY id`,
};

const INSERT_REFUSED = {
  name: 'insert-refused',
  text: `INSERT INTO refused_operation (id, kind, reason, debit_wallet_id, credit_wallet_id, amount, currency, details,
           initiator_id, request_id, request_hash, accepted_at, applied_at)
         SELECT id, kind, reason, debit, credit, amount, currency, details, initiator, request_id, decode(hash, 'hex'),
           to_timestamp(accepted_ms / 1000.0), $13::timestamptz
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
           $8::text[], $9::bigint[], $10::uuid[], $11::text[], $12::bigint[])
           AS t(id, kind, reason, debit, credit, amount, currency, details, initiator, request_id, hash, accepted_ms)
         ORDER BY id`,
};

/** The statements that store `outcomes`. `promised` has the ids that a 202 has promised. */
export function insertOutcomes(
  outcomes: readonly Outcome[],
  promised: { has: (id: string) => boolean },
  now: string,
): QueryConfig[] {
  const lasting: Outcome[] = [];
  const brief: Refusal[] = [];
  for (const outcome of outcomes) {
    const { command, status } = outcome;
    if (status === 'rejected' && isFresh(command) && !promised.has(command.id)) brief.push(outcome);
    else lasting.push(outcome);
  }
  return [
    ...(lasting.length > 0 ? [{ ...INSERT_OPERATIONS, values: operationColumns(lasting, now) }] : []),
    ...(brief.length > 0 ? [{ ...INSERT_REFUSED, values: refusedColumns(brief, now) }] : []),
  ];
}

type Refusal = Extract<Outcome, { status: 'rejected' }>;

function operationColumns(outcomes: readonly Outcome[], now: string): unknown[] {
  return [
    bareArray(outcomes.map(({ command }) => command.id)),
    bareArray(outcomes.map(({ command }) => command.kind)),
    bareArray(outcomes.map(({ status }) => status)),
    bareArray(outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : null))),
    bareArray(outcomes.map(({ command }) => command.debitWalletId)),
    bareArray(outcomes.map(({ command }) => command.creditWalletId)),
    bareArray(outcomes.map(({ command }) => command.amountMinor)),
    bareArray(outcomes.map(({ command }) => command.currency)),
    outcomes.map(({ command }) => command.details),
    outcomes.map(({ command }) => command.externalId),
    bareArray(outcomes.map(({ command }) => command.initiatorId)),
    bareArray(outcomes.map(({ command }) => command.requestId)),
    bareArray(outcomes.map(({ command }) => command.requestHash)),
    bareArray(outcomes.map((outcome) => (outcome.status === 'applied' ? outcome.debitSeq : null))),
    bareArray(outcomes.map((outcome) => (outcome.status === 'applied' ? outcome.creditSeq : null))),
    bareArray(outcomes.map(({ command }) => command.acceptedAtMs)),
    now,
  ];
}

function refusedColumns(refusals: readonly Refusal[], now: string): unknown[] {
  return [
    bareArray(refusals.map(({ command }) => command.id)),
    bareArray(refusals.map(({ command }) => command.kind)),
    bareArray(refusals.map(({ reason }) => reason)),
    bareArray(refusals.map(({ command }) => command.debitWalletId)),
    bareArray(refusals.map(({ command }) => command.creditWalletId)),
    bareArray(refusals.map(({ command }) => command.amountMinor)),
    bareArray(refusals.map(({ command }) => command.currency)),
    refusals.map(({ command }) => command.details),
    bareArray(refusals.map(({ command }) => command.initiatorId)),
    bareArray(refusals.map(({ command }) => command.requestId)),
    bareArray(refusals.map(({ command }) => command.requestHash)),
    bareArray(refusals.map(({ command }) => command.acceptedAtMs)),
    now,
  ];
}
