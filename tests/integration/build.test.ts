/** What somebody meets whose install was not whole. */
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

test('without the Prisma client a build is refused in one line, which names the command that makes it', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'saldo-build-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const generated = path.join(ROOT, 'prisma/generated');
  for (const each of ['build.mjs', 'package.json', 'prisma']) {
    await cp(path.join(ROOT, each), path.join(folder, each), { recursive: true, filter: (from) => from !== generated });
  }
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  const { status, stderr } = spawnSync(process.execPath, ['build.mjs'], { cwd: folder, encoding: 'utf8' });
  expect([status, stderr.trim().split('\n')]).toEqual([1, [expect.stringMatching(/: npm run postinstall$/)]]);
  expect(await readdir(folder)).not.toContain('dist');
});
