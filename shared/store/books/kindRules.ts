/**
 * What must hold of an applied operation of each kind, written down a second time: the ledger decides by its own table,
 * and the auditor asks this one.
 */
import type { KindName } from '../../ledger/command.ts';

interface KindRule {
  /** Its amount has left one wallet for the other; any other kind moves none. */
  moves: boolean;
  /** SQL over `r`: the amounts that it may have, with those that are refused. */
  amount: string;
  /** SQL over `r`: what the debited wallet's row `d` may say that was held or freed. */
  held: string;
  /** Whether it opens a claim or changes one. */
  claim: 'opens' | 'changes' | 'none';
  /** SQL: between which wallets, `dw` that is debited and `cw` that is credited. */
  wallets: string;
  /** In words. */
  says: string;
  /** Who may have asked for it, and which of the wallets is that user's own. */
  by: { role: 'operator' | 'bank' | 'customer'; owns?: 'dw' | 'cw' };
}

const LIMIT = '999999999999999';
const SOME = `r.amount BETWEEN 1 AND ${LIMIT}`;
/** All that remains is asked for with a zero, which stays where it is refused. */
const SOME_IF_APPLIED = `r.amount BETWEEN CASE r.status WHEN 'applied' THEN 1 ELSE 0 END AND ${LIMIT}`;
const NOTHING_HELD = 'd.held IS NULL';
const BETWEEN_CUSTOMERS = `dw.kind = 'customer' AND cw.kind = 'customer' AND dw.id <> cw.id`;

const FREEZING: KindRule = {
  moves: false,
  ...{ amount: 'r.amount = 0', held: NOTHING_HELD, claim: 'none' },
  wallets: 'dw.id = cw.id',
  says: 'is of one wallet, which is there',
  by: { role: 'operator' },
};

/** About a hold, of which it frees its amount. */
const FREEING: KindRule = {
  moves: false,
  ...{ amount: SOME_IF_APPLIED, held: 'd.held = -r.amount::numeric', claim: 'changes' },
  wallets: BETWEEN_CUSTOMERS,
  says: 'is from one customer to another',
  by: { role: 'customer', owns: 'cw' },
};

const KIND_RULES: Readonly<Record<KindName, KindRule>> = {
  deposit: {
    moves: true,
    ...{ amount: SOME, held: NOTHING_HELD, claim: 'none' },
    wallets: `dw.kind = 'settlement' AND cw.kind = 'customer'`,
    says: 'is from a settlement to a customer wallet',
    by: { role: 'bank', owns: 'dw' },
  },
  transfer: {
    moves: true,
    ...{ amount: SOME, held: NOTHING_HELD, claim: 'none' },
    wallets: BETWEEN_CUSTOMERS,
    says: 'is from one customer to another',
    by: { role: 'customer', owns: 'dw' },
  },
  freeze: FREEZING,
  unfreeze: FREEZING,
  hold: {
    ...FREEING,
    ...{ amount: SOME, held: 'd.held = r.amount', claim: 'opens' },
    by: { role: 'customer', owns: 'dw' },
  },
  // The last one frees what it does not take.
  capture: { ...FREEING, moves: true, held: 'd.held <= -r.amount::numeric' },
  release: FREEING,
  // In the name of who placed it.
  hold_expiry: { ...FREEING, amount: SOME, by: { role: 'customer', owns: 'dw' } },
};

const RULES = Object.entries(KIND_RULES);

/** SQL over `r.kind`: what each kind has there. Null for a kind that there is not. */
export function byKind(valueOf: (rule: KindRule) => string): string {
  return `CASE r.kind ${RULES.map(([kind, rule]) => `WHEN '${kind}' THEN (${valueOf(rule)})`).join(' ')} END`;
}

/** SQL: a list of all kinds. */
export const KNOWN_KINDS = RULES.map(([kind]) => `'${kind}'`).join(', ');

/** SQL: a list of the kinds that move money. */
export const MOVING_KINDS = RULES.flatMap(([kind, { moves }]) => (moves ? [`'${kind}'`] : [])).join(', ');

export const WALLETS_IN_WORDS = RULES.map(([kind, { says }]) => `a ${kind} ${says}`).join(', ');
