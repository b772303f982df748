/**
 * Generates the Prisma client after an install. `prisma generate` needs no schema engine but insists that one is
 * there, and would download it; pointing it at an executable that exists keeps an install inside the package registry.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const manifest = createRequire(import.meta.url).resolve('prisma/package.json');
const { status, error } = spawnSync(
  process.execPath,
  [path.join(path.dirname(manifest), 'build/index.js'), 'generate'],
  {
    cwd: path.dirname(path.dirname(fileURLToPath(import.meta.url))),
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  },
);
if (error) throw error;
process.exit(status ?? 1);
