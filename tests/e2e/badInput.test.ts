/**
 * Whatever a client sends that is wrong, it gets a problem document that names every field that is, and nothing
 * anywhere has changed.
 */
import { afterAll, beforeAll, describe, test } from 'vitest';
import { DEPOSIT, LONE_SURROGATE, PAY, invalid, refused, shown, startRefusals } from '../support/refusals.ts';
import type { Refusals } from '../support/refusals.ts';

let service: Refusals;
beforeAll(async () => {
  service = await startRefusals();
});
afterAll(() => service.stop());

describe('a field of a payment', () => {
  const ids = [2 ** 53, 1e300, -1, 0, 1.5, '1', true, null, [1], { id: 1 }];
  test.each(shown(ids))('wallet_id %s is refused by name', async (_, wallet_id) => {
    await service.expectRefused(() => service.pay(service.payment({ wallet_id })), invalid('wallet_id'));
  });

  const numbers = [0, -1, -0.01, 0.001, 1.005, 1e21, 1e-7, 10_000_000_000_000_000, 12_345_678_901_234.56];
  const texts = [
    '',
    ' ',
    '0',
    '0.00',
    '-1',
    '+1',
    '1e3',
    '1,5',
    ' 1',
    '1 ',
    '01',
    '.5',
    '5.',
    '0x10',
    'NaN',
    'Infinity',
  ];
  const digits = ['1.001', '10000000000000000', '99999999999999.99', '１', '1\u0000'];
  test.each(shown([...numbers, ...texts, ...digits, true, null, {}, [1]]))(
    'amount %s is refused by name',
    async (_, amount) => {
      await service.expectRefused(() => service.pay(service.payment({ amount })), invalid('amount'));
    },
  );

  const details = [
    7,
    true,
    null,
    ['a'],
    { a: 1 },
    'x'.repeat(501),
    'a\u0000b',
    'a\u0007b',
    'line\nbreak',
    '\u0085',
    LONE_SURROGATE,
  ];
  test.each(shown(details))('details %s is refused by name', async (_, text) => {
    await service.expectRefused(() => service.pay(service.payment({ details: text })), invalid('details'));
  });

  test('every wrong field of one body is named', async () => {
    await service.expectRefused(
      () => service.pay({ wallet_id: 0, amount: [], details: 1, note: 1 }),
      invalid('wallet_id', 'amount', 'details', 'note'),
    );
    await service.expectRefused(() => service.pay({}), invalid('wallet_id', 'amount'));
  });

  test.each(['"note": 1', '"__proto__": {"wallet_id": 1}', '"constructor": 1', '"external_id": "a"', '"": 1'])(
    'the unknown field %s is refused by name',
    async (field) => {
      const name = /^"(.*?)"/.exec(field)![1]!;
      await service.expectRefused(() => service.pay(service.rawPayment(field)), invalid(name === '' ? 'body' : name));
    },
  );

  test('five thousand unknown fields are refused, and twenty of them named', async () => {
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`field${index}`, index]));
    const first = Array.from({ length: 20 }, (_, index) => `field${index}`);
    await service.expectRefused(() => service.pay(service.payment(many)), invalid(...first));
  });
});

describe('a deposit', () => {
  test.each(shown(['', 'x'.repeat(256), 'a\u0000', LONE_SURROGATE, 7, null]))(
    'with external_id %s is refused by name',
    async (_, external_id) => {
      await service.expectRefused(
        () => service.bank.post(DEPOSIT, service.payment({ external_id })),
        invalid('external_id'),
      );
    },
  );

  test('by a customer, and a payment by a bank, is forbidden', async () => {
    await service.expectRefused(
      () => service.client.post(DEPOSIT, service.payment(), service.payer.headers),
      refused(403, 'forbidden'),
    );
    await service.expectRefused(() => service.bank.post(PAY, service.payment()), refused(403, 'forbidden'));
    await service.expectRefused(() => service.client.post(DEPOSIT, service.payment()), refused(401, 'unauthenticated'));
  });

  test('into a wallet that is not there or is a bank’s is refused', async () => {
    const { json } = await service.bank.get('/api/wallet');
    await service.expectRefused(
      () => service.bank.post(DEPOSIT, service.payment({ wallet_id: json['wallet_id'] })),
      refused(404, 'wallet_not_found'),
    );
    await service.expectRefused(
      () => service.bank.post(DEPOSIT, service.payment({ wallet_id: 2 ** 53 - 1 })),
      refused(404, 'wallet_not_found'),
    );
  });
});

describe('a sign-up', () => {
  const person = (over: object = {}) => ({ name: 'Ann', email: 'ann@localhost.ru', password: 'Pa$$w0rd', ...over });
  test.each(
    shown<object>([
      ...['', '  ', 'x'.repeat(101), 'a\u0000b', 'a\u001bb', LONE_SURROGATE, 7, null].map((name) => ({ name })),
      ...['', 'ann', '@localhost', 'a b@c', 'a@b@c', `${'x'.repeat(250)}@b.ru`, 'a\u0000@b.ru', 7].map((email) => ({
        email,
      })),
      ...['', 'short', 'x'.repeat(201), 'with\u0000nul!', `${LONE_SURROGATE}password`, 12_345_678].map((password) => ({
        password,
      })),
      { role: 'operator' },
    ]),
  )('with %s is refused by name', async (_, over) => {
    await service.expectRefused(() => service.client.post('/api/signup', person(over)), invalid(Object.keys(over)[0]!));
  });

  test('with the e-mail of an account in capitals or with spaces around it is refused', async () => {
    const expected = refused(409, 'email_taken');
    await service.expectRefused(
      () => service.client.post('/api/signup', person({ email: service.payer.email.toUpperCase() })),
      expected,
    );
    await service.expectRefused(
      () => service.client.post('/api/signup', person({ email: `  ${service.payer.email} ` })),
      expected,
    );
  });

  test('in and out again with what cannot be an account is refused', async () => {
    const wrong = refused(401, 'invalid_credentials');
    await service.expectRefused(
      () => service.client.post('/api/login', { email: 'nobody@localhost.ru', password: 'Pa$$w0rd' }),
      wrong,
    );
    await service.expectRefused(
      () => service.client.post('/api/login', { email: service.payer.email }),
      invalid('password'),
    );
    await service.expectRefused(() => service.client.post(PAY, service.payment(), { Authorization: 'Basic !' }), wrong);
    await service.expectRefused(
      () => service.client.post(PAY, service.payment(), { Authorization: 'Bearer token' }),
      wrong,
    );
    await service.expectRefused(
      () => service.client.post(PAY, service.payment(), { Cookie: 'saldo.sid=s%3Aforged.signature' }),
      refused(401, 'unauthenticated'),
    );
  });
});
