/**
 * The message of an error without what it may quote. Libraries write the values they choked on into their messages
 * (`invalid input syntax for type bigint: "…"`, `Unexpected token '…' in JSON`), so a message is passed on only where its
 * author is known to keep values out of it, and otherwise made of what is certain: a code, the system call, the kind.
 *
 * Whoever is not listed here loses the message, never the type, the code or the stack.
 */
import { Fault } from './fault.ts';

export const LEFT_OUT = 'its message is left out, for it may quote what was sent';

export type ErrorLike = Readonly<Record<string, unknown>>;

/** The first one that knows the error decides. */
const AUTHORS: readonly ((error: ErrorLike) => string | undefined)[] = [
  ofOurs,
  ofPostgres,
  ofRedis,
  ofPrisma,
  ofZod,
  ofBodyParser,
  ofSystem,
  ofLibraries,
];

export function readableMessage(error: ErrorLike): string {
  for (const author of AUTHORS) {
    const message = author(error);
    if (message !== undefined) return message;
  }
  return LEFT_OUT;
}

function ofOurs(error: ErrorLike): string | undefined {
  return error instanceof Fault ? error.message : undefined;
}

/**
 * Classes of SQLSTATE (manual, appendix A) whose messages name tables, constraints, roles and settings. The others quote:
 * 22 the value that it could not read, 42601 the text where a statement broke off, P0 whatever a trigger has put in.
 */
const NAMING_CLASSES = new Set([
  '08',
  '0A',
  '23',
  '25',
  '26',
  '28',
  '3D',
  '40',
  '42',
  '53',
  '54',
  '55',
  '57',
  '58',
  'XX',
]);
const SYNTAX_ERROR = '42601';

export function isPostgres({ code, severity, length }: ErrorLike): boolean {
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && typeof severity === 'string' && length !== undefined;
}

function ofPostgres(error: ErrorLike): string | undefined {
  if (!isPostgres(error)) return undefined;
  const code = String(error['code']);
  if (NAMING_CLASSES.has(code.slice(0, 2)) && code !== SYNTAX_ERROR) return firstLine(error['message']);
  return `PostgreSQL refused it with ${code}`;
}

/** What Redis says of itself. `ERR` may quote the command, so of that one only the word is kept. */
const REDIS_WORDS =
  /^(OOM|READONLY|LOADING|MASTERDOWN|NOREPLICAS|MISCONF|NOPERM|NOAUTH|WRONGPASS|NOSCRIPT|BUSY|CLUSTERDOWN|UNBLOCKED)\b/;

function ofRedis({ name, message }: ErrorLike): string | undefined {
  if (name !== 'ReplyError') return undefined;
  const text = firstLine(message);
  return REDIS_WORDS.test(text) ? text : `Redis refused it with ${/^[A-Z]{1,20}\b/.exec(text)?.[0] ?? 'an error'}`;
}

/** Prisma prints the call with its arguments. */
function ofPrisma({ name, code, cause }: ErrorLike): string | undefined {
  if (typeof name !== 'string') return undefined;
  if (name.startsWith('PrismaClient')) return `Prisma refused it${isWord(code) ? ` with ${code}` : ''}`;
  if (name !== 'DriverAdapterError') return undefined;
  const { kind, originalCode } = (cause ?? {}) as ErrorLike;
  return ['the driver reported', ...[kind, originalCode].filter(isWord)].join(' ');
}

/** Its message lists the issues; a path or a key may be the client's own word. */
function ofZod({ name, issues }: ErrorLike): string | undefined {
  if ((name !== 'ZodError' && name !== '$ZodError') || !Array.isArray(issues)) return undefined;
  const codes = new Set(issues.map((issue) => (issue as { code?: unknown }).code).filter(isWord));
  return `it is not of the expected shape: ${[...codes].join(', ')}`;
}

/** `type` is one of a dozen fixed words, such as `entity.parse.failed`. */
function ofBodyParser({ type, status }: ErrorLike): string | undefined {
  const known = typeof status === 'number' && typeof type === 'string' && /^[a-z]+(\.[a-z]+){1,3}$/.test(type);
  return known ? `the body could not be read: ${type}` : undefined;
}

/** Node's own, by what was called and where: addresses and paths are of the configuration. */
function ofSystem({ syscall, code, address, port, hostname }: ErrorLike): string | undefined {
  if (!isWord(syscall) || !isWord(code)) return undefined;
  const where = [address ?? hostname, port].filter((part) => isWord(part) || typeof part === 'number');
  return [syscall, code, where.join(':')].filter(Boolean).join(' ');
}

/** Whole sentences, or the beginning of one up to where a value may come, as the libraries and V8 write them. */
const SENTENCES: readonly RegExp[] = [
  // shared/ledger, which imports nothing outside itself, and so has no faults of ours
  /^operation [0-9a-f-]{36} (makes or loses money|crosses currencies)$/,
  /^an effect on wallet \d+, which is not among its command's$/,
  /^unknown currency [A-Z]{3}$/,
  /^\d+ commands in one envelope, at most \d+ are allowed$/,
  // pg and its pool
  /^Connection terminated( unexpectedly| due to connection timeout)?$/,
  /^timeout (exceeded when trying to connect|expired)$/,
  /^Query read timeout$/,
  /^Client (has encountered a connection error|was closed) and is not queryable$/,
  /^Cannot use a pool after calling end on the pool$/,
  /^(The server does not support SSL connections|There was an error establishing an SSL connection)$/,
  /^SASL: [A-Z-]+: [a-z ]+/,
  // ioredis and BullMQ
  /^Connection is closed\.?$/,
  /^Stream isn't writeable and enableOfflineQueue options is false$/,
  /^(connect ETIMEDOUT|Command timed out|Socket closed unexpectedly)$/,
  /^Reached the max retries per request limit/,
  /^Socket timeout\. Expecting data, but didn't receive any in \d+ms\.$/,
  /^Missing (lock|key) for job [\w-]{1,64}(\. \w+)?$/,
  /^could not renew lock for job [\w-]{1,64}$/,
  // Node and V8. What is no function, and the property that could not be read, may be a value.
  /^Cannot (read|set) properties of (undefined|null)/,
  /\bis not (a function|defined|iterable|a constructor)$/,
  /^(Assignment to constant variable|Maximum call stack size exceeded|Invalid (time value|array length|string length))/,
  /^(Cannot mix BigInt and other types|Do not know how to serialize a BigInt|Converting circular structure to JSON)/,
  /^(URI malformed|fetch failed|aborted|socket hang up|This operation was aborted|The operation was aborted)/,
];

function ofLibraries({ message }: ErrorLike): string | undefined {
  if (typeof message !== 'string') return undefined;
  for (const sentence of SENTENCES) {
    const [known] = sentence.exec(message) ?? [];
    if (known !== undefined) return known;
  }
  return undefined;
}

/** Something that names: never more than a word's worth. */
export function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[\w.:$-]{1,80}$/.test(value);
}

const MAX_LINE = 300;

function firstLine(message: unknown): string {
  return (typeof message === 'string' ? (message.split('\n', 1)[0] ?? '') : '').slice(0, MAX_LINE);
}
