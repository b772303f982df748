/** What operators call each kind of operation: by the name that it has in the API and in the tables. */
import type { KindName } from '../../shared/ledger/command.ts';

interface KindWords {
  one: string;
  many: string;
}

export const KIND_WORDS: Record<KindName, KindWords> = {
  deposit: { one: 'deposit', many: 'deposits' },
  transfer: { one: 'transfer', many: 'transfers' },
  freeze: { one: 'freeze', many: 'freezes' },
  unfreeze: { one: 'unfreeze', many: 'unfreezes' },
  hold: { one: 'hold', many: 'holds' },
  capture: { one: 'capture', many: 'captures' },
  release: { one: 'release', many: 'releases' },
  hold_expiry: { one: 'hold_expiry', many: 'hold_expiries' },
};
