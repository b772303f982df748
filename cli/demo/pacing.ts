/** How much is sent at once, and when it is sent again. */
import { setTimeout as delay } from 'node:timers/promises';
import { PROBLEMS, asCode } from '../../shared/problems.ts';
import type { Answer } from './http.ts';

/** An attempt a second or so: half a minute of a service that is away or overloaded is borne. */
const MAX_ATTEMPTS = 30;
const DEFAULT_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 10_000;

/** Runs `count` tasks, as many side by side as there are connections, and returns their results in order. */
export async function inParallel<T>(
  count: number,
  { connections, onDone }: { connections: number; onDone: (done: number) => void },
  task: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      results[index] = await task(index);
      done += 1;
      onDone(done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(connections, count) }, work));
  return results;
}

/** Whether the service asks to be tried again: it is overloaded or away, and says when to come back. */
function asksToComeBack({ body }: Answer): boolean {
  const code = asCode(body?.['code']);
  return code !== undefined && PROBLEMS[code].means === 'open';
}

/** As long as `Retry-After` says, within bounds (RFC 9110, section 10.2.3; Saldo sends seconds). */
async function pause(answer?: Answer): Promise<void> {
  const asked = Number(answer?.headers['retry-after'] ?? NaN) * 1000;
  await delay(Math.min(Number.isFinite(asked) && asked > 0 ? asked : DEFAULT_PAUSE_MS, MAX_PAUSE_MS));
}

/** Sends again, a bounded number of times, what was refused before it had any effect. */
export async function retried(send: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send();
    if (!asksToComeBack(answer) || attempt === MAX_ATTEMPTS) return answer;
    await pause(answer);
  }
}

/** Like `retried`, for what may also be sent again when no answer came, because it carries an idempotency key. */
export async function retriedSafely(
  send: () => Promise<Answer>,
  onAnswer: (answer: Answer | undefined) => void,
): Promise<Answer | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send().catch(() => undefined);
    onAnswer(answer);
    const isFinal = answer !== undefined && !asksToComeBack(answer);
    if (isFinal || attempt === MAX_ATTEMPTS) return answer;
    await pause(answer);
  }
}
