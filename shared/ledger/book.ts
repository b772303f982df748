/**
 * The wallets that were locked and read, as the commands that have been decided so far leave them, and the rows that
 * those have made. A book can be opened on top of another one: what is booked there counts for nothing until the one
 * below takes it over, which is how the items of a list are tried together.
 */
import type { Command, Entry, WalletState } from './command.ts';
import type { Effect } from './kind.ts';

export interface Book {
  wallet: (id: bigint) => WalletState | undefined;
  /** Books what an operation does, and answers the rows it made. Throws `RangeError` when money would be made or lost. */
  post: (command: Command, effect: Effect) => readonly Entry[];
  /** Makes what was booked in one that was opened on this one its own. */
  take: (above: Book) => void;
  entries: Entry[];
  /** The wallets that changed, as they are now. */
  changed: ReadonlyMap<bigint, WalletState>;
}

export function openBook(below: Pick<Book, 'wallet'>): Book {
  const changed = new Map<bigint, WalletState>();
  const entries: Entry[] = [];
  const wallet: Book['wallet'] = (id) => changed.get(id) ?? below.wallet(id);

  const known = (id: bigint): WalletState => {
    const found = wallet(id);
    if (!found) throw new RangeError(`an effect on wallet ${id}, which is not among its command's`);
    return found;
  };

  return {
    wallet,
    post: (command, { moves, isFrozen }) => {
      const made = moves.map(({ walletId, amountMinor }): Entry => {
        const before = known(walletId);
        if (before.currency !== command.currency) throw new RangeError(`operation ${command.id} crosses currencies`);
        const after = {
          ...before,
          balanceMinor: before.balanceMinor + amountMinor,
          version: before.version + 1n,
        };
        changed.set(walletId, after);
        const { version: seq, balanceMinor: balanceAfterMinor } = after;
        return { walletId, seq, operationId: command.id, amountMinor, balanceAfterMinor };
      });
      if (made.reduce((sum, { amountMinor }) => sum + amountMinor, 0n) !== 0n) {
        throw new RangeError(`operation ${command.id} makes or loses money`);
      }
      if (isFrozen) changed.set(isFrozen.walletId, { ...known(isFrozen.walletId), isFrozen: isFrozen.value });
      entries.push(...made);
      return made;
    },
    take: (above) => {
      for (const [id, state] of above.changed) changed.set(id, state);
      entries.push(...above.entries);
    },
    entries,
    changed,
  };
}
