/** Whoever adds a kind of operation hears of every place that must know it: of those in TypeScript from the compiler. */
import path from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { KIND_NAMES } from '../../shared/ledger/command.ts';
import { createTestDatabase } from '../support/stores.ts';
import { openApplyPool } from '../support/pools.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const COMMAND = path.join(ROOT, 'shared/ledger/command.ts');

/** The files that do not compile when there is one kind more. */
function filesThatMissIt(name: string): string[] {
  const config = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file));
  const { options, fileNames } = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT);
  const host = ts.createCompilerHost(options);
  const read = host.readFile.bind(host);
  host.readFile = (file) => {
    const text = read(file);
    if (path.resolve(file) !== COMMAND || text === undefined) return text;
    const changed = text.replace("  'hold_expiry',\n] as const", `  'hold_expiry',\n  '${name}',\n] as const`);
    expect(changed).not.toBe(text);
    return changed;
  };
  const program = ts.createProgram(fileNames, options, host);
  const sources = program.getSourceFiles().filter(({ fileName }) => !/node_modules|generated/.test(fileName));
  const broken = sources.filter((file) => program.getSemanticDiagnostics(file).length > 0);
  return broken.map(({ fileName }) => path.relative(ROOT, fileName)).sort();
}

test('a kind that is added by name alone does not compile wherever kinds differ', { timeout: 120_000 }, () => {
  expect(filesThatMissIt('gift')).toEqual([
    'api/console/kindWords.ts',
    'api/quotas/quotas.ts',
    'api/site/kindWords.ts',
    'shared/ledger/kinds.ts',
    'shared/queue/contracts.ts',
    'shared/queue/terms.ts',
    'shared/store/books/kindRules.ts',
    'tests/model/auditor.ts',
  ]);
});

test('the tables take the kinds that there are, and no others', async () => {
  const database = await createTestDatabase();
  const pool = openApplyPool(database.url);
  try {
    const { rows } = await pool.query<{ table: string; rule: string }>(
      `SELECT conrelid::regclass::text AS table, pg_get_constraintdef(oid) AS rule FROM pg_constraint
       WHERE conname IN ('operation_kind_check', 'refused_operation_kind_check') ORDER BY 1`,
    );
    const kinds = rows.map(({ table, rule }) => [table, [...rule.matchAll(/'(\w+)'/g)].map(([, kind]) => kind).sort()]);
    expect(kinds).toEqual(['operation', 'refused_operation'].map((table) => [table, [...KIND_NAMES].sort()]));
  } finally {
    await pool.end();
    await database.drop();
  }
});
