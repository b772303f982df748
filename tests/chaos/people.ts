/**
 * Who takes part: customers who have signed up, the bank, and an operator. They bring their session's cookie, as a browser would,
 * and remember the balance they were last told, so that they can ask for more than they have.
 */
import { BANK, OPERATOR } from './system.ts';
import type { HttpAnswer, HttpClient } from './httpClient.ts';
import { isLost } from './history.ts';

export interface Person {
  /** The bank's is its settlement wallet; an operator has none, which is 0. */
  walletId: number;
  cookie: string;
  knownBalanceMinor: number;
}

export interface People {
  bank: Person;
  operator: Person;
  customers: Person[];
  /** The few customers who take part in far more movements than the others. */
  hot: Person[];
}

const SIGN_UPS_AT_ONCE = 4;
const HOT = 3;
const TIMEOUT_MS = 20_000;

export async function gatherPeople(http: HttpClient, ports: readonly number[], customers: number): Promise<People> {
  const call = async (index: number, path: string, body: object): Promise<HttpAnswer> => {
    const port = ports[index % ports.length] ?? 0;
    const answer = await http.send({ method: 'POST', port, path, body, timeoutMs: TIMEOUT_MS });
    if (isLost(answer) || answer.status >= 300) throw new Error(`${path} answered ${JSON.stringify(answer)}`);
    return answer;
  };
  const signed: Person[] = [];
  let next = 0;
  const signUp = async () => {
    for (let index = next++; index < customers; index = next++) {
      const name = `Customer ${index}`;
      const body = { name, email: `customer${index}@saldo.localhost`, password: `password of ${index}` };
      signed.push(toPerson(await call(index, '/api/signup', body)));
    }
  };
  await Promise.all(Array.from({ length: SIGN_UPS_AT_ONCE }, signUp));
  signed.sort((one, other) => one.walletId - other.walletId);
  const logIn = async (account: object) => toPerson(await call(0, '/api/login', account));
  return {
    bank: await logIn(BANK),
    operator: await logIn(OPERATOR),
    customers: signed,
    hot: signed.slice(0, HOT),
  };
}

function toPerson({ headers, body }: HttpAnswer): Person {
  const cookie = headers['set-cookie']?.[0]?.split(';', 1)[0];
  const { wallet_id: walletId } = body as { wallet_id?: number | null };
  if (cookie === undefined || walletId === undefined) throw new Error(`no cookie or wallet in ${JSON.stringify(body)}`);
  return { walletId: walletId ?? 0, cookie, knownBalanceMinor: 0 };
}
