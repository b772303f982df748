/** Accounts in a real database, commands between them, and what became of those: below HTTP and below the queues. */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { v5 as uuidv5, v7 as uuidv7 } from 'uuid';
import type { Command, KindName, WalletKind } from '../../shared/ledger/command.ts';
import { applyCommands } from '../../shared/store/ledger/applyCommands.ts';
import type { Pool } from '../../shared/store/database/pool.ts';

export interface Account {
  userId: bigint;
  walletId: bigint;
  currency: string;
}

export interface AccountOptions {
  currency?: string;
  /** So that the wallet's group can be chosen. */
  walletId?: bigint;
}

export function createBank(pool: Pool, options: AccountOptions = {}): Promise<Account> {
  return createAccount(pool, 'settlement', options);
}

/** A customer who has `balanceMinor`, deposited by `bank`. */
export async function createCustomer(
  pool: Pool,
  options: AccountOptions & { bank?: Account; balanceMinor?: bigint } = {},
): Promise<Account> {
  const account = await createAccount(pool, 'customer', options);
  const { bank, balanceMinor = 0n } = options;
  if (bank && balanceMinor > 0n) await applyCommands(pool, [deposit(bank, account, balanceMinor)]);
  return account;
}

async function createAccount(pool: Pool, kind: WalletKind, options: AccountOptions): Promise<Account> {
  const { currency = 'RUB', walletId = null } = options;
  const { rows } = await pool.query<{ owner_id: bigint; id: bigint }>(
    `WITH owner AS (INSERT INTO app_user (name, email, password_hash, role) VALUES ('Test', $1, 'x', $2) RETURNING id)
     INSERT INTO wallet (id, owner_id, kind, currency)
     SELECT coalesce($5::bigint, nextval(pg_get_serial_sequence('wallet', 'id'))), id, $3, $4 FROM owner
     RETURNING owner_id, id`,
    [uuidv7(), kind === 'settlement' ? 'bank' : 'customer', kind, currency, walletId],
  );
  return { userId: rows[0]!.owner_id, walletId: rows[0]!.id, currency };
}

/** The id of a new operator. */
export async function createOperator(pool: Pool): Promise<bigint> {
  const { rows } = await pool.query<{ id: bigint }>(
    `INSERT INTO app_user (name, email, password_hash, role) VALUES ('Test', $1, 'x', 'operator') RETURNING id`,
    [uuidv7()],
  );
  return rows[0]!.id;
}

export function deposit(bank: Account, to: Account, amountMinor: bigint, changes: Partial<Command> = {}): Command {
  return command('deposit', bank, to, amountMinor, changes);
}

export function transfer(from: Account, to: Account, amountMinor: bigint, changes: Partial<Command> = {}): Command {
  return command('transfer', from, to, amountMinor, changes);
}

/** For a day, unless `terms` say otherwise. */
export function hold(from: Account, to: Account, amountMinor: bigint, changes: Partial<Command> = {}): Command {
  return command('hold', from, to, amountMinor, { terms: { expiresIn: 86_400 }, ...changes });
}

/** About a hold, by whom it is for; an amount of zero is all that remains. */
export function resolution(
  kind: Extract<KindName, 'capture' | 'release'>,
  [from, to]: readonly [Account, Account],
  holdId: string,
  { amountMinor = 0n, ...changes }: Partial<Command> = {},
): Command {
  return command(kind, from, to, amountMinor, { claimId: holdId, initiatorId: to.userId, ...changes });
}

/** By the operator whose id is given. */
export function freezing(
  kind: Extract<KindName, 'freeze' | 'unfreeze'>,
  account: Account,
  operatorId: bigint,
  changes: Partial<Command> = {},
): Command {
  return command(kind, account, account, 0n, { initiatorId: operatorId, ...changes });
}

/** The same commands as the items of one atomic list. */
export function atomic(items: readonly Command[]): Command[] {
  const list = { id: uuidv7(), size: items.length };
  return items.map((item) => ({ ...item, list }));
}

/** Another request under the same id: what a client that reuses its key sends. */
export function withOtherBody(original: Command, amountMinor: bigint): Command {
  return { ...original, amountMinor, requestId: uuidv7(), requestHash: hashOf(original.id, amountMinor) };
}

let ids = 0;

/** As the API makes them: fresh for a request without a key, and of the other version for one with a key. */
function nextId(): string {
  return ++ids % 2 === 0 ? uuidv7() : uuidv5(uuidv7(), uuidv7());
}

function command(
  kind: Command['kind'],
  debit: Account,
  credit: Account,
  amountMinor: bigint,
  changes: Partial<Command>,
): Command {
  const id = changes.id ?? nextId();
  const nowMs = Date.now();
  return {
    ...{ id, kind, amountMinor },
    debitWalletId: debit.walletId,
    creditWalletId: credit.walletId,
    currency: debit.currency,
    details: null,
    externalId: null,
    initiatorId: debit.userId,
    requestId: uuidv7(),
    requestHash: hashOf(id, amountMinor),
    acceptedAtMs: nowMs,
    expiresAtMs: nowMs + 600_000,
    ...changes,
  };
}

function hashOf(id: string, amountMinor: bigint): string {
  return createHash('sha256').update(`${id} ${amountMinor}`).digest('hex');
}

interface StoredOperation {
  id: string;
  status: 'applied' | 'rejected';
  reason: string | null;
  amount: bigint;
  debit_seq: bigint | null;
  credit_seq: bigint | null;
}

async function storedOperations(pool: Pool, ids: readonly string[]): Promise<Map<string, StoredOperation>> {
  const { rows } = await pool.query<StoredOperation>(
    'SELECT id, status, reason, amount, debit_seq, credit_seq FROM outcome WHERE id = ANY($1::uuid[])',
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** `applied`, why it was rejected, or `none`, for each command in its place. */
export async function outcomesOf(pool: Pool, commands: readonly { id: string }[]): Promise<string[]> {
  const stored = await storedOperations(
    pool,
    commands.map(({ id }) => id),
  );
  return commands.map(({ id }) => stored.get(id)?.reason ?? stored.get(id)?.status ?? 'none');
}

export async function balanceOf(pool: Pool, account: Account): Promise<bigint> {
  const { rows } = await pool.query<{ balance: bigint }>('SELECT balance FROM wallet WHERE id = $1', [
    account.walletId,
  ]);
  return rows[0]!.balance;
}

export async function isFrozen(pool: Pool, account: Account): Promise<boolean> {
  const { rows } = await pool.query<{ is_frozen: boolean }>('SELECT is_frozen FROM wallet WHERE id = $1', [
    account.walletId,
  ]);
  return rows[0]!.is_frozen;
}

/** A transaction of the test's own that holds the rows of these wallets until `release`. */
export async function holdAccounts(
  databaseUrl: string,
  accounts: readonly Account[],
): Promise<{ client: pg.Client; release: () => Promise<void> }> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'holder' });
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT FROM wallet WHERE id = ANY($1) FOR UPDATE', [accounts.map(({ walletId }) => walletId)]);
  return { client, release: () => client.end() };
}

/** How many sessions of this database wait for a lock just now, and their process ids. */
export async function lockWaiters(client: pg.ClientBase | Pool): Promise<number[]> {
  const { rows } = await client.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows.map(({ pid }) => pid);
}

/** A transaction of the test's own that lets others read a table but not write to it, until `release`. */
export async function holdTable(databaseUrl: string, table: string): Promise<{ release: () => Promise<void> }> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'holder' });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${table} IN SHARE MODE`);
  return { release: () => client.end() };
}
