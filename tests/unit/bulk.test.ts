import { expect, test } from 'vitest';
import { createBulk } from '../../api/kinds/bulk.ts';
import { Problem } from '../../api/http/problem.ts';
import type { WalletFacts } from '../../shared/ledger/command.ts';

const PAYER = { userId: 1n, role: 'customer', walletId: 1n } as const;
const BANK = { userId: 9n, role: 'bank', walletId: 9n } as const;

/** A bulk whose wallets are looked up by `find`, and that must not come as far as the queue. */
const bulkOver = (find: (id: bigint) => WalletFacts | undefined) =>
  createBulk({
    findWallet: (id) => new Promise((resolve) => resolve(find(id))),
    findHold: () => Promise.reject(new Error('a hold was looked for')),
    submit: () => Promise.reject(new Error('it was submitted')),
    submitList: () => Promise.reject(new Error('it was submitted')),
    submitEach: () => Promise.reject(new Error('it was submitted')),
    clock: { nowMs: () => Promise.resolve(0), observe: () => undefined } as never,
    timeoutMs: 1_000,
  });
const items = [2, 3].map((toWalletId) => ({
  toWalletId,
  amount: 1,
  details: undefined,
  externalId: undefined,
  idempotencyKey: `k${toWalletId}`,
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

test('a fault of our own is not called a refusal of the list either', async () => {
  const moving = bulkOver((id) => {
    if (id === 3n) throw new Problem('internal');
    return wallet(id);
  }).moveAll(request);
  await expect(moving).rejects.toMatchObject({ code: 'internal' });
});

test('an item that could not be read is told so in its place, and the others of an atomic list that it was for that', async () => {
  const unreadable = new Problem('malformed_json');
  const results = await bulkOver(wallet).moveAll({ ...request, items: [items[0]!, unreadable, items[1]!] });
  const codes = ['list_rejected', 'malformed_json', 'list_rejected'];
  expect(results.map((each) => each instanceof Problem && each.code)).toEqual(codes);
  expect(results[1]).toBe(unreadable);
});

test.each([
  ['idempotency_key', { kind: 'transfer', principal: PAYER }, { idempotencyKey: 'same' }],
  ['external_id', { kind: 'deposit', principal: BANK }, { idempotencyKey: undefined, externalId: 'same' }],
] as const)('of two items of an atomic list with one %s the later one is refused', async (path, by, identity) => {
  const twice = items.map((item) => ({ ...item, ...identity }));
  const kindOf = (id: bigint) => (id === BANK.walletId ? 'settlement' : 'customer');
  const bulk = bulkOver((id) => ({ ...wallet(id), kind: kindOf(id) }));
  const [first, second] = await bulk.moveAll({ ...request, ...by, items: twice });
  expect(first).toMatchObject({ code: 'list_rejected' });
  expect(second).toMatchObject({ code: 'invalid_request', extras: { errors: [{ path }] } });
});
