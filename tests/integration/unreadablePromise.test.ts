/**
 * A promised operation that this process cannot read, as in the middle of an upgrade: whoever may know of it is told to
 * ask later, never that there is nothing.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertPending } from '../../shared/store/ledger/pendingOperations.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { transfer } from '../support/accounts.ts';
import type { Account } from '../support/accounts.ts';
import { OPERATOR, basic, startApi } from '../support/api.ts';
import type { Client, Customer, TestApi } from '../support/api.ts';

let api: TestApi;
let payer: Customer;
let receiver: Customer;

beforeAll(async () => {
  api = await startApi();
  [payer, receiver] = [await api.customer(), await api.customer()];
});
afterAll(() => api.close());

async function promise(): Promise<Command> {
  const account = ({ userId, walletId }: Customer): Account => ({
    userId: BigInt(userId),
    walletId: BigInt(walletId),
    currency: 'RUB',
  });
  const command = transfer(account(payer), account(receiver), 1n);
  await insertPending(api.pool, [{ command, dueInMs: 60_000 }], { partitions: 4, room: 10 });
  return command;
}

const spoil = ({ id }: Command, change: string) =>
  api.pool.query(`UPDATE pending_operation SET command = ${change} WHERE id = $1`, [id]);

const ask = async (client: Client, { id }: Command, headers?: Record<string, string>) => {
  const { status, json, headers: answered } = await client('GET', `/api/operations/${id}`, undefined, headers);
  return { status, said: json['code'] ?? json['status'], id: json['operation_id'], after: answered.get('retry-after') };
};

test('is told to its initiator and to operators as unavailable for now, and to nobody else', async () => {
  const command = await promise();
  await spoil(command, `jsonb_set(command, '{kind}', '"gift"')`);
  const later = { status: 503, said: 'unavailable', id: command.id, after: '1' };
  expect(await ask(payer.client, command)).toEqual(later);
  const operator = basic(OPERATOR.email, OPERATOR.password);
  expect(await ask(api.client(), command, operator)).toEqual(later);
  expect(await ask(receiver.client, command)).toMatchObject({ status: 404, said: 'operation_not_found' });
  await spoil(command, `jsonb_set(command, '{kind}', '"transfer"')`);
  expect(await ask(payer.client, command)).toMatchObject({ status: 200, said: 'PENDING' });
});

test('is told to operators alone when not even its initiator can be read', async () => {
  const command = await promise();
  await spoil(command, `'"damaged"'`);
  expect((await ask(payer.client, command)).status).toBe(404);
  expect((await ask(api.client(), command, basic(OPERATOR.email, OPERATOR.password))).status).toBe(503);
});
