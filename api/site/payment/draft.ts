/**
 * The payment form as it was filled in when it turned out that nobody is logged in any more: it goes along with the
 * log-in, in hidden fields, and is there again for whoever filled it in. Its key comes along too, so that sending it
 * again never pays twice; and the wallet that it was to be paid from, because another person may log in.
 */
import { z } from 'zod';

const text = z.string().optional().catch(undefined);
export const draftSchema = z.object({
  from_wallet: text,
  wallet_id: text,
  amount: text,
  details: text,
  idempotency_key: text,
});
export type Draft = z.infer<typeof draftSchema>;

const PREFIX = 'payment.';

/** The fields under which a log-in form carries the draft along. */
export function hiddenFields(draft: Draft): Record<string, string> {
  const given = Object.entries(draft).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(given.map(([name, value]) => [`${PREFIX}${name}`, value]));
}

/** What a log-in form was sent with, apart from the draft that it carries. */
export function splitDraft(form: Record<string, unknown>): {
  draft: Draft | undefined;
  given: Record<string, unknown>;
} {
  const entries = Object.entries(form);
  const carried = entries.filter(([name]) => name.startsWith(PREFIX));
  const draft = draftSchema.parse(
    Object.fromEntries(carried.map(([name, value]) => [name.slice(PREFIX.length), value])),
  );
  return {
    draft: carried.length > 0 ? draft : undefined,
    given: Object.fromEntries(entries.filter(([name]) => !name.startsWith(PREFIX))),
  };
}
