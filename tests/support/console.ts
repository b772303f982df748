/** The operators' console as an operator's browser meets it: logged in once, asking for pages and sending forms. */
import { expect } from 'vitest';
import { createClient } from './client.ts';
import type { Answer, Client } from './client.ts';
import { OPERATOR_ACCOUNT } from './service.ts';
import { until } from './waiting.ts';

export const HTML = { Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
export const JSON_ONLY = { Accept: 'application/json' };
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

export interface Operator {
  client: Client;
  /** Says who is asking. */
  headers: { Cookie: string };
  /** A page, which must be there. */
  page: (path: string) => Promise<string>;
  json: (path: string) => Promise<Record<string, unknown>>;
  /** Sends a form from a page of ours. */
  send: (path: string, fields?: Record<string, string>) => Promise<Answer>;
  /** The newest rows of the audit log, as the page shows them: one text per cell. */
  audit: () => Promise<AuditRow[]>;
  /** The newest row of an action, once it has an outcome. */
  concluded: (action: string) => Promise<AuditRow>;
  close: () => void;
}

interface AuditRow {
  operator: string;
  action: string;
  target: string;
  details: string;
  outcome: string;
}

/** Logs in at the service's first API process. */
export async function logInOperator(url: string): Promise<Operator> {
  const anyone = createClient(url);
  const { status, headers } = await anyone.post('/api/login', OPERATOR_ACCOUNT);
  expect(status).toBe(200);
  const session = { Cookie: String(headers['set-cookie']).split(';', 1)[0]! };
  const client = anyone.as(session);
  const page = async (path: string) => {
    const answer = await client.get(path, HTML);
    expect(answer.status, `${path}: ${answer.text}`).toBe(200);
    return answer.text;
  };
  const audit = async () => auditRows(await page('/ops/audit'));
  return {
    client,
    headers: session,
    page,
    audit,
    json: async (path) => {
      const answer = await client.get(path, JSON_ONLY);
      expect(answer.status, `${path}: ${answer.text}`).toBe(200);
      return answer.json;
    },
    send: (path, fields = {}) =>
      client.post(path, new URLSearchParams(fields).toString(), { ...HTML, ...FORM, Origin: url }),
    concluded: (action) =>
      until(`${action} is in the audit log with its outcome`, async () => {
        const newest = (await audit()).find((row) => row.action === action);
        return newest?.outcome === '' ? undefined : newest;
      }),
    close: () => anyone.close(),
  };
}

function auditRows(html: string): AuditRow[] {
  return rowsOf(html).map(([, , operator = '', action = '', target = '', details = '', outcome = '']) => ({
    ...{ operator, action, target, details, outcome },
  }));
}

/** The cells of every row of a page's tables, as text. */
export function rowsOf(html: string): string[][] {
  return [...html.matchAll(/<tr>([\s\S]*?)<\/tr>/g)]
    .map(([, row = '']) => [...row.matchAll(/<t[dh][^>]*>([\s\S]*?)<\/t[dh]>/g)].map(([, cell = '']) => textOf(cell)))
    .filter((cells, index) => index > 0 && cells.length > 0);
}

export function textOf(html: string): string {
  return html
    .replace(/<[^>]+>/g, ' ')
    .replace(/&#34;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ')
    .trim();
}
