/**
 * What is handed to a logger, with every error in it described, wherever it is: under `err`, under another name, in a list
 * of details. What is no plain data (a socket, a request, a job) is named and not opened.
 */
import { describeError, isErrorLike } from './describeError.ts';

const MAX_DEPTH = 4;
const MAX_ITEMS = 100;

export function withoutValues(fields: Record<string, unknown>): Record<string, unknown> {
  return cleanFields(fields, 0);
}

/** What is under one of these is an error, whatever was thrown. */
const ERROR_NAMES = new Set(['err', 'error', 'cause', 'fault']);

function cleanFields(fields: object, depth: number): Record<string, unknown> {
  const entries = Object.entries(fields).slice(0, MAX_ITEMS) as [string, unknown][];
  return Object.fromEntries(
    entries.map(([name, value]) => {
      const isError = ERROR_NAMES.has(name) && value !== undefined && value !== null;
      return [name, isError ? describeError(value) : clean(value, depth)];
    }),
  );
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (isErrorLike(value)) return describeError(value);
  if (value instanceof Date) return value;
  const kind = (value as { constructor?: { name?: string } }).constructor?.name;
  if (depth === MAX_DEPTH) return `[${kind ?? 'Object'}]`;
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => clean(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return `[${kind ?? 'Object'}]`;
  return cleanFields(value, depth + 1);
}
