/**
 * Reads what is known of operations: the only place an answer to a client comes from. One statement, and so one
 * snapshot, over outcomes and promises: an operation that moves from promised to decided is never seen as absent.
 */
import { Fault } from '../../errors/fault.ts';
import { KIND_NAMES } from '../../ledger/command.ts';
import type { JsonObject, RejectionReason } from '../../ledger/command.ts';
import { KINDS } from '../../ledger/kinds.ts';
import { bareArray } from './bareArray.ts';
import type { Pool } from '../database/pool.ts';
import { AWAITS_REPLICA } from '../database/replication.ts';

interface Identified {
  id: string;
  requestHash: string;
}

export type KnownOutcome =
  /**
   * `balanceMinor` is the balance after it of the wallet that the client is told about (see `toldWalletId`), and `heldMinor` what
   * of it is held then; null where it is about no amount. `result` is what the client is told beside.
   */
  | (Identified & {
      state: 'applied';
      requestId: string;
      balanceMinor: bigint | null;
      heldMinor: bigint;
      result: JsonObject | null;
    })
  | (Identified & { state: 'rejected'; requestId: string; reason: RejectionReason })
  | (Identified & { state: 'pending' });

/** The side whose balance the client is told (see `toldWalletId`), as one of the two columns that there are for each. */
const toldOf = (column: 'wallet_id' | 'seq') =>
  `CASE WHEN o.kind IN (${KIND_NAMES.filter((name) => KINDS[name].tells === 'credit')
    .map((name) => `'${name}'`)
    .join()}) THEN o.credit_${column} ELSE o.debit_${column} END`;

const READ_OUTCOMES = {
  name: 'read-outcomes',
  text: `SELECT o.id, o.status AS state, o.reason, o.request_id, encode(o.request_hash, 'hex') AS request_hash,
           e.balance_after, e.held_after, o.result, extract(epoch FROM clock_timestamp())::float8 * 1000 AS now_ms,
           ${AWAITS_REPLICA} AS awaits_replica
         FROM outcome o
         LEFT JOIN entry e ON o.status = 'applied' AND o.amount > 0
           AND e.wallet_id = ${toldOf('wallet_id')} AND e.seq = ${toldOf('seq')}
         WHERE o.id = ANY($1::uuid[])
         UNION ALL
         SELECT p.id, 'pending', NULL, NULL, encode(p.request_hash, 'hex'), NULL, NULL, NULL, extract(epoch FROM clock_timestamp())::float8 * 1000,
           ${AWAITS_REPLICA}
         FROM pending_operation p
         WHERE p.id = ANY($1::uuid[]) AND NOT EXISTS (SELECT FROM outcome o WHERE o.id = p.id)`,
};

interface Row {
  id: string;
  state: 'applied' | 'rejected' | 'pending';
  reason: RejectionReason | null;
  request_id: string | null;
  request_hash: string;
  balance_after: bigint | null;
  held_after: bigint | null;
  result: JsonObject | null;
  now_ms: number;
  awaits_replica: boolean;
}

interface ReadOptions {
  /** Told the database's time whenever a row brought it. */
  onClock?: (databaseNowMs: number) => void;
  /** Called when what was read might be lost with the primary: rejects when that is not known. */
  confirm?: () => Promise<void>;
}

/** What is known of `ids`, by id. */
export async function readOutcomes(
  pool: Pool,
  ids: readonly string[],
  { onClock, confirm }: ReadOptions = {},
): Promise<Map<string, KnownOutcome>> {
  const { rows } = await pool.query<Row>({ ...READ_OUTCOMES, values: [bareArray(ids)] });
  const [first] = rows;
  if (first) onClock?.(first.now_ms);
  if (first?.awaits_replica) await confirm?.();
  return new Map(rows.map((row) => [row.id, toOutcome(row)]));
}

function toOutcome(row: Row): KnownOutcome {
  const { id, state, request_hash: requestHash, reason } = row;
  if (state === 'pending') return { id, requestHash, state };
  const requestId = row.request_id ?? '';
  if (state === 'applied') {
    const { balance_after: balanceMinor, held_after: held, result } = row;
    return { id, requestHash, state, requestId, balanceMinor, heldMinor: held ?? 0n, result };
  }
  if (reason === null) throw new Fault(`rejected operation ${id} has no reason`);
  return { id, requestHash, state, requestId, reason };
}
