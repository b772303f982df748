/**
 * An error as it may be written down: in a log, a span, the failed set of a queue, a column. Libraries put on their errors
 * what they were given (a Redis command with its arguments, a row that broke a constraint, a request's body), so nothing
 * is passed on but what is named here, and nothing of it is longer than it need be.
 */
import { LEFT_OUT, isPostgres, isWord, readableMessage } from './readableMessage.ts';
import type { ErrorLike } from './readableMessage.ts';

export interface DescribedError {
  type: string;
  message: string;
  /** The frames alone: the first line of a stack repeats the message. */
  stack?: string;
  cause?: DescribedError;
  errors?: DescribedError[];
  /** The words of `WORDS`, where the error has them. */
  [word: string]: unknown;
}

/** Passed on where they are single words or numbers. */
const WORDS = ['code', 'syscall', 'address', 'port', 'hostname', 'status'];
/** Names of things in the database, which are ours. Not `detail`, `where`, `hint` and the like: they quote rows. */
const POSTGRES_WORDS = ['severity', 'schema', 'table', 'column', 'dataType', 'constraint', 'routine'];

const MAX_DEPTH = 5;
/** Errors in one description, causes and parts together. */
const MAX_ERRORS = 12;
const MAX_FRAMES = 20;

/** Never throws, whatever was thrown. */
export function describeError(error: unknown): DescribedError {
  try {
    return describe(error, 0, { left: MAX_ERRORS });
  } catch {
    return { type: typeof error, message: LEFT_OUT };
  }
}

/** One line for whoever keeps no more than that. */
export function errorSentence(error: unknown): string {
  const { code, message } = describeError(error);
  return [typeof code === 'string' && !message.includes(code) ? code : '', message].filter(Boolean).join(' ');
}

/** For a terminal: the error and its causes, each with its stack. */
export function errorLines(error: unknown): string {
  const lines = ({ type, stack, message, cause, errors = [], ...words }: DescribedError): string => {
    const told = Object.entries(words).map(([name, value]) => `${name}: ${String(value)}`);
    const head = `${type}: ${message}${told.length > 0 ? ` (${told.join(', ')})` : ''}`;
    const inner = [...(cause ? [cause] : []), ...errors].map((each) => `caused by ${lines(each)}`);
    return [head, ...(stack === undefined ? [] : [stack]), ...inner].join('\n');
  };
  return lines(describeError(error));
}

function describe(error: unknown, depth: number, budget: { left: number }): DescribedError {
  budget.left -= 1;
  if (typeof error !== 'object' || error === null) return { type: typeof error, message: LEFT_OUT };
  const given = error as ErrorLike;
  const described: DescribedError = { type: typeOf(error, given), message: readableMessage(given) };
  for (const word of isPostgres(given) ? [...WORDS, ...POSTGRES_WORDS] : WORDS) {
    const value = given[word];
    if (typeof value === 'number' || isWord(value)) described[word] = value;
  }
  const stack = framesOf(given);
  if (stack !== '') described.stack = stack;
  const inner = (each: unknown) => describe(each, depth + 1, budget);
  const mayGoOn = (): boolean => depth < MAX_DEPTH && budget.left > 0;
  const cause = given['cause'] ?? wrappedByPrisma(given);
  if (isErrorLike(cause) && mayGoOn()) described.cause = inner(cause);
  const parts = given['errors'];
  if (Array.isArray(parts)) {
    const errors = parts.filter(isErrorLike).flatMap((part) => (mayGoOn() ? [inner(part)] : []));
    if (errors.length > 0) described.errors = errors;
  }
  return described;
}

export function isErrorLike(value: unknown): boolean {
  return (
    value instanceof Error || (typeof value === 'object' && value !== null && 'message' in value && 'stack' in value)
  );
}

function wrappedByPrisma({ meta }: ErrorLike): unknown {
  return typeof meta === 'object' && meta !== null && 'driverAdapterError' in meta
    ? meta.driverAdapterError
    : undefined;
}

/** `name` is a word that anybody may set; a class has been written down. */
function typeOf(error: object, { name }: ErrorLike): string {
  const made = (error as { constructor?: { name?: unknown } }).constructor?.name;
  const own = isWord(name) && name !== 'Error' && name !== 'error' ? name : undefined;
  return own ?? (isWord(made) ? made : 'Error');
}

const FRAME = /^ {4}at [^\n]{1,300}$/;

/**
 * A stack begins with the message, which may have many lines, some of which may look like frames: so the message is taken
 * off first. If it was changed after the stack was taken, only what follows the last line that is no frame is believed.
 */
function framesOf({ stack, message }: ErrorLike): string {
  if (typeof stack !== 'string') return '';
  const at = typeof message === 'string' && message !== '' ? stack.indexOf(message) : -1;
  const after = at === -1 ? stack : stack.slice(at + String(message).length);
  const lines = after.split('\n');
  const lastOther = lines.findLastIndex((line) => !FRAME.test(line));
  return lines.slice(lastOther + 1, lastOther + 1 + MAX_FRAMES).join('\n');
}
