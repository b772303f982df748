/**
 * The process that keeps a fixed rate of arrivals. A timer cannot be more exact than a millisecond: whatever has become
 * due since it last ran is sent together, and being sent late counts as waiting. Answers in the first three seconds are
 * not counted: connections are made in them, and this program itself is still being compiled, on the same processors.
 * `connections` bounds how many requests are under way; those that are due and find none free wait for one, and that
 * counts, too.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { createLatencyRecorder } from './latency.ts';
import { REQUEST_LIMIT_MS } from './load.ts';
import type { LoadResult } from './load.ts';
import { serveGenerator } from './generator.ts';
import { UNCOUNTED_SECONDS } from './openLoop.ts';
import type { OpenLoad } from './openLoop.ts';
import { readPeople } from './peopleFile.ts';
import { countDone, createRequests } from './requests.ts';

const TICK_MS = 1;
const UNCOUNTED_MS = UNCOUNTED_SECONDS * 1000;

serveGenerator(async (load: OpenLoad): Promise<LoadResult> => {
  const { url, ask, perSecond, seconds, connections } = load;
  const next = createRequests(ask, await readPeople(load.peopleFile));
  const pool = new Pool(url, { connections, pipelining: 1, headersTimeout: REQUEST_LIMIT_MS });
  const latency = createLatencyRecorder();
  const statuses: Record<string, number> = {};
  let [done, failed] = [0, 0];

  const send = async (isCounted: boolean, dueMs: number) => {
    try {
      const { statusCode, body } = await pool.request(next());
      const text = await body.text();
      done += countDone(ask, statusCode, text);
      statuses[statusCode] = (statuses[statusCode] ?? 0) + 1;
    } catch {
      failed += 1;
    }
    if (isCounted) latency.record(performance.now() - dueMs);
  };

  const startedMs = performance.now();
  const total = Math.round((UNCOUNTED_MS / 1000 + seconds) * perSecond);
  const underWay: Promise<void>[] = [];
  while (underWay.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - startedMs) * perSecond) / 1000));
    while (underWay.length < due) {
      const afterMs = (underWay.length * 1000) / perSecond;
      underWay.push(send(afterMs >= UNCOUNTED_MS, startedMs + afterMs));
    }
    await delay(TICK_MS);
  }
  await Promise.all(underWay);
  const tookMs = performance.now() - startedMs;
  await pool.close();
  return { tookMs, statuses, done, failed, latencyMs: latency.summary() };
});
