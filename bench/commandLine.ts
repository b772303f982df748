/** What all benches share as programs: how they read their options, and how they end. */
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { ConfigurationError } from '../shared/env.ts';
import { buildService } from '../tests/support/processes.ts';

/** Every option is text but the flags. Throws `ConfigurationError` with the usage. */
export function parseOptions<Schema extends z.ZodObject>(
  schema: Schema,
  { usage, flags = [] }: { usage: string; flags?: readonly string[] },
): z.infer<Schema> {
  const names = Object.keys(schema.shape);
  const options = Object.fromEntries(
    names.map((name) => [name, { type: flags.includes(name) ? ('boolean' as const) : ('string' as const) }]),
  );
  try {
    return schema.parse(parseArgs({ options }).values);
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new ConfigurationError(`${why}\nUsage: ${usage}`);
  }
}

/** A whole number given as text. */
export const count = (most: number) => z.coerce.number().int().min(1).max(most);

/**
 * Runs a bench and sets the exit status: what `run` returns, or 2 when it could not be measured. Told to end, it stops
 * everything first, between two measurements.
 */
export async function runBenchProgram(run: (stopping: AbortSignal) => Promise<number>): Promise<void> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  try {
    buildService();
    process.exitCode = await run(stopping.signal);
  } catch (error) {
    if (stopping.signal.aborted) console.error('Interrupted; everything has been stopped.');
    // No customers here: everything there is to know.
    else console.error(error instanceof ConfigurationError ? error.message : error);
    process.exitCode = 2;
  }
}

/** Answers the exit status of a bench that was measured. */
export function tellFailures(sentences: readonly string[]): number {
  for (const sentence of sentences) console.error(sentence);
  return sentences.length === 0 ? 0 : 1;
}
