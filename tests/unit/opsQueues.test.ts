/** What the operators' board shows of an envelope, and what it lets through: a closed list. */
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { queueActionOf } from '../../api/console/queues/actions.ts';
import { envelopeData, envelopeName, envelopeResult } from '../../api/console/queues/formatEnvelope.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { toEnvelope } from '../../shared/queue/contracts.ts';

const id = (number: number) => `01931b5e-7c1a-7000-8000-${String(number).padStart(12, '0')}`;

function command(number: number, over: Partial<Command> = {}): Command {
  return {
    ...{ id: id(number), kind: 'transfer', debitWalletId: 11n, creditWalletId: 12n, amountMinor: 1110n },
    ...{ currency: 'RUB', details: 'private', externalId: null, initiatorId: 3n, requestId: id(999) },
    ...{ requestHash: 'a'.repeat(64), acceptedAtMs: 1_800_000_000_000, expiresAtMs: 1_800_000_600_000 },
    ...over,
  };
}

const MIXED = toEnvelope([
  command(1, { kind: 'deposit', debitWalletId: 1n, amountMinor: 10_000n }),
  command(2),
  command(3, { creditWalletId: 7n, list: { id: id(500), size: 1 } }),
  command(4, { kind: 'freeze', creditWalletId: 11n, amountMinor: 0n }),
]);

describe('an envelope on the board', () => {
  test('is named by what it holds, which wallets, and how many were rejected', () => {
    expect(envelopeName(MIXED)).toBe('1 deposit, 2 transfers, 1 freeze; wallets 1, 7, 11, 12');
    expect(envelopeName(MIXED, { applied: 2, rejected: 2 })).toMatch(/; wallets 1, 7, 11, 12; 2 rejected$/);
    expect(envelopeName(MIXED, { applied: 4, rejected: 0 })).not.toContain('rejected');
  });
  test('with many wallets names a few and counts the rest', () => {
    const wide = toEnvelope(Array.from({ length: 300 }, (_, n) => command(n, { creditWalletId: BigInt(100 + n) })));
    expect(envelopeName(wide)).toBe('300 transfers; wallets 11, 100, 101, 102 and 297 more');
    const data = envelopeData(wide) as Record<string, unknown>;
    expect(data).toMatchObject({ contains: '300 transfers', more_wallets: 101, more_commands: 275 });
    expect([data['wallets'], data['commands']].map((list) => (list as unknown[]).length)).toEqual([200, 25]);
  });
  test('shows its commands in words and what it moves, without what clients wrote', () => {
    const data = envelopeData(MIXED) as Record<string, unknown>;
    expect(data).toMatchObject({ wallets: [1, 7, 11, 12], moves: { RUB: '122.20' } });
    expect(data['commands']).toEqual([
      `${id(1)}: deposit of 100.00 RUB from wallet 1 to wallet 12`,
      `${id(2)}: transfer of 11.10 RUB from wallet 11 to wallet 12`,
      `${id(3)}: transfer of 11.10 RUB from wallet 11 to wallet 7, of list ${id(500)}`,
      `${id(4)}: freeze wallet 11`,
    ]);
    expect(JSON.stringify(data)).not.toContain('private');
  });
  test('that cannot be read is shown as it stands, with why', () => {
    expect(envelopeName({ foo: 1 })).toBe('empty; 1 unreadable');
    expect(envelopeData({ foo: 1 })).toMatchObject({
      data: { foo: 1 },
      unreadable: [expect.stringMatching('not an envelope')],
    });
    const spoiled = { v: 1, commands: [MIXED.commands[1], { id: 'x' }] };
    expect(envelopeName(spoiled)).toBe('1 transfer; wallets 11, 12; 1 unreadable');
    expect(envelopeData(spoiled)).toMatchObject({ unreadable: [expect.stringMatching(/^command 1:/)] });
    expect(envelopeName({ v: 1, commands: [{ ...MIXED.commands[1], currency: 'XXX' }] })).toContain('1 transfer');
    expect(envelopeData({ v: 1, commands: [{ ...MIXED.commands[1], currency: 'XXX' }] })).toMatchObject({
      moves: { XXX: '1110 minor units' },
    });
  });
  test('that is not done says so', () => {
    expect(envelopeResult(null)).toBe('not done yet');
    expect(envelopeResult({ applied: 1, rejected: 0 })).toEqual({ applied: 1, rejected: 0 });
  });
});

describe('an action on the board', () => {
  test.each([
    ['/api/queues/pause', 'queue_pause', 'all queues', undefined],
    ['/api/queues/resume', 'queue_resume', 'all queues', undefined],
    ['/api/queues/ledger-0/pause', 'queue_pause', 'queue ledger-0', undefined],
    ['/api/queues/ledger-0/resume', 'queue_resume', 'queue ledger-0', undefined],
    ['/api/queues/ledger-0/promote', 'queue_promote', 'queue ledger-0', undefined],
    ['/api/queues/ledger-0/retry/failed', 'queue_retry', 'queue ledger-0', 'all failed'],
    ['/api/queues/ledger-0/clean/failed', 'queue_clean', 'queue ledger-0', 'all failed'],
    ['/api/queues/ledger-0/clean/completed', 'queue_clean', 'queue ledger-0', 'all completed'],
    ['/api/queues/ledger-0/e-1/retry', 'queue_retry', 'queue ledger-0', 'job e-1'],
    ['/api/queues/ledger-0/e-1/clean', 'queue_clean', 'queue ledger-0', 'job e-1'],
    ['/api/queues/ledger-0/e-1/promote', 'queue_promote', 'queue ledger-0', 'job e-1'],
  ])('PUT %s is %s', (path, action, target, details) => {
    expect(queueActionOf('PUT', path)).toEqual({ action, target, ...(details && { details }) });
  });

  test('of the board’s own that is not listed is refused, all of them', () => {
    const require = createRequire(import.meta.url);
    const { appRoutes } = require('@bull-board/api/dist/routes.js') as {
      appRoutes: { api: { method: string; route: string }[] };
    };
    const refused = appRoutes.api
      .filter(({ method }) => method !== 'get')
      .map(({ method, route }) => ({
        method: method.toUpperCase(),
        route,
        path: route
          .replace(':queueName', 'ledger-0')
          .replace(':jobId', 'e-1')
          .replace(':queueStatus', 'wait')
          .replace(':schedulerId', 's'),
      }))
      .filter(({ method, path }) => queueActionOf(method, path) === undefined)
      .map(({ method, route }) => `${method} ${route.replace('/api/queues/:queueName', '')}`);
    expect(refused.sort()).toEqual([
      'PATCH /:jobId/delay',
      'PATCH /:jobId/priority',
      'PATCH /:jobId/update-data',
      'PATCH /job-schedulers/:schedulerId',
      'POST /add',
      'PUT /:jobId/remove-unprocessed-children',
      'PUT /clean/:queueStatus',
      'PUT /concurrency',
      'PUT /empty',
      'PUT /job-schedulers/:schedulerId/remove',
      'PUT /job-schedulers/:schedulerId/run',
      'PUT /obliterate',
      'PUT /rate-limit',
      'PUT /rate-limit/release',
      'PUT /retry/:queueStatus',
    ]);
  });

  test.each([
    ['POST', '/api/queues/ledger-0/pause'],
    ['PUT', '/API/queues/ledger-0/pause'],
    ['PUT', '/api/queues/ledger-0/pause/'],
    ['PUT', '/api/queues/ledger-0/e-1/e-2/retry'],
    ['DELETE', '/api/queues/ledger-0/e-1'],
  ])('%s %s is refused', (method, path) => {
    expect(queueActionOf(method, path)).toBeUndefined();
  });
});
