/**
 * The service's whole configuration: environment variables, parsed once, here and nowhere else. A process that is
 * started with a value it cannot work with stops with a sentence that names the variable.
 */
import { z } from 'zod';
import { Fault } from './errors/fault.ts';
import { isCurrency } from './ledger/money.ts';

const text = z.string().trim().min(1);
const count = (fallback: number, max: number) => z.coerce.number().int().min(1).max(max).default(fallback);

const schema = z.object({
  NODE_ENV: z.string().default('development'),
  HOST: text.default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(5000),
  DATABASE_URL: text.optional(),
  REDIS_URL: text.optional(),
  SESSION_SECRET: z.string().min(16).optional(),
  BANK_EMAIL: z.email().default('bank@saldo.localhost'),
  BANK_PASS: z.string().min(8).optional(),
  OPERATOR_EMAIL: z.email().default('operator@saldo.localhost'),
  OPERATOR_PASS: z.string().min(8).optional(),
  // Whether operators may retry, pause and resume on the board of queues; unset: outside production alone.
  OPERATOR_QUEUE_WRITE: z.stringbool().optional(),
  PARTITIONS: count(4, 256),
  OPERATION_TIMEOUT_MS: count(5000, 30_000),
  MAX_WAITING_COMMANDS: count(10_000, 1_000_000),
  MAX_PENDING: count(100_000, 1_000_000),
  // What one address may do within a minute, in one process.
  MAX_SIGNUPS_PER_MINUTE: count(60, 1_000_000),
  MAX_FAILED_LOGINS_PER_MINUTE: count(60, 1_000_000),
  // With one e-mail from one address within a quarter of an hour, in all processes together.
  MAX_FAILED_LOGINS: count(10, 1_000),
  // What one account may ask of one API process (api/quotas/).
  CUSTOMER_COMMANDS_PER_SECOND: count(300, 1_000_000),
  CUSTOMER_REFUSALS_PER_SECOND: count(20, 1_000_000),
  CUSTOMER_READS_PER_SECOND: count(50, 1_000_000),
  BANK_COMMANDS_PER_SECOND: count(3_000, 1_000_000),
  BANK_READS_PER_SECOND: count(500, 1_000_000),
  READS_AT_ONCE: count(16, 10_000),
  TRUST_PROXY: z.coerce.number().int().min(0).max(16).default(0),
  CURRENCY: z.string().refine(isCurrency, 'must be an ISO 4217 currency code such as RUB').default('RUB'),
  // Where traces go; unset, there are none. The SDK reads this and its other OTEL_ variables by itself.
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

export type Env = z.infer<typeof schema>;

/** A mistake in the configuration, told in one sentence: print `message`, exit 1. */
export class ConfigurationError extends Fault {
  override name = 'ConfigurationError';
}

/** Empty variables count as absent: compose files set them so. Throws `ConfigurationError`. */
export function readEnv(source: NodeJS.ProcessEnv): Env {
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ConfigurationError(`${issue?.path.join('.') ?? 'The environment'}: ${issue?.message ?? 'is not valid'}.`);
}

/** The value of a variable that this role cannot do without. */
export function requireValue<K extends keyof Env>(env: Env, name: K): NonNullable<Env[K]> {
  const value = env[name];
  if (value === undefined) throw new ConfigurationError(`${name} is not set, and this process cannot run without it.`);
  return value;
}
