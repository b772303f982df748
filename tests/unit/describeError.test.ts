/** What is written down of an error: enough to find the fault, and nothing that somebody has sent. */
import { readFile } from 'node:fs/promises';
import { hash, verify } from '@node-rs/argon2';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Problem } from '../../api/http/problem.ts';
import { describeError, errorLines, errorSentence } from '../../shared/errors/describeError.ts';
import { Fault } from '../../shared/errors/fault.ts';
import { createHealthLog, createLogger } from '../../shared/logger.ts';

const CANARY = 'CANARY_7f3a';

async function thrownBy(work: () => unknown): Promise<Error> {
  try {
    await work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

function logged(log: (logger: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  log(createLogger('test', 'trace', { write: (line) => lines.push(line) }));
  return lines.join('');
}

/** Real faults, made with the canary in what the author of the error was given. */
const FAULTS: Record<string, () => unknown> = {
  'JSON that cannot be read': () => JSON.parse(CANARY) as unknown,
  'a URL that is none': () => new URL(`http://user:${CANARY}@[`),
  'a path that cannot be decoded': () => decodeURIComponent(`%${CANARY}`),
  'a number that is none': () => BigInt(CANARY),
  'a function that is none': () => [1].map(CANARY as never),
  'a constructor that is none': () => Reflect.construct(CANARY as never, []),
  'a promise of nothing': () => new Promise(CANARY as never),
  'a property of nothing': () => (undefined as unknown as Record<string, string>)[CANARY],
  'a property of text': () => {
    (CANARY as unknown as Record<string, number>)[CANARY] = 1;
  },
  'an argument of another type': () => Buffer.from(5 as never, CANARY as never),
  'a file that is missing': () => readFile(`/nowhere/${CANARY}`),
  'a request that is refused': () => fetch(`http://127.0.0.1:9/${CANARY}`),
  'a schema that is broken': () => z.strictObject({ amount: z.literal('x') }).parse({ amount: CANARY, [CANARY]: 1 }),
  'a record of unknown keys': () => z.record(z.string(), z.number()).parse({ [CANARY]: CANARY }),
  'a password hash that is none': () => verify(CANARY, 'password'),
  'a salt that is too short': () => hash('password', { salt: Buffer.from(CANARY.slice(0, 4)) }),
  text: () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- whatever is thrown may come here
    throw CANARY;
  },
  'an object': () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- whatever is thrown may come here
    throw { message: CANARY, body: CANARY };
  },
};

const canary = new RegExp(CANARY, 'i');

describe.each(Object.entries(FAULTS))('of %s', (_name, fault) => {
  test('nothing is told of what was given, wherever it is logged, printed or kept', async () => {
    const error = await thrownBy(fault);
    const told = [
      logged((logger) => {
        logger.error({ err: error }, 'a sentence');
        logger.error({ err: error });
        if (error instanceof Error) logger.error(error);
        logger.error({ error, cause: error, deeply: { in: [{ a: ['list', { error }] }] } }, 'under other names');
        createHealthLog(logger, 'database').down(error);
      }),
      errorLines(error),
      errorSentence(error),
    ];
    expect(told.join('\n')).not.toMatch(canary);
    expect(told[0]!.trim().split('\n')).toHaveLength(error instanceof Error ? 5 : 4);
  });
});

describe('what is told', () => {
  test('the type, the code, and the frames of the stack without the message before them', async () => {
    const error = await thrownBy(() => JSON.parse(`${CANARY}\n    at evil (/etc/${CANARY}:1:1)`));
    const { type, stack } = describeError(error);
    expect(type).toBe('SyntaxError');
    expect(stack).toMatch(/^ {4}at /);
    expect(stack).toContain('describeError.test.ts');
    expect(stack).not.toMatch(canary);
  });

  test('a message of many lines that look like frames, changed after the stack was taken, is not taken for frames', () => {
    const error = new Error(`${CANARY}\n    at evil (/etc/${CANARY}:1:1)\n${CANARY}`);
    error.message = 'another';
    expect(JSON.stringify(describeError(error))).not.toMatch(canary);
  });

  test('of a system call what was called and where', async () => {
    const error = await thrownBy(() => fetch('http://127.0.0.1:9/'));
    const refused = Object.assign(new Error('x'), {
      syscall: 'connect',
      code: 'ECONNREFUSED',
      address: '::1',
      port: 5,
    });
    expect(errorSentence(refused)).toBe('connect ECONNREFUSED ::1:5');
    expect(describeError(error)).toMatchObject({ type: 'TypeError', message: 'fetch failed' });
  });

  test('our own sentences as they are, with what they were caused by', () => {
    const problem = new Problem(
      'unavailable',
      {},
      new AggregateError([new Error(CANARY), new RangeError(CANARY)], CANARY),
    );
    const described = describeError(problem);
    expect(described).toMatchObject({ type: 'Problem', code: 'unavailable', cause: { type: 'AggregateError' } });
    expect(described.message).not.toBe(described.cause?.message);
    expect(described.cause?.errors?.map(({ type }) => type)).toEqual(['Error', 'RangeError']);
    expect(JSON.stringify(described)).not.toMatch(canary);
  });

  test.each<Error>([
    new Fault('Migration 1 failed and changed nothing'),
    new RangeError('operation 00000000-0000-4000-8000-00000000000c makes or loses money'),
    new RangeError("an effect on wallet 7, which is not among its command's"),
    new Error('unknown currency XTS'),
    new Error('Connection terminated unexpectedly'),
  ])('the sentence of $message', (error) => {
    expect(describeError(error).message).toBe(error.message);
  });

  test('of an error in a circle, of endless causes and of thousands of parts only the first', () => {
    const circle: Error & { errors?: unknown[] } = new Error('round');
    circle.cause = circle;
    circle.errors = Array.from({ length: 5_000 }, () => circle);
    expect(JSON.stringify(describeError(circle)).length).toBeLessThan(50_000);
  });

  test('an error that cannot even be looked at is told as such', () => {
    const hostile = new Proxy(new Error('x'), {
      get: () => {
        throw new Error(CANARY);
      },
    });
    expect(describeError(hostile)).toMatchObject({ type: 'object' });
  });

  test('what is no plain data is named and not opened', () => {
    const socket = new (class Socket {
      body = CANARY;
    })();
    expect(logged((logger) => logger.warn({ socket, list: [socket], bytes: Buffer.from(CANARY) }, 'it'))).not.toMatch(
      canary,
    );
  });

  test('a secret by its name is still removed', () => {
    const line = logged((logger) => logger.warn({ password: CANARY, of: { cookie: CANARY } }, 'it'));
    expect(line).toContain('[redacted]');
    expect(line).not.toMatch(canary);
  });
});
