/**
 * The demonstration itself: people sign up, a bank pays every one of them the same sum, then they pay each other, many
 * at once. What every answer said is added up here, independently of the service, and at the end compared with every
 * wallet.
 */
import { Fault } from '../../shared/errors/fault.ts';
import { currencyExponent, parseAmount, printAmount } from '../../shared/ledger/money.ts';
import type { Progress } from '../progress.ts';
import type { Send } from './http.ts';
import { createTally, move } from './movements.ts';
import type { Tally } from './movements.ts';
import { inParallel } from './pacing.ts';
import { logIn, readHolding, signUpPeople } from './sessions.ts';
import type { Holding, Session } from './sessions.ts';

export interface PlayOptions {
  people: number;
  transfers: number;
  connections: number;
  bank: { email: string; password: string };
  showProgress: (label: string, total: number) => Progress;
}

export interface Phase {
  count: number;
  tookMs: number;
}

export interface Played {
  signUps: Phase;
  deposits: Phase & { tally: Tally };
  transfers: Phase & { tally: Tally };
  currency: string;
  /** What all wallets hold together, in minor units. */
  totalMinor: bigint;
  /** Wallets that do not hold what the answers add up to. */
  differing: { walletId: number; expected: string; actual: string }[];
}

/** What the bank pays to each, and the most that one pays another, in whole units of the currency. */
const DEPOSIT_UNITS = 1_000n;
const TRANSFER_UNITS = 5n;

export async function play(send: Send, options: PlayOptions): Promise<Played> {
  const { connections, showProgress } = options;
  const bank = await logIn(send, options.bank.email, options.bank.password);
  const { currency } = await readHolding(bank);
  const unitMinor = 10n ** BigInt(currencyExponent(currency));

  let people: Session[] = [];
  const signUps = await timed(showProgress('people', options.people), options.people, async (onDone) => {
    people = await signUpPeople(send, options.people, { connections, onDone });
  });
  const expected = new Map<number, bigint>(people.map(({ walletId }) => [walletId, 0n]));
  const add = (walletId: number, amountMinor: bigint): void => {
    expected.set(walletId, (expected.get(walletId) ?? 0n) + amountMinor);
  };

  const depositTally = createTally();
  const deposits = await timed(showProgress('deposits', people.length), people.length, (onDone) =>
    inParallel(people.length, { connections, onDone }, async (index) => {
      const to = pick(people, index);
      const amountMinor = DEPOSIT_UNITS * unitMinor;
      const body = { wallet_id: to.walletId, amount: printAmount(amountMinor, currency), details: 'Welcome' };
      if ((await move(bank, '/api/external_to_wallet', body, depositTally)) === 'applied')
        add(to.walletId, amountMinor);
    }),
  );

  const transferTally = createTally();
  const transfers = await timed(showProgress('transfers', options.transfers), options.transfers, (onDone) =>
    inParallel(options.transfers, { connections, onDone }, async () => {
      const [from, to] = pickPair(people);
      const amountMinor = BigInt(1 + Math.floor(Math.random() * Number(TRANSFER_UNITS * unitMinor)));
      const body = { wallet_id: to.walletId, amount: printAmount(amountMinor, currency) };
      if ((await move(from, '/api/wallet_to_wallet', body, transferTally)) !== 'applied') return;
      add(from.walletId, -amountMinor);
      add(to.walletId, amountMinor);
    }),
  );

  return {
    signUps,
    deposits: { ...deposits, tally: depositTally },
    transfers: { ...transfers, tally: transferTally },
    currency,
    ...(await compare(people, expected, connections)),
  };
}

/** Reads every wallet and names those that hold something else than the answers add up to. */
async function compare(
  people: Session[],
  expected: ReadonlyMap<number, bigint>,
  connections: number,
): Promise<Pick<Played, 'totalMinor' | 'differing'>> {
  const differing: Played['differing'] = [];
  let totalMinor = 0n;
  await inParallel(people.length, { connections, onDone: () => undefined }, async (index) => {
    const person = pick(people, index);
    const holding = await readHolding(person);
    const actualMinor = minorOf(holding);
    const expectedMinor = expected.get(person.walletId) ?? 0n;
    totalMinor += actualMinor;
    if (actualMinor === expectedMinor) return;
    const print = (amountMinor: bigint): string => printAmount(amountMinor, holding.currency);
    differing.push({ walletId: person.walletId, expected: print(expectedMinor), actual: print(actualMinor) });
  });
  return { totalMinor, differing };
}

function minorOf({ balance, currency }: Holding): bigint {
  if (balance === 0) return 0n;
  const parsed = parseAmount(balance, currency);
  if (!parsed.ok) throw new Fault(`a wallet's balance ${balance} ${parsed.broke}`);
  return parsed.amountMinor;
}

async function timed(
  progress: Progress,
  count: number,
  work: (onDone: (done: number) => void) => Promise<unknown>,
): Promise<Phase> {
  const startedAtMs = performance.now();
  try {
    await work(progress.update);
    return { count, tookMs: performance.now() - startedAtMs };
  } finally {
    progress.stop();
  }
}

function pick(people: readonly Session[], index: number): Session {
  const person = people[index];
  if (!person) throw new RangeError(`no person ${index}`);
  return person;
}

/** Two different people. */
function pickPair(people: readonly Session[]): [Session, Session] {
  const from = Math.floor(Math.random() * people.length);
  const away = 1 + Math.floor(Math.random() * (people.length - 1));
  return [pick(people, from), pick(people, (from + away) % people.length)];
}
