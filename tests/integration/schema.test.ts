/** prisma/schema.prisma describes the tables and prisma/migrations creates them: here the two are held together. */
import { readFile, readdir } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { withSchemaEngine } from '../support/schemaEngine.ts';
import { createTestDatabase } from '../support/stores.ts';

const SCHEMA = await readFile('prisma/schema.prisma', 'utf8');

let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase();
  // Its own tables, created by BullMQ's own migrations.
  await run(database.url, 'DROP SCHEMA bullmq CASCADE');
});
afterEach(() => database.drop());

/** The SQL that would turn the live database into what the schema describes. */
async function drift(schema = SCHEMA): Promise<string> {
  return withSchemaEngine(database.url, schema, async (engine) => {
    const file = { path: 'schema.prisma', content: schema };
    const { stdout } = await engine.diff({
      from: { tag: 'schemaDatasource', files: [file], configDir: '.' },
      to: { tag: 'schemaDatamodel', files: [file] },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    return (stdout ?? '').trim();
  });
}

test('the migrations create exactly what the schema describes', async () => {
  expect(await drift()).toBe('-- This is an empty migration.');
});

test('a column that only the database has is seen', async () => {
  await run(database.url, 'ALTER TABLE wallet ADD COLUMN stray TEXT');
  expect(await drift()).toContain('DROP COLUMN "stray"');
});

test('a column that only the schema has is seen', async () => {
  expect(await drift(SCHEMA.replace('model Entry {', 'model Entry {\n  stray String?'))).toContain(
    'ADD COLUMN     "stray"',
  );
});

test('Prisma takes the history that the runner wrote for its own and finds nothing to do', async () => {
  const names = (await readdir('prisma/migrations', { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const migrationDirectories = await Promise.all(
    names.map(async ({ name }) => {
      const value = await readFile(`prisma/migrations/${name}/migration.sql`, 'utf8');
      return { path: name, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value } } };
    }),
  );
  const diagnosis = await withSchemaEngine(database.url, SCHEMA, (engine) =>
    engine.diagnoseMigrationHistory({
      migrationsList: {
        baseDir: 'prisma/migrations',
        lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"' },
        shadowDbInitScript: '',
        migrationDirectories,
      },
      optInToShadowDatabase: false,
      filters: { externalTables: [], externalEnums: [] },
    }),
  );
  expect(diagnosis).toEqual({
    editedMigrationNames: [],
    failedMigrationNames: [],
    hasMigrationsTable: true,
    history: null,
  });
});
