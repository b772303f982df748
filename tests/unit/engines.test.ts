/** The Node that the README asks for is one that every package takes: an install warns of nothing. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';

const require = createRequire(import.meta.url);
const { satisfies } = require('semver') as { satisfies: (version: string, range: string) => boolean };
const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

test('every package that is installed runs on the Node that the README asks for', () => {
  const [, asked] = /You need Node (\d+\.\d+) or later/.exec(read('README.md')) ?? [];
  expect((JSON.parse(read('package.json')) as { engines: object }).engines).toEqual({ node: `>=${asked ?? ''}` });
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { engines?: { node?: string } }>;
  };
  const refusing = Object.entries(packages).filter(
    ([, { engines }]) => engines?.node !== undefined && !satisfies(`${asked ?? ''}.0`, engines.node),
  );
  expect(refusing.map(([name]) => name)).toEqual([]);
});
