/**
 * What must hold of an applied operation of each kind, written down a second time: the ledger decides by its own table,
 * and the auditor asks this one.
 */
import type { KindName } from '../../ledger/command.ts';

interface KindRule {
  /** Its amount has left one wallet for the other; any other kind has an amount of zero, and moves none. */
  moves: boolean;
  /** SQL: between which wallets, `dw` that is debited and `cw` that is credited. */
  wallets: string;
  /** In words. */
  says: string;
  /** Who may have asked for it: an operator, or the owner of the debited wallet, who is this. */
  by: 'operator' | 'bank' | 'customer';
}

const FREEZING: KindRule = {
  moves: false,
  wallets: 'dw.id = cw.id',
  says: 'is of one wallet, which is there',
  by: 'operator',
};

const KIND_RULES: Readonly<Record<KindName, KindRule>> = {
  deposit: {
    moves: true,
    wallets: `dw.kind = 'settlement' AND cw.kind = 'customer'`,
    says: 'is from a settlement to a customer wallet',
    by: 'bank',
  },
  transfer: {
    moves: true,
    wallets: `dw.kind = 'customer' AND cw.kind = 'customer' AND dw.id <> cw.id`,
    says: 'is from one customer to another',
    by: 'customer',
  },
  freeze: FREEZING,
  unfreeze: FREEZING,
};

const RULES = Object.entries(KIND_RULES);

/** SQL over `r.kind`: what each kind has there. Null for a kind that there is not. */
export function byKind(valueOf: (rule: KindRule) => string): string {
  return `CASE r.kind ${RULES.map(([kind, rule]) => `WHEN '${kind}' THEN (${valueOf(rule)})`).join(' ')} END`;
}

/** SQL: a list of the kinds that move money. */
export const MOVING_KINDS = RULES.flatMap(([kind, { moves }]) => (moves ? [`'${kind}'`] : [])).join(', ');

export const WALLETS_IN_WORDS = RULES.map(([kind, { says }]) => `a ${kind} ${says}`).join(', ');
