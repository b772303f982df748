/**
 * `npm run demo`: shows a running service at work. New people sign up, the bank pays them, they pay each other, many at
 * once; then the answers are compared with the wallets and the books are verified. Exit status: 0 all sound, 1 a sum
 * or the books are not, 2 it could not be done.
 */
import { access } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { ConfigurationError, readEnv } from '../shared/env.ts';
import type { Env } from '../shared/env.ts';
import { printFailure } from '../shared/lifecycle.ts';
import { loadCredentials } from './credentials.ts';
import { createHttpClient } from './demo/http.ts';
import type { Send } from './demo/http.ts';
import { play } from './demo/play.ts';
import { isConsistent, reportLines } from './demo/report.ts';
import { showProgress } from './progress.ts';
import { runVerify } from './runVerify.ts';

const USAGE = `npm run demo -- [--url http://127.0.0.1:5000] [--people 50] [--transfers 2000] [--connections 64]`;

const optionsSchema = z.object({
  url: z.url({ protocol: /^https?$/, error: 'must be a URL such as http://127.0.0.1:5000' }),
  people: z.coerce.number().int().min(2).max(100_000).default(50),
  transfers: z.coerce.number().int().min(1).max(10_000_000).default(2_000),
  connections: z.coerce.number().int().min(1).max(10_000).default(64),
});
type Options = z.infer<typeof optionsSchema>;

const stopping = new AbortController();

try {
  process.exitCode = await run();
} catch (error) {
  printFailure(error);
  process.exitCode = 2;
}

async function run(): Promise<number> {
  const env = readEnv(process.env);
  const options = readOptions(env);
  const bank = { email: env.BANK_EMAIL, password: await findBankPassword(env) };
  const { send, close } = createHttpClient(options.url, options.connections);
  let isSound: boolean;
  try {
    await assertListening(send, options.url);
    const { url, people, transfers, connections } = options;
    console.log(`${url}: ${people} people, ${transfers} transfers, ${connections} connections`);
    if (people > env.MAX_SIGNUPS_PER_MINUTE) {
      console.log(
        `Unless it runs with another MAX_SIGNUPS_PER_MINUTE it takes ${env.MAX_SIGNUPS_PER_MINUTE} in a minute.`,
      );
    }
    const played = await play(send, { ...options, bank, showProgress });
    for (const line of reportLines(played)) console.log(line);
    isSound = isConsistent(played);
  } finally {
    close();
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stopping.abort());
  const status = await runVerify(env, stopping.signal);
  return isSound ? status : 1;
}

/** Throws `ConfigurationError` with the usage. */
function readOptions(env: Env): Options {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({ options: { url: text, people: text, transfers: text, connections: text } });
    const parsed = optionsSchema.safeParse({ ...values, url: values.url ?? `http://127.0.0.1:${env.PORT}` });
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new Error(`--${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}`);
  } catch (error) {
    throw new ConfigurationError(`${error instanceof Error ? error.message : String(error)}\nUsage: ${USAGE}`);
  }
}

/** From the environment, or what `npm start` generated in this folder. */
async function findBankPassword(env: Env): Promise<string> {
  if (env.BANK_PASS !== undefined) return env.BANK_PASS;
  const folder = path.resolve('.saldo');
  try {
    await access(path.join(folder, 'credentials.json'));
  } catch {
    throw new ConfigurationError(
      'The bank’s password is not known: set BANK_PASS, or go to the folder in which `npm start` made its .saldo/.',
    );
  }
  return (await loadCredentials(folder, env)).BANK_PASS;
}

async function assertListening(send: Send, url: string): Promise<void> {
  const answer = await send({ method: 'GET', path: '/readyz' }).catch((error: unknown) => {
    const { code, message } = error as { code?: unknown; message?: unknown };
    const why = code === 'ECONNREFUSED' ? 'nothing listens there' : String(message ?? error);
    throw new ConfigurationError(
      `The service at ${url} cannot be reached: ${why}. Start it with \`npm start\`, or name another with --url.`,
    );
  });
  if (answer.status === 200) return;
  throw new ConfigurationError(`The service at ${url} is not ready: it answers /readyz with ${answer.status}.`);
}
