/** What a harm is asked to do, and what became of it. */
import type { LoadResult } from '../load/load.ts';

/** What each of its connections sends, again as soon as it is answered. */
export type HarmAsk =
  | { kind: 'get'; path: string; cookie?: string }
  /** One list of NDJSON, a megabyte of lines that are not JSON. */
  | { kind: 'lines'; cookie: string }
  /** Another account each time. */
  | { kind: 'sign-up' }
  /** More than there is in the wallet. */
  | { kind: 'overdraw'; cookie: string; to: number };

export interface HarmLoad {
  url: string;
  ask: HarmAsk;
  connections: number;
  seconds: number;
}

export type HarmResult = Pick<LoadResult, 'statuses' | 'failed'> & {
  /** Processor time of the generator itself, which runs on the same machine. */
  cpuMs: number;
};
