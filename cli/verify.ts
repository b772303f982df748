/**
 * `npm run verify`: proves from the entries that no cent was lost, doubled or invented. Writes nothing, holds
 * no snapshot for long, and may run beside a live service. Exit status: 0 sound, 1 not sound, 2 could not be checked.
 */
import { readEnv } from '../shared/env.ts';
import { printFailure } from '../shared/lifecycle.ts';
import { runVerify } from './runVerify.ts';

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stopping.abort());

try {
  process.exitCode = await runVerify(readEnv(process.env), stopping.signal);
} catch (error) {
  printFailure(error);
  process.exitCode = 2;
}
