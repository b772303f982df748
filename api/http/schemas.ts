/**
 * The fields of requests, each defined once: what parses them also documents them. Lengths are counted in Unicode
 * characters, as JSON Schema counts them.
 */
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { MAX_EMAIL_LENGTH, normaliseEmail } from '../auth/email.ts';
import { MAX_PASSWORD_LENGTH } from '../auth/passwords.ts';
import { invalidRequest } from './invalidRequest.ts';
import type { FieldError } from './problem.ts';

const CONTROL_CHARACTER = /\p{Cc}/u;
const EMAIL = /^[^\s@"]{1,64}@[^\s@"]+$/u;
// What is not seen makes two e-mails that look the same: separators, formats (bidirectional ones among them), what has no
// meaning of its own, and what fonts leave out. Unicode keeps these sets, so new characters are in them.
const UNSEEN = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u;
// The Braille pattern without a dot is a symbol for Unicode, and blank for everybody else.
const SEEN = /(?!\p{Default_Ignorable_Code_Point}|\u2800)[\p{L}\p{N}\p{P}\p{S}]/u;

const MIN_PASSWORD_LENGTH = 8;

const EXAMPLE_EMAIL = 'ada@example.com';
const PASSWORD = { format: 'password', examples: ['Pa$$w0rd'] };

/** Counting the characters of what is too long in any case would only take time. */
function hasLength(text: string, min: number, max: number): boolean {
  if (text.length > 2 * max) return false;
  const count = Array.from(text).length;
  return count >= min && count <= max;
}

/** Text that every part of the service can carry: PostgreSQL and JSON refuse NUL and lone surrogates. */
const plainText = z
  .string()
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
  .refine((text) => !CONTROL_CHARACTER.test(text), 'must have no control characters');

function bounded(schema: z.ZodString, min: number, max: number): z.ZodString {
  const rule = min === 0 ? `must have at most ${max} characters` : `must have ${min} to ${max} characters`;
  return schema
    .refine((text) => hasLength(text, min, max), rule)
    .meta({ ...(min > 0 && { minLength: min }), maxLength: max });
}

export const nameField = bounded(plainText.trim(), 1, 100)
  .refine((name) => name === '' || SEEN.test(name), 'must have something that can be seen')
  .meta({ examples: ['Ada'] });
export const emailField = bounded(plainText.overwrite(normaliseEmail), 3, MAX_EMAIL_LENGTH)
  .refine((email) => EMAIL.test(email), 'must be an e-mail address')
  // In Basic credentials a user name ends at the first one (RFC 7617): this e-mail could never be sent that way.
  .refine((email) => !email.includes(':'), 'must have no colon')
  .refine((email) => !UNSEEN.test(email), 'must have no characters that cannot be seen')
  .meta({ examples: [EXAMPLE_EMAIL] });
export const passwordField = bounded(plainText, MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH).meta(PASSWORD);
export const detailsField = bounded(plainText, 0, 500);
/** An operator's reason for what is done to a wallet. */
export const reasonField = bounded(plainText.trim(), 1, 500).meta({ examples: ['The card was reported stolen.'] });
export const externalIdField = bounded(plainText, 1, 255);

// What proves an account is compared, not stored: whatever could not have been signed up with is simply wrong.
export const claimedEmailField = plainText.overwrite(normaliseEmail).meta({ examples: [EXAMPLE_EMAIL] });
export const claimedPasswordField = z
  .string()
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
  .meta(PASSWORD);

const WALLET_ID_RULE = `must be an integer from 1 to ${Number.MAX_SAFE_INTEGER}`;
export const walletIdField = z
  .int({ error: WALLET_ID_RULE })
  .min(1, WALLET_ID_RULE)
  .meta({ examples: [3] });

/** Its shape only: `parseAmount` judges the value, once the currency is known. */
export const amountField = z
  .union([z.number(), z.string()], {
    error: ({ input }) =>
      typeof input === 'number' ? 'is too large a number' : 'must be a number or a decimal string',
  })
  .meta({ description: 'Decimal, greater than zero, with no more decimals than the currency has.', examples: [115.6] });

/** An integer in a query string, in plain decimal digits. */
export function queryInteger(min: number, max: number) {
  const rule = `must be an integer from ${min} to ${max}`;
  return z
    .string({ error: rule })
    .regex(/^\d{1,16}$/, rule)
    .transform(Number)
    .pipe(z.int({ error: rule }).min(min, rule).max(max, rule));
}

const IDEMPOTENCY_KEY = 'Idempotency-Key';
export const idempotencyKeyField = z
  .string()
  .regex(/^[\x20-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters')
  .meta({ examples: ['a-key-of-your-own'] });

/** The request's `Idempotency-Key`, if it has one. Two of them are no key: nobody could say which one counts. */
export function readIdempotencyKey(req: IncomingMessage): string | undefined {
  const header = req.headers['idempotency-key'];
  if (header === undefined) return undefined;
  const given = req.headersDistinct['idempotency-key'] ?? [];
  const parsed = idempotencyKeyField.safeParse(given.length === 1 ? given[0] : undefined);
  if (parsed.success) return parsed.data;
  const message = given.length > 1 ? 'must be given once' : (parsed.error.issues[0]?.message ?? 'is not valid');
  throw invalidRequest([{ path: IDEMPOTENCY_KEY, message }]);
}

const FIELDS_NAMED = 20;

/** Parses one part of a request. Throws `invalid_request` that names every field that broke a rule, up to twenty. */
export function parsePart<T extends z.ZodType>(schema: T, input: unknown, part: 'body' | 'query' | 'path'): z.infer<T> {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw invalidRequest(fieldErrors(parsed.error, part));
}

/** One error per field: the first rule that it broke. What is wrong with the part as a whole goes by `whole`. */
function fieldErrors(error: z.ZodError, whole: string): FieldError[] {
  const byPath = new Map<string, string>();
  for (const issue of error.issues) {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys : undefined;
    const paths = unknown?.map((key) => [...issue.path, key]) ?? [issue.path];
    for (const path of paths) {
      if (byPath.size === FIELDS_NAMED) break;
      const name = path.map(String).join('.') || whole;
      if (!byPath.has(name)) byPath.set(name, unknown ? 'is not a field here' : sentence(issue));
    }
  }
  return [...byPath].map(([path, message]) => ({ path, message }));
}

/** Zod's own messages, turned into phrases that follow the field's name as ours do. What is missing breaks no other rule. */
function sentence({ message, ...issue }: z.core.$ZodIssue): string {
  if ('input' in issue && issue.input === undefined) return 'is required';
  const typed = /^Invalid input: expected (.+), received .+$/.exec(message);
  return typed ? `must be of type ${typed[1] ?? ''}` : message;
}
