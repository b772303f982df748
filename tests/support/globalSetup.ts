/**
 * Builds the service, starts the servers that all tests share, and says loudly when there is no Redis or no browser to
 * test with.
 */
import type { TestProject } from 'vitest/node';
import { findChromium } from './chromium.ts';
import { OTHER_POSTGRES } from './postgresServer.ts';
import { buildService, message, spawnProgram } from './processes.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Of the PostgreSQL administrator: see stores.ts for a database of a test's own. */
    adminUrl: string;
    /** Of the shared Redis; undefined where there is no redis-server. */
    redisUrl: string | undefined;
    /** The browser's program; undefined where there is none. */
    chromiumPath: string | undefined;
  }
}

const NO_REDIS = 'redis-server is not on the PATH: NOTHING THAT NEEDS REDIS IS TESTED IN THIS RUN.';
const NO_CHROMIUM =
  'no Chromium on the PATH nor in CHROMIUM_PATH (Debian: apt-get install chromium): NO PAGE IS TESTED IN A BROWSER IN THIS RUN.';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  buildService();
  const servers = spawnProgram('tests/support/servers.ts', {
    env: { [OTHER_POSTGRES]: process.env[OTHER_POSTGRES] ?? '' },
  });
  const { databaseUrl, redisUrl } = (await message(servers, 'ready')) as { databaseUrl: string; redisUrl?: string };
  const chromiumPath = findChromium();
  const missing = [
    ...(redisUrl === undefined ? [{ what: NO_REDIS, required: 'REQUIRE_REDIS' }] : []),
    ...(chromiumPath === undefined ? [{ what: NO_CHROMIUM, required: 'REQUIRE_CHROMIUM' }] : []),
  ];
  for (const { what, required } of missing) {
    if (process.env[required] === '1') {
      await servers.stop();
      throw new Error(`${required}=1, but ${what}`);
    }
    console.warn(`\n${'!'.repeat(100)}\n${what}\n${'!'.repeat(100)}\n`);
  }
  project.provide('adminUrl', databaseUrl);
  project.provide('redisUrl', redisUrl);
  project.provide('chromiumPath', chromiumPath);
  return async () => {
    const { code, signal } = await servers.stop();
    if (code !== 0) throw new Error(`The test servers ended with ${code ?? signal}:\n${servers.output()}`);
  };
}
