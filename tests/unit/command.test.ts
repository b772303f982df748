/** A command's identity and hash: what makes two requests the same one. Stored for ever, so their values are pinned. */
import fc from 'fast-check';
import { v7 as uuidv7, version } from 'uuid';
import { describe, expect, test } from 'vitest';
import { createCommand } from '../../api/submission/command.ts';
import { fromWire, toWire } from '../../shared/queue/contracts.ts';

type Asked = Parameters<typeof createCommand>[0];

const NOW_MS = 1_790_000_000_000;
const ASKED: Asked = {
  kind: 'transfer',
  debitWalletId: 11n,
  creditWalletId: 12n,
  amountMinor: 1_110n,
  currency: 'RUB',
  initiatorId: 3n,
  requestId: uuidv7(),
  details: 'Lunch',
  externalId: undefined,
  idempotencyKey: 'k-1',
};

const create = (changes: Partial<Asked> = {}) => createCommand({ ...ASKED, ...changes }, NOW_MS);

test('a command carries what was asked, and nothing where nothing was', () => {
  expect(create()).toMatchObject({ details: 'Lunch', externalId: null });
  expect(create({ details: undefined })).toMatchObject({ details: null });
});

describe('an operation id', () => {
  test('is the same for ever for the same user and key', () => {
    expect(create().id).toBe('27d790cb-161c-5284-bc80-10e27df52541');
    expect(create({ amountMinor: 5n, creditWalletId: 99n, details: undefined, requestId: uuidv7() }).id).toBe(
      create().id,
    );
  });

  test('is the same for ever for the same bank and external_id, whatever key is beside it', () => {
    const id = create({ externalId: 'A-17' }).id;
    expect(id).toBe('a004753a-5111-59d9-b87d-2f4e5ac1f05a');
    expect(create({ externalId: 'A-17', idempotencyKey: 'another' }).id).toBe(id);
    expect(create({ externalId: 'A-17', idempotencyKey: undefined }).id).toBe(id);
  });

  test('is another one for another user, another key, and a key that reads like an external_id', () => {
    const ids = [
      create(),
      create({ initiatorId: 4n }),
      create({ idempotencyKey: 'k-2' }),
      create({ externalId: 'k-1' }),
      create({ externalId: 'k-1', initiatorId: 4n }),
      create({ initiatorId: 1n, idempotencyKey: '3,"k-1"' }),
    ].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('is new each time, and in the order of time, without a key', () => {
    const ids = Array.from({ length: 50 }, () => create({ idempotencyKey: undefined }).id);
    expect(new Set(ids).size).toBe(50);
    expect(ids.toSorted()).toEqual(ids);
    expect(ids.every((id) => version(id) === 7)).toBe(true);
  });

  test('differs for any two different keys of any two users', () => {
    const identity = fc.record({
      initiatorId: fc.bigInt(1n, 9n),
      idempotencyKey: fc.string({ minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(identity, identity, (one, other) => {
        const same = one.initiatorId === other.initiatorId && one.idempotencyKey === other.idempotencyKey;
        expect(create(one).id === create(other).id).toBe(same);
      }),
    );
  });
});

describe('a request hash', () => {
  const hash = (changes: Partial<Asked> = {}) => create(changes).requestHash;

  test('is the same for ever for the same body', () => {
    expect(hash()).toBe('f231925b2bb0516705f0c2c32473cfe2b5a523d9ec8cbf18c2640ab01abece0f');
    expect(hash({ details: undefined })).toBe('9f804e4d2def14cd89518604a31822e33af2ed8ff3318cab2c801f4a8e4eac75');
  });

  test.each<[string, Partial<Asked>]>([
    ['kind', { kind: 'deposit' }],
    ['payer', { debitWalletId: 13n }],
    ['receiver', { creditWalletId: 13n }],
    ['amount', { amountMinor: 1_111n }],
    ['details', { details: 'lunch' }],
    ['details that are empty', { details: '' }],
    ['details that are absent', { details: undefined }],
  ])('differs with the %s', (_, changes) => {
    expect(hash(changes)).not.toBe(hash());
  });

  test.each<[string, Partial<Asked>]>([
    ['request', { requestId: uuidv7() }],
    ['key', { idempotencyKey: 'k-2' }],
    ['external_id', { externalId: 'A-17' }],
    ['user', { initiatorId: 4n }],
    ['list that it is an item of', { list: { id: uuidv7(), size: 2 } }],
  ])('does not depend on the %s', (_, changes) => {
    expect(hash(changes)).toBe(hash());
  });

  test('does not depend on when it was asked', () => {
    expect(createCommand(ASKED, NOW_MS + 1).requestHash).toBe(hash());
  });

  test('takes payer and receiver for what they are', () => {
    expect(hash({ debitWalletId: 12n, creditWalletId: 11n })).not.toBe(hash());
  });
});

describe('a freezing', () => {
  const ASKED_FREEZE = { kind: 'freeze', creditWalletId: 11n, amountMinor: 0n } as const;

  test('has the same identity and hash for ever', () => {
    const { id, requestHash } = create(ASKED_FREEZE);
    expect(id).toBe(create().id);
    expect(requestHash).toBe('6441d40abbcf308b415c3b0a8612c2d14b9ecf796bd9e4f0fbbda66cb54bd20b');
  });

  test('is another request than thawing the same wallet for the same reason', () => {
    expect(create({ ...ASKED_FREEZE, kind: 'unfreeze' }).requestHash).not.toBe(create(ASKED_FREEZE).requestHash);
  });
});

describe('a command', () => {
  test('expires ten minutes after it was accepted', () => {
    expect(create()).toMatchObject({ acceptedAtMs: NOW_MS, expiresAtMs: NOW_MS + 600_000 });
  });

  test('is an item of the list that it was asked for in, and of none otherwise', () => {
    const list = { id: uuidv7(), size: 3 };
    expect(create({ list })).toEqual({ ...create(), list });
    expect(create()).not.toHaveProperty('list');
  });

  test('travels unchanged, with nothing added or lost', () => {
    for (const command of [
      create(),
      create({ externalId: 'A-17', details: undefined }),
      create({ list: { id: uuidv7(), size: 3 } }),
      create({ kind: 'unfreeze', creditWalletId: 11n, amountMinor: 0n }),
    ]) {
      expect(fromWire(JSON.parse(JSON.stringify(toWire(command))))).toEqual({ ok: true, command });
    }
  });
});
