/** The catalogue of metrics keeps to Prometheus's conventions, and the operators' manual knows every one of them. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { CATALOGUE, METRIC_NAMES } from '../../shared/telemetry/catalogue.ts';
import type { Definition } from '../../shared/telemetry/catalogue.ts';

const UNIT = /_(seconds|bytes|ratio|total|commands|operations|jobs|connections)$/;
/** Gauges that are a state, or count what their name says. */
const WITHOUT_UNIT = /_(up|paused|leader|working|waiting|workers)$/;

test.each(METRIC_NAMES)('%s is named and bounded as it should be', (name) => {
  const { type, help, labels = [], buckets = [], sampledLabels = [] }: Definition = CATALOGUE[name];
  expect(name).toMatch(/^saldo_[a-z_]+$/);
  expect(name.endsWith('_total')).toBe(type === 'counter');
  expect(UNIT.test(name) || WITHOUT_UNIT.test(name)).toBe(true);
  expect(help).toMatch(/^[A-Z0-9].*\.$/);
  expect(buckets.length > 0).toBe(type === 'histogram');
  expect([...buckets].sort((left, right) => left - right)).toEqual(buckets);
  expect(labels).toEqual(expect.arrayContaining([...sampledLabels]));
});

test('docs/OPERATIONS.md explains every metric, with its labels, and no other', async () => {
  const manual = await readFile('docs/OPERATIONS.md', 'utf8');
  const rows = [...manual.matchAll(/^\| `(saldo_\w+?)(?:\{([\w,]+)\})?` +\|/gm)];
  const explained = rows.map(([, name = '', labels = '']): [string, string] => [name, labels]);
  const known = METRIC_NAMES.map((name): [string, string] => {
    const { labels = [] }: Definition = CATALOGUE[name];
    return [name, labels.join(',')];
  });
  expect(Object.fromEntries(explained)).toEqual(Object.fromEntries(known));
});
