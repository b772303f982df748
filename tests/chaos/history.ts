/**
 * What the clients did and what they were told: all that the checker knows of the service, beside the database.
 *
 * An *operation* here is what one client means by one key: a body of its own, perhaps another body sent under the same
 * key on purpose (the *clash*), and every attempt to have it done or to ask after it. Each body has its own `details`
 * text, which the service stores as it is: by it, and by nothing that the service computed, the checker finds rows again.
 * Times are milliseconds of this process's one clock.
 */

import { asCode, isSettled } from '../../shared/problems.ts';

/** `freeze` and `unfreeze` are an operator's, and move nothing. */
type Kind = 'deposit' | 'transfer' | 'freeze' | 'unfreeze';
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
  /** `none`: it carries neither, and so is sent once and never again. */
  identity: 'key' | 'external' | 'none';
  kind: Kind;
  /** The wallet that money leaves; the one that is frozen. */
  payerWalletId: number;
  own: Body;
  clash?: Body;
  /** The atomic list that it is an item of: never sent but as this list, with the items in the order of the history. */
  list?: string;
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
  isFrozen?: boolean;
  /** What the service called this very request. */
  requestId?: string;
}

/** Where money leaves, and for a deposit where it arrives. */
export function queueingWallet({ kind, payerWalletId, own, ...bodies }: Operation, which: Which): number {
  return kind === 'deposit' ? (which === 'own' ? own : (bodies[which] ?? own)).walletId : payerWalletId;
}

/** No answer: the client gave up waiting, the connection broke, or nobody listened (then nothing was sent). */
export interface Lost {
  lost: 'timeout' | 'reset' | 'refused';
}

export interface Attempt {
  /** `send` is a POST of the body, alone or in a list; `ask` a GET of the operation. */
  what: 'send' | 'ask';
  which: Which;
  /** It asked for a 202 at once. */
  isAsync?: true;
  /** Index of the API process it was sent to. */
  api: number;
  sentAtMs: number;
  endedAtMs: number;
  result: Answer | Lost;
  /** Of a list whose items are decided one by one but answered together: the wallets whose groups they queue in. */
  answeredWith?: readonly number[];
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

/** Why the ledger says no in these runs: what is stored, and so answered to every request under the key. */
export const REJECTIONS = ['insufficient_funds', 'wallet_frozen', 'list_rejected'];

/** What may be answered while something is broken or too much: the same request may do it later. */
const BUSY = ['overloaded', 'outcome_unknown', 'unavailable'];

export function isBusy(code: string | undefined): boolean {
  return code !== undefined && BUSY.includes(code);
}

/** An outcome that may never change any more. */
export function isFinal(attempt: Pick<Attempt, 'what' | 'result'>): boolean {
  const { result } = attempt;
  if (isLost(result)) return false;
  if (attempt.what === 'ask') return result.status === 200 && result.word !== 'PENDING';
  const code = asCode(result.code);
  return code === undefined ? result.status === 200 : isSettled(code);
}

const startedAtMs = Date.now() - performance.now();

/** Now, in milliseconds since the epoch, never running backwards. */
export function clockMs(): number {
  return startedAtMs + performance.now();
}
