/** How people are told of each kind of operation: what a row of their wallet is called, and what became of what they asked. */
import type { KindName } from '../../shared/ledger/command.ts';
import type { Sides } from '../../shared/ledger/kind.ts';

export interface KindWords {
  /** On the page of each side's wallet; `other` is the other one. */
  row: Sides<(other: bigint) => string>;
  /** Before `to wallet 7`, while it is under way and once it is refused. */
  doing: string;
  failed: string;
  /** Before `: 5.00 RUB to wallet 7.`, and after `You`. */
  done: string;
  did: string;
}

export const KIND_WORDS: Record<KindName, KindWords> = {
  transfer: {
    row: { debit: (other) => `Transfer to wallet ${other}`, credit: (other) => `Transfer from wallet ${other}` },
    ...{ doing: 'Sending', failed: 'Not sent', done: 'Sent', did: 'sent' },
  },
  deposit: {
    row: { debit: (other) => `Deposit to wallet ${other}`, credit: () => 'Deposit from a bank' },
    ...{ doing: 'Paying in', failed: 'Not paid in', done: 'Paid in', did: 'paid in' },
  },
  freeze: {
    row: { debit: () => 'Frozen by an operator', credit: () => 'Frozen by an operator' },
    ...{ doing: 'Freezing', failed: 'Not frozen', done: 'Frozen', did: 'froze' },
  },
  unfreeze: {
    row: { debit: () => 'Thawed by an operator', credit: () => 'Thawed by an operator' },
    ...{ doing: 'Thawing', failed: 'Not thawed', done: 'Thawed', did: 'thawed' },
  },
  hold: {
    row: { debit: (other) => `Held for wallet ${other}`, credit: (other) => `Held for you by wallet ${other}` },
    ...{ doing: 'Holding', failed: 'Not held', done: 'Held', did: 'held' },
  },
  capture: {
    row: { debit: (other) => `Taken by wallet ${other}`, credit: (other) => `Taken from wallet ${other}` },
    ...{ doing: 'Taking', failed: 'Not taken', done: 'Taken', did: 'took' },
  },
  release: {
    row: { debit: (other) => `Let go by wallet ${other}`, credit: (other) => `Let go to wallet ${other}` },
    ...{ doing: 'Letting go', failed: 'Not let go', done: 'Let go', did: 'let go' },
  },
  hold_expiry: {
    row: { debit: (other) => `No longer held for wallet ${other}`, credit: () => 'No longer held for you' },
    ...{ doing: 'Freeing', failed: 'Not freed', done: 'Freed', did: 'freed' },
  },
};
