/** The page about the API, held against the document that it is made of and the service that it speaks of. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BANK, OPERATOR, basic, startApi } from '../support/api.ts';
import type { TestApi } from '../support/api.ts';

interface Operation {
  operationId: string;
  summary: string;
  description?: string;
  'x-roles'?: string[];
  parameters: { name: string; in: string }[];
  requestBody?: object;
  responses: Record<string, { headers: object; content: Record<string, object> }>;
}

let api: TestApi;
let page: string;
let operations: (Operation & { name: string })[];
beforeAll(async () => {
  api = await startApi();
  page = (await api.client()('GET', '/docs', undefined, { Accept: 'text/html' })).text;
  const { paths } = (await api.client()('GET', '/openapi.json')).json as {
    paths: Record<string, Record<string, Operation>>;
  };
  operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, each]) => ({ ...each, name: `${method.toUpperCase()} ${path}` })),
  );
});
afterAll(() => api.close());

/** What the page has under the operation's heading, as a browser reads it. */
const under = (id: string) => unescaped(page.split(`<h3 id="${id}">`)[1]?.split('</section>')[0] ?? '');
const unescaped = (html: string) =>
  html.replaceAll('&#34;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&amp;', '&');
const printed = (name: string) => `<dt><code>${name}</code></dt>`;
const exampleOf = (id: string) => /<pre><code>(.*)<\/code><\/pre>/.exec(under(id))?.[1] ?? '';

const isUnderstood = (status: number) => ![400, 401, 403, 405, 415].includes(status);

/** Of every field, however deep. */
function fieldsIn(part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return [];
  const names = 'properties' in part ? Object.keys(part.properties as object) : [];
  return [...names, ...Object.values(part).flatMap(fieldsIn)];
}

function codesIn(part: unknown): string[] {
  return [...JSON.stringify(part).matchAll(/"code":\{"enum":\[([^\]]+)\]/g)].flatMap(([, list = '']) =>
    list.replaceAll('"', '').split(','),
  );
}

describe('the page of the API', () => {
  it('tells of every operation what it is for, and leads to it', () => {
    expect(page.match(/<h3 /g)).toHaveLength(operations.length);
    for (const { name, operationId, summary, description = '', ...operation } of operations) {
      expect(page).toContain(`href="#${operationId}"`);
      const text = under(operationId).replace(/<[^>]+>/g, '');
      for (const each of [name, summary, description.replaceAll('`', '')]) expect(text).toContain(each);
      expect(text).toContain(`Who may call it: ${(operation['x-roles'] ?? ['anyone']).join(', ')}.`);
    }
  });
  it('tells of every operation what it takes and what it answers', () => {
    for (const { operationId, parameters, requestBody, responses } of operations) {
      const about = under(operationId);
      for (const each of parameters) expect(about).toContain(`${printed(each.name)}\n<dd><small>${each.in}, `);
      for (const field of fieldsIn(requestBody)) expect(about).toContain(printed(field));
      for (const [status, { headers, content }] of Object.entries(responses)) {
        expect(about).toContain(`<strong>${status}</strong>`);
        for (const header of Object.keys(headers)) expect(page).toContain(`<code>${header}</code>`);
        if (Number(status) < 400) for (const field of fieldsIn(content)) expect(about).toContain(printed(field));
      }
    }
  });
  it('leads from every operation to the problems that it can meet, and to no other', () => {
    for (const { operationId, responses } of operations) {
      const links = [...under(operationId).matchAll(/href="\/problems\/(\w+)"/g)].map(([, code]) => code);
      expect([operationId, links]).toEqual([operationId, codesIn(responses)]);
    }
    expect(codesIn(operations[0]?.responses)).toContain('malformed_json');
  });
  it('tells both ways to say who one is, and where the document is', () => {
    expect(page).toContain('HTTP Basic: E-mail and password');
    expect(page).toContain('Cookie <code>saldo.sid</code>: ');
    for (const link of ['/openapi.json', '/problems/']) expect(page).toContain(`href="${link}"`);
  });
  it('has no Markdown left, and no two places of one name', () => {
    expect(page.replace(/<code>[^]*?<\/code>/g, '')).not.toMatch(/`|\]\(/);
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(ids.length).toBeGreaterThan(operations.length);
    expect(new Set(ids).size).toBe(ids.length);
  });
  it('has examples that the service takes as they stand', async () => {
    const headersOf = { bank: basic(BANK.email, BANK.password), operator: basic(OPERATOR.email, OPERATOR.password) };
    const customer = await api.customer();
    for (const { operationId, parameters, requestBody, 'x-roles': [role] = [] } of operations) {
      const example = exampleOf(operationId);
      expect([operationId, example]).toEqual([operationId, expect.stringMatching(/^curl ([^']* )?"\$URL\/[^{}"]+"/)]);
      expect(example.includes('-u "$EMAIL"')).toBe(role !== undefined);
      if (!requestBody) continue;
      const [, path = '', body = ''] = /"\$URL(\S+)".* -d '(.*)'$/.exec(example) ?? [];
      const client = role === 'customer' ? customer.client : api.client();
      const given = [...example.matchAll(/-H '([^:']+): ([^']+)'/g)].map(([, name = '', value = '']) => [name, value]);
      const headers = {
        ...(Object.fromEntries(given) as Record<string, string>),
        ...(role === 'bank' || role === 'operator' ? headersOf[role] : {}),
      };
      expect('Idempotency-Key' in headers).toBe(parameters.some(({ name }) => name === 'Idempotency-Key'));
      const { status, text } = await client('POST', path, JSON.parse(body), headers);
      // Whatever becomes of it here: it was understood, and came from somebody who may ask.
      expect([operationId, status, text]).toEqual([operationId, expect.toSatisfy(isUnderstood), text]);
    }
  });
});
