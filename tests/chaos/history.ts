/**
 * What the clients did and what they were told: all that the checker knows of the service, beside the database.
 *
 * An *operation* here is what one client means by one key: a body of its own, perhaps another body sent under the same
 * key on purpose (the *clash*), and every attempt to have it done or to ask after it. Each body has its own `details`
 * text, which the service stores as it is: by it, and by nothing that the service computed, the checker finds rows again.
 * Times are milliseconds of this process's one clock.
 */

type Kind = 'deposit' | 'transfer';
export type Which = 'own' | 'clash';

interface Body {
  /** The wallet that receives. */
  walletId: number;
  amountMinor: number;
  /** Unique among all bodies of the run. */
  details: string;
}

export interface Operation {
  /** The Idempotency-Key, or the external_id. */
  name: string;
  identity: 'key' | 'external';
  kind: Kind;
  /** The wallet that money leaves. */
  payerWalletId: number;
  own: Body;
  clash?: Body;
  attempts: Attempt[];
}

/** An HTTP answer, reduced to what can be held against the service. */
export interface Answer {
  status: number;
  /** The problem's code. */
  code?: string;
  operationId?: string;
  walletId?: number;
  /** In minor units. */
  balanceMinor?: number;
  /** `OK`, `REJECTED` or `PENDING`. */
  word?: string;
  /** Why an operation that was asked for is rejected. */
  reason?: string;
  isReplay?: boolean;
}

/** No answer: the client gave up waiting, the connection broke, or nobody listened (then nothing was sent). */
export interface Lost {
  lost: 'timeout' | 'reset' | 'refused';
}

export interface Attempt {
  /** `send` is a POST of the body, `ask` a GET of the operation. */
  what: 'send' | 'ask';
  which: Which;
  /** Index of the API process it was sent to. */
  api: number;
  sentAtMs: number;
  endedAtMs: number;
  result: Answer | Lost;
}

/** A listed line of a wallet page. */
export interface SeenEntry {
  seq: number;
  operationId: string;
  amountMinor: number;
  balanceMinor: number;
}

/** One `GET /api/wallet` by a reader that sends the next only after the answer to the last. */
export interface Read {
  reader: string;
  walletId: number;
  api: number;
  sentAtMs: number;
  endedAtMs: number;
  result: Lost | { status: number; code?: string; balanceMinor?: number; entries?: SeenEntry[] };
}

export interface FaultRecord {
  kind: string;
  target: string;
  startMs: number;
  /** When the runner had undone it; a restarted process was ready by then. */
  endMs: number;
}

/** A process of the service that ended though nobody had ended it. */
export interface Death {
  who: string;
  atMs: number;
  said: string;
}

export interface History {
  operations: Operation[];
  reads: Read[];
  faults: FaultRecord[];
  deaths: Death[];
}

export function createHistory(): History {
  return { operations: [], reads: [], faults: [], deaths: [] };
}

export function isLost(result: object): result is Lost {
  return 'lost' in result;
}

/** An outcome that may never change any more. */
export function isFinal(attempt: Pick<Attempt, 'what' | 'result'>): boolean {
  const { result } = attempt;
  if (isLost(result)) return false;
  if (attempt.what === 'ask') return result.status === 200 && result.word !== 'PENDING';
  return [200, 400, 403, 404, 409, 422].includes(result.status);
}

const startedAtMs = Date.now() - performance.now();

/** Now, in milliseconds since the epoch, never running backwards. */
export function clockMs(): number {
  return startedAtMs + performance.now();
}
