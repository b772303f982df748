/** What a bench writes down is small, and what is read of it is what was measured. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readResult, writeResult } from '../../bench/report/results.ts';

const round = (perSecond: number, statuses: Record<string, number>) => ({
  ...{ perSecond, statuses, failed: 0 },
  usage: { api: { cores: 0.5, memoryMb: { median: 180.5, peak: 190 } } },
});

async function keep(result: unknown): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'saldo-bench-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'result.json');
  await writeResult(file, result);
  return file;
}

test('rounds are read as they were measured, each with what it has alone', async () => {
  const measured = [round(1771.5, { 200: 5324 }), round(2569, { 200: 7731, 503: 2 }), round(3, {})];
  const result = {
    settings: { rounds: 3 },
    rows: [
      { id: 'saldo-32', measured },
      { id: 'locks-32', measured: [] },
    ],
  };
  expect(await readResult(await keep(result))).toEqual(result);
});

test('a figure is a line with a value for each round, in three decimals, and what no table tells is left out', async () => {
  const measured = [1.23456, 2].map((perSecond) => ({ perSecond, moved: 7, latencyMs: { p50: 3, p90: 4 } }));
  const lines = (await readFile(await keep({ measured }), 'utf8')).split('\n').map((line) => line.trim());
  expect(lines).toEqual([
    '{',
    '"measured": {',
    '"perSecond": [ 1.235, 2 ],',
    '"latencyMs.p50": [ 3, 3 ]',
    '}',
    '}',
    '',
  ]);
});

test('there is nothing where nothing was measured', async () => {
  expect(await readResult('/nowhere/result.json')).toBeUndefined();
});
