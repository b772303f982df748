/**
 * The secrets of an embedded service: generated at its first start, kept beside its data for its owner's eyes only.
 * What the environment sets wins and is not written down.
 */
import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { ConfigurationError } from '../shared/env.ts';
import type { Env } from '../shared/env.ts';

const schema = z.object({ SESSION_SECRET: z.string(), BANK_PASS: z.string(), OPERATOR_PASS: z.string() });
export type Credentials = z.infer<typeof schema>;

const FILE = 'credentials.json';

/** Makes the folder if need be. Throws `ConfigurationError` when it cannot be used. */
export async function prepareFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    // Under root PostgreSQL runs as another user, who must get through to its data and see nothing on the way.
    await chmod(folder, process.getuid?.() === 0 ? 0o711 : 0o700);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigurationError(`${folder} cannot be used for the service's data (${code ?? String(error)}).`);
  }
}

export async function loadCredentials(folder: string, env: Env): Promise<Credentials> {
  const kept = (await read(folder)) ?? (await generate(folder));
  return {
    SESSION_SECRET: env.SESSION_SECRET ?? kept.SESSION_SECRET,
    BANK_PASS: env.BANK_PASS ?? kept.BANK_PASS,
    OPERATOR_PASS: env.OPERATOR_PASS ?? kept.OPERATOR_PASS,
  };
}

async function read(folder: string): Promise<Credentials | undefined> {
  const file = path.join(folder, FILE);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ConfigurationError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}).`);
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new ConfigurationError(`${file} is damaged: restore it, or remove it to have new credentials generated.`);
  }
}

/** Whole or not at all, and never over what another start has just generated: a link fails where a file exists. */
async function generate(folder: string): Promise<Credentials> {
  const secret = (bytes: number) => randomBytes(bytes).toString('base64url');
  const credentials = { SESSION_SECRET: secret(32), BANK_PASS: secret(12), OPERATOR_PASS: secret(12) };
  const draft = path.join(folder, `${FILE}.${secret(6)}`);
  try {
    await writeFile(draft, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    await link(draft, path.join(folder, FILE));
    return credentials;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return (await read(folder)) ?? credentials;
  } finally {
    await rm(draft, { force: true });
  }
}
