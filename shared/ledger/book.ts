/**
 * The wallets that were locked and read, and the claims, as the commands that have been decided so far leave them, and the
 * rows that those have made. A book can be opened on top of another one: what is booked there counts for nothing until
 * the one below takes it over, which is how the items of a list are tried together.
 */
import type { Claim } from './claim.ts';
import type { Command, Entry, WalletState } from './command.ts';
import type { Effect } from './kind.ts';

/** What was read. */
export interface Pages {
  wallet: (id: bigint) => WalletState | undefined;
  claim: (id: string) => Claim | undefined;
}

export interface Book extends Pages {
  /** Books what an operation does, and answers the rows it made. Throws `RangeError` for what no operation may do. */
  post: (command: Command, effect: Effect) => readonly Entry[];
  /** Makes what was booked in one that was opened on this one its own. */
  take: (above: Book) => void;
  entries: Entry[];
  /** The wallets and the claims that changed, as they are now. */
  changed: { wallets: ReadonlyMap<bigint, WalletState>; claims: ReadonlyMap<string, Claim> };
}

export function openBook(below: Pages): Book {
  const wallets = new Map<bigint, WalletState>();
  const claims = new Map<string, Claim>();
  const entries: Entry[] = [];
  const wallet: Book['wallet'] = (id) => wallets.get(id) ?? below.wallet(id);

  const known = (id: bigint): WalletState => {
    const found = wallet(id);
    if (!found) throw new RangeError(`an effect on wallet ${id}, which is not among its command's`);
    return found;
  };

  return {
    wallet,
    claim: (id) => claims.get(id) ?? below.claim(id),
    post: (command, { moves, wallets: others = [], claim }) => {
      const made = moves.map(({ walletId, amountMinor, heldMinor = 0n }): Entry => {
        const before = known(walletId);
        const isMoney = amountMinor !== 0n || heldMinor !== 0n;
        if (isMoney && before.currency !== command.currency) {
          throw new RangeError(`operation ${command.id} crosses currencies`);
        }
        const after = {
          ...before,
          balanceMinor: before.balanceMinor + amountMinor,
          heldMinor: before.heldMinor + heldMinor,
          version: before.version + 1n,
        };
        if (after.heldMinor < 0n) throw new RangeError(`operation ${command.id} frees more than is held`);
        wallets.set(walletId, after);
        return {
          ...{ walletId, seq: after.version, operationId: command.id },
          ...{ amountMinor, balanceAfterMinor: after.balanceMinor, heldMinor, heldAfterMinor: after.heldMinor },
        };
      });
      if (made.reduce((sum, { amountMinor }) => sum + amountMinor, 0n) !== 0n) {
        throw new RangeError(`operation ${command.id} makes or loses money`);
      }
      for (const { walletId, ...change } of others) wallets.set(walletId, { ...known(walletId), ...change });
      if (claim) {
        if (!isAbout(command, claim)) throw new RangeError(`operation ${command.id} changes what it is not about`);
        claims.set(claim.id, claim);
      }
      entries.push(...made);
      return made;
    },
    take: (above) => {
      for (const [id, state] of above.changed.wallets) wallets.set(id, state);
      for (const [id, state] of above.changed.claims) claims.set(id, state);
      entries.push(...above.entries);
    },
    entries,
    changed: { wallets, claims },
  };
}

/** Whether a command may change a claim: it names it, and its wallets are the claim's, the guard among them. */
export function isAbout(command: Command, claim: Claim): boolean {
  const { debitWalletId, creditWalletId, guardWalletId } = claim;
  return (
    claim.id === claimIdOf(command) &&
    debitWalletId === command.debitWalletId &&
    creditWalletId === command.creditWalletId &&
    (guardWalletId === debitWalletId || guardWalletId === creditWalletId)
  );
}

/** What opens a claim gives it its own id. */
export function claimIdOf({ id, claimId }: Pick<Command, 'id' | 'claimId'>): string {
  return claimId ?? id;
}
