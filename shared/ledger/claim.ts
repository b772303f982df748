/**
 * Money that is spoken for or asked for: a state between "nothing" and "moved". Each type of claim has a table of its own;
 * a claim's id is the id of the operation that opened it, and each change of it is an operation that names it.
 *
 * The guard rule: a claim is guarded by one wallet that never changes, and every command about it names that wallet as one
 * of its two sides. So the lock on that wallet's row, which is taken anyway, lets one change of the claim happen after the
 * other, and the claim itself is read, never locked.
 */

/** Names the table. */
export type ClaimType = string;

/** What all types have in common; each adds what it is about. */
export interface Claim {
  type: ClaimType;
  /** UUID. */
  id: string;
  /** One of the two sides. */
  guardWalletId: bigint;
  /** Its sides are those of the command that opened it, and of every command about it. */
  debitWalletId: bigint;
  creditWalletId: bigint;
}
