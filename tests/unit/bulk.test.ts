import { expect, test } from 'vitest';
import { createBulk } from '../../api/bulk.ts';
import { Problem } from '../../api/problem.ts';
import type { WalletFacts } from '../../shared/ledger/command.ts';

const PAYER = { userId: 1n, role: 'customer', walletId: 1n } as const;

/** A bulk whose wallets are looked up by `find`, and that must not come as far as the queue. */
const bulkOver = (find: (id: bigint) => WalletFacts | undefined) =>
  createBulk({
    findWallet: (id) => new Promise((resolve) => resolve(find(id))),
    submit: () => Promise.reject(new Error('it was submitted')),
    submitList: () => Promise.reject(new Error('it was submitted')),
    submitEach: () => Promise.reject(new Error('it was submitted')),
    clock: { nowMs: () => Promise.resolve(0), observe: () => undefined } as never,
    timeoutMs: 1_000,
  });
const items = [2, 3].map((walletId) => ({
  walletId,
  amount: 1,
  details: undefined,
  externalId: undefined,
  idempotencyKey: `k${walletId}`,
}));
const request = {
  kind: 'transfer',
  principal: PAYER,
  items,
  requestId: crypto.randomUUID(),
  prefer: { respondAsync: false },
} as const;
const wallet = (id: bigint): WalletFacts => ({ id, kind: 'customer', currency: 'RUB' });

test('an atomic list with an item that names no wallet is refused, each item with its own reason', async () => {
  const results = await bulkOver((id) => (id === 3n ? undefined : wallet(id))).moveAll(request);
  expect(results.map((each) => each instanceof Problem && each.code)).toEqual(['list_rejected', 'wallet_not_found']);
});

test('an atomic list of which a wallet cannot be looked up is not called refused: whether it is, is not known', async () => {
  const moving = bulkOver((id) => {
    if (id === 3n) throw new Problem('unavailable');
    return wallet(id);
  }).moveAll(request);
  await expect(moving).rejects.toMatchObject({ code: 'unavailable' });
});
