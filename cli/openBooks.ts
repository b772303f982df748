/**
 * Where the books are: in `DATABASE_URL`, or in the embedded PostgreSQL of `npm start` in this folder. A server that
 * runs is used as it is. One that does not is started for the time being, because the books of a stopped service can
 * be checked too, and then stopped again.
 */
import { access } from 'node:fs/promises';
import path from 'node:path';
import { ConfigurationError } from '../shared/env.ts';
import type { Env } from '../shared/env.ts';
import { findPostgres, startPostgres } from './postgres/embeddedPostgres.ts';

export interface Books {
  databaseUrl: string;
  /** Stops what was started for this. */
  close: () => Promise<void>;
}

/** The folder and the database of `npm start`. */
const FOLDER = '.saldo';
const DATABASE = 'saldo';

/** Throws `ConfigurationError` when there are no books here, or they cannot be reached. */
export async function openBooks(env: Env): Promise<Books> {
  if (env.DATABASE_URL !== undefined) return inUse(env.DATABASE_URL);
  const folder = path.resolve(FOLDER);
  const running = await findPostgres(folder);
  if (running) return inUse(running(DATABASE));
  if (!(await isThere(path.join(folder, 'postgres')))) {
    throw new ConfigurationError(
      `There are no books here: set DATABASE_URL, or go to the folder in which \`npm start\` made its ${FOLDER}/.`,
    );
  }
  try {
    const server = await startPostgres({ folder });
    return { databaseUrl: server.url(DATABASE), close: server.stop };
  } catch (error) {
    // The service may have started in this very moment, and its server will do.
    const started = await findPostgres(folder);
    if (started) return inUse(started(DATABASE));
    throw error;
  }
}

function inUse(databaseUrl: string): Books {
  return { databaseUrl, close: () => Promise.resolve() };
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
