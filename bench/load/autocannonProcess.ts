/** autocannon, for machines without wrk, in a process of its own. It takes more processor time than wrk. */
import autocannon from 'autocannon';
import { createLatencyRecorder } from './latency.ts';
import { REQUEST_LIMIT_MS } from './load.ts';
import type { Load, LoadResult } from './load.ts';
import { serveGenerator } from './generator.ts';
import { readPeople } from './peopleFile.ts';
import { countDone, createRequests } from './requests.ts';

serveGenerator(async ({ url, ask, connections, seconds, peopleFile }: Load): Promise<LoadResult> => {
  const next = createRequests(ask, await readPeople(peopleFile));
  const latency = createLatencyRecorder();
  const statuses: Record<string, number> = {};
  let done = 0;
  const request: autocannon.Request = {
    setupRequest: (blank) => ({ ...blank, ...next() }),
    onResponse: (status, body) => (done += countDone(ask, status, body)),
  };
  const options = { url, connections, duration: seconds, timeout: REQUEST_LIMIT_MS / 1000, requests: [request] };
  const { duration, errors } = await new Promise<autocannon.Result>((resolve, reject) => {
    const running = autocannon(options, (error: Error | null, result) => (error ? reject(error) : resolve(result)));
    running.on('response', (_client, status, _bytes, tookMs) => {
      statuses[status] = (statuses[status] ?? 0) + 1;
      latency.record(tookMs);
    });
  });
  return { tookMs: duration * 1000, statuses, done, failed: errors, latencyMs: latency.summary() };
});
