/** `npm run migrate`: brings DATABASE_URL up to date, then exits. Safe to run at any time and by several at once. */
import { readEnv, requireValue } from '../shared/env.ts';
import { printFailure } from '../shared/lifecycle.ts';
import { migrate } from '../shared/store/database/migrate.ts';

try {
  const env = readEnv(process.env);
  const { applied, unknown } = await migrate({
    databaseUrl: requireValue(env, 'DATABASE_URL'),
    partitions: env.PARTITIONS,
    queueInPostgres: env.REDIS_URL === undefined,
  });
  for (const name of applied) console.log(`applied ${name}`);
  for (const name of unknown) console.log(`unknown ${name}: this database belongs to a newer version`);
  if (applied.length === 0) console.log('the database is up to date');
} catch (error) {
  printFailure(error);
  process.exitCode = 1;
}
