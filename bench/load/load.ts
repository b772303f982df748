/** What a load generator is asked to do, and what it tells afterwards, whichever of them it is. */

/** What one request asks for. Amounts are one kopeck, so that money never runs out. */
export type Ask =
  | { kind: 'get'; path: string; cookie?: string }
  /** From a random person to `to`, or to another random person; keyed ones carry an `Idempotency-Key`. */
  | { kind: 'transfer'; isKeyed: boolean; to?: number }
  /** By the bank, whose cookie it is, to a random person. */
  | { kind: 'deposit'; cookie: string }
  /** The same by HTTP Basic, without a session. */
  | { kind: 'basic-deposit'; authorization: string }
  /** By e-mail and password, one account after another. */
  | { kind: 'log-in'; accounts: readonly { email: string; password: string }[] }
  /** A list of keyed transfers from a random person to random others. */
  | { kind: 'bulk'; items: number };

export interface Load {
  url: string;
  ask: Ask;
  peopleFile: string;
  connections: number;
  seconds: number;
}

export interface LatencyMs {
  p50: number;
  p90: number;
  p99: number;
  max: number;
}

export interface LoadResult {
  tookMs: number;
  /** Answers by HTTP status. */
  statuses: Record<string, number>;
  /** What was answered as done: requests with 200, or the items of lists that say OK. */
  done: number;
  /** Connections that failed, and requests without an answer in time. */
  failed: number;
  latencyMs: LatencyMs;
}

/** A request that takes longer than this is counted as failed. */
export const REQUEST_LIMIT_MS = 10_000;

/** 422 is the ledger's own no; whatever else is not 2xx makes a run doubtful. */
export function unexpected({ statuses, failed }: Pick<LoadResult, 'statuses' | 'failed'>): number {
  const others = Object.entries(statuses).filter(([status]) => !/^2\d\d$|^422$/.test(status));
  return others.reduce((sum, [, count]) => sum + count, failed);
}
