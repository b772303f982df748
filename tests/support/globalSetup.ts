/** Starts the servers that all tests share, and says loudly when there is no Redis to test with. */
import type { TestProject } from 'vitest/node';
import { message, spawnProgram } from './processes.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Of the PostgreSQL administrator: see stores.ts for a database of a test's own. */
    adminUrl: string;
    /** Of the shared Redis; undefined where there is no redis-server. */
    redisUrl: string | undefined;
  }
}

const NO_REDIS = 'redis-server is not on the PATH: NOTHING THAT NEEDS REDIS IS TESTED IN THIS RUN.';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = spawnProgram('tests/support/servers.ts');
  const { databaseUrl, redisUrl } = (await message(servers, 'ready')) as { databaseUrl: string; redisUrl?: string };
  if (redisUrl === undefined) {
    if (process.env['REQUIRE_REDIS'] === '1') {
      await servers.stop();
      throw new Error(`REQUIRE_REDIS=1, but ${NO_REDIS}`);
    }
    console.warn(`\n${'!'.repeat(100)}\n${NO_REDIS}\n${'!'.repeat(100)}\n`);
  }
  project.provide('adminUrl', databaseUrl);
  project.provide('redisUrl', redisUrl);
  return async () => {
    const { code, signal } = await servers.stop();
    if (code !== 0) throw new Error(`The test servers ended with ${code ?? signal}:\n${servers.output()}`);
  };
}
