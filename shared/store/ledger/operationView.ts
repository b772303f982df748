/** An operation as it is read, decided or promised: what its rows in `outcome` and `pending_operation` say in common. */
import type { Command, KindName, RejectionReason } from '../../ledger/command.ts';

export interface OperationView {
  id: string;
  state: 'applied' | 'rejected' | 'pending';
  kind: KindName;
  reason: RejectionReason | null;
  debitWalletId: bigint;
  creditWalletId: bigint;
  amountMinor: bigint;
  currency: string;
  details: string | null;
  externalId: string | null;
  /** What it opens or changes. */
  claimId: string | null;
  initiatorId: bigint;
  acceptedAt: Date;
  /** When it was decided; null while pending. */
  decidedAt: Date | null;
}

/** The columns of `outcome` that make one. */
export interface OutcomeRow {
  status: 'applied' | 'rejected';
  kind: KindName;
  reason: RejectionReason | null;
  debit_wallet_id: bigint;
  credit_wallet_id: bigint;
  amount: bigint;
  currency: string;
  details: string | null;
  external_id: string | null;
  claim_id: string | null;
  initiator_id: bigint;
  accepted_at: Date;
  applied_at: Date;
}

export function decidedView(id: string, row: OutcomeRow): OperationView {
  return {
    id,
    state: row.status,
    kind: row.kind,
    reason: row.reason,
    debitWalletId: row.debit_wallet_id,
    creditWalletId: row.credit_wallet_id,
    amountMinor: row.amount,
    currency: row.currency,
    details: row.details,
    externalId: row.external_id,
    claimId: row.claim_id,
    initiatorId: row.initiator_id,
    acceptedAt: row.accepted_at,
    decidedAt: row.applied_at,
  };
}

export function promisedView(id: string, command: Command): OperationView {
  const { kind, debitWalletId, creditWalletId, amountMinor, currency, details, externalId, initiatorId } = command;
  return {
    ...{ id, state: 'pending', kind, reason: null },
    ...{ debitWalletId, creditWalletId, amountMinor, currency, details, externalId, initiatorId },
    claimId: command.claimId ?? null,
    ...{ acceptedAt: new Date(command.acceptedAtMs), decidedAt: null },
  };
}
