/**
 * When which wallet was frozen, as far as the clients can know: certainly from the answer to `freeze` until `unfreeze` was
 * sent, perhaps from the moment when `freeze` was sent until the answer to `unfreeze`. One operator gives all orders about
 * a wallet, each after the answer to the one before it; an order whose answer never came makes everything after it unsure.
 */
import type { Case } from './evidence.ts';
import { groupBy } from './evidence.ts';

export interface Freezings {
  /** At some moment between. */
  mayBeFrozen(walletId: number, fromMs: number, toMs: number): boolean;
  /** All the time between. */
  isCertainlyFrozen(walletId: number, fromMs: number, toMs: number): boolean;
  /** Whether the outcome of every order about it is known. */
  isKnown(walletId: number): boolean;
}

interface Span {
  fromMs: number;
  toMs: number;
}

export function createFreezings(cases: readonly Case[]): Freezings {
  const orders = groupBy(
    cases.filter(({ operation }) => operation.kind === 'freeze' || operation.kind === 'unfreeze'),
    ({ operation }) => operation.payerWalletId,
  );
  const spans = new Map([...orders].map(([walletId, ofWallet]) => [walletId, spansOf(ofWallet)]));
  return {
    mayBeFrozen: (walletId, fromMs, toMs) =>
      spans.get(walletId)?.perhaps.some((span) => span.fromMs < toMs && span.toMs > fromMs) ?? false,
    isCertainlyFrozen: (walletId, fromMs, toMs) =>
      spans.get(walletId)?.certain.some((span) => span.fromMs < fromMs && span.toMs > toMs) ?? false,
    isKnown: (walletId) => orders.get(walletId)?.every(({ knownMs }) => Number.isFinite(knownMs)) ?? true,
  };
}

/** In the order in which they were given. */
function spansOf(orders: readonly Case[]): { perhaps: Span[]; certain: Span[] } {
  const perhaps: Span[] = [];
  const certain: Span[] = [];
  let isSure = true;
  orders.forEach((order, index) => {
    isSure &&= Number.isFinite(order.knownMs);
    if (order.operation.kind !== 'freeze') return;
    const next = orders[index + 1];
    const sentMs = firstSentMs(order);
    perhaps.push({ fromMs: sentMs, toMs: next?.knownMs ?? Infinity });
    if (isSure) certain.push({ fromMs: order.knownMs, toMs: next ? firstSentMs(next) : Infinity });
  });
  return { perhaps, certain };
}

/** Also of an order that is not stored. */
function firstSentMs({ operation }: Case): number {
  return Math.min(...operation.attempts.map(({ sentAtMs }) => sentAtMs));
}
