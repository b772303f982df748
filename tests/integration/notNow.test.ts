/**
 * What people read when a payment, or a page, is refused only for now: what has become of the money, and what to do. The
 * form comes back as it was filled in, with its key, also where its page cannot be made. Without JavaScript.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { Problem } from '../../api/http/problem.ts';
import { notNow } from '../../api/site/notNow.ts';
import { CODES, PROBLEMS } from '../../shared/problems.ts';
import type { Code } from '../../shared/problems.ts';
import { startApi } from '../support/api.ts';
import type { Answer, Client, TestApi } from '../support/api.ts';

const HTML = { Accept: 'text/html' };
const SAME_FORM = 'Send this same form again in a moment: it never pays twice.';

async function open(options: Parameters<typeof startApi>[0] = {}): Promise<{ api: TestApi; client: Client }> {
  const api = await startApi({ accounts: false, ...options });
  onTestFinished(() => api.close());
  return { api, client: (await api.customer()).client };
}

const valueOf = ({ text }: Answer, name: string) => new RegExp(`name="${name}"[^>]*?value="([^"]*)"`).exec(text)?.[1];
const alertOf = ({ text }: Answer) => /<p role="alert" class="error">([^<]*)</.exec(text)?.[1];
const form = (again?: string) => ({
  ...{ wallet_id: '7', amount: '12,50', details: 'Tea & cake' },
  ...{ idempotency_key: crypto.randomUUID(), ...(again && { again }) },
});
const send = ({ api, client }: { api: TestApi; client: Client }, fields: Record<string, string>) =>
  client('POST', '/', new URLSearchParams(fields), { ...HTML, Origin: api.url });

function expectKept(answer: Answer, fields: Record<string, string>): void {
  for (const [name, value] of Object.entries(fields)) {
    expect([name, valueOf(answer, name)]).toEqual([name, value.replace('&', '&amp;')]);
  }
}

describe('a payment that is not made now', () => {
  it.each<[Code, number | undefined, string]>([
    [
      'rate_limited',
      5,
      'Too many attempts. Nothing was paid this time. Send this same form again in 5 seconds: it never',
    ],
    ['rate_limited', 300, 'Nothing was paid this time. Send this same form again in 5 minutes: it never pays twice.'],
    ['overloaded', undefined, `Saldo is very busy. Nothing was paid this time. ${SAME_FORM}`],
    ['unavailable', undefined, `Saldo cannot be reached just now. Nothing was paid this time. ${SAME_FORM}`],
    ['outcome_unknown', undefined, `The payment may be under way, or it may not have been made. ${SAME_FORM}`],
  ])('says what has become of the money and keeps the form with its key: %s, %s', async (code, seconds, words) => {
    const extras = seconds === undefined ? {} : { retryAfterSeconds: seconds };
    const at = await open({ pay: () => Promise.reject(new Problem(code, extras)) });
    const fields = form(crypto.randomUUID());
    const answer = await send(at, fields);
    expect([answer.status, alertOf(answer)]).toEqual([PROBLEMS[code].status, expect.stringContaining(words)]);
    expect(answer.text).toContain('id="wallet"');
    expectKept(answer, fields);
  });

  it('has its form back alone where its page is refused as well', async () => {
    const at = await open({ env: { CUSTOMER_READS_PER_SECOND: '1' } });
    const all = await Promise.all(
      Array.from({ length: 8 }, form).map(async (fields) => ({
        fields,
        answer: await send(at, fields),
      })),
    );
    const refused = all.filter(({ answer }) => answer.status === 429);
    expect(refused.length).toBeGreaterThan(4);
    for (const { fields, answer } of refused) {
      expect(alertOf(answer)).toMatch(
        /^Too many attempts\. Nothing was paid this time\. Send this same form again in /,
      );
      expectKept(answer, fields);
    }
    // The first two pages after that are made.
    expect(refused.filter(({ answer }) => !answer.text.includes('id="wallet"')).length).toBeGreaterThan(0);
    const looks = await Promise.all(refused.map(() => at.client('GET', '/', undefined, HTML)));
    const unseen = looks.filter(({ status }) => status === 429);
    expect(unseen.length).toBeGreaterThan(0);
    for (const { text } of unseen) {
      expect(text).toContain('A payment that you have sent goes on all the same. Load this page again in ');
    }
  });

  it('has words of its own for every code that leaves the outcome open, and for no other', () => {
    const told = CODES.filter((code) => notNow(new Problem(code), 'payment'));
    expect(told).toEqual(CODES.filter((code) => PROBLEMS[code].means === 'open'));
  });
});
