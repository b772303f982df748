/** How one type of claims is kept: the table of them is `claimTables.ts`. */
import type { Claim } from '../../ledger/claim.ts';
import type { MakeStatement } from './columns.ts';

export interface ClaimTable {
  /** Reads those whose ids are in its one parameter, `uuid[]`. */
  read: { name: string; text: string };
  fromRow: (row: unknown) => Claim;
  /** Inserts them, or updates what of them changes; what they have in common is when that is. */
  write: MakeStatement<Claim>;
}
