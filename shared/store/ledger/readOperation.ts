/**
 * Operations in full, decided or promised, for whoever asks for them by id. One statement over both tables, so that an
 * operation on its way from promised to decided is never absent.
 */
import { fromWire, initiatorOf } from '../../queue/contracts.ts';
import type { Pool } from '../database/pool.ts';
import { AWAITS_REPLICA } from '../database/replication.ts';
import { decidedView, promisedView } from './operationView.ts';
import type { OperationView, OutcomeRow } from './operationView.ts';

/** A promise that will be kept, but that this process cannot read: another version has written it, or it is damaged. */
export interface UnreadablePromise {
  id: string;
  state: 'unreadable';
  /** Whose it is; null when not even that can be read. */
  initiatorId: bigint | null;
}

const READ_OPERATIONS = {
  name: 'read-operations',
  text: `SELECT id, status, kind, reason, debit_wallet_id, credit_wallet_id, amount, currency, details, external_id,
           claim_id, initiator_id, accepted_at, applied_at, NULL::jsonb AS command,
           ${AWAITS_REPLICA} AS awaits_replica
         FROM outcome WHERE id = ANY($1::uuid[])
         UNION ALL
         SELECT id, 'pending', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, command,
           ${AWAITS_REPLICA}
         FROM pending_operation p WHERE p.id = ANY($1::uuid[]) AND NOT EXISTS (SELECT FROM outcome o WHERE o.id = p.id)`,
};

type Row = ({ id: string } & (OutcomeRow | { status: 'pending'; command: unknown })) & { awaits_replica: boolean };

/**
 * By id, in lower case. What is not there is left out. `confirm` is called when what was read might be lost with the
 * primary, and rejects when that is not known.
 */
export async function readOperations(
  pool: Pool,
  ids: readonly string[],
  confirm?: () => Promise<void>,
): Promise<Map<string, OperationView | UnreadablePromise>> {
  const { rows } = await pool.query<Row>({ ...READ_OPERATIONS, values: [ids] });
  if (rows[0]?.awaits_replica) await confirm?.();
  const views = rows.map((row) =>
    row.status === 'pending' ? pendingView(row.id, row.command) : decidedView(row.id, row),
  );
  return new Map(views.map((view) => [view.id, view]));
}

function pendingView(id: string, wire: unknown): OperationView | UnreadablePromise {
  const read = fromWire(wire);
  if (!read.ok) return { id, state: 'unreadable', initiatorId: initiatorOf(wire) };
  return promisedView(id, read.command);
}
