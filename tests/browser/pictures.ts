/**
 * The pictures in the README, taken of the real thing. `npm run screenshots` writes them to docs/img; in any other run
 * they are only held against the size that a picture in the repository may have.
 */
import { writeFile } from 'node:fs/promises';
import { expect } from 'vitest';
import type { Page } from 'playwright-core';

const FOLDER = new URL('../../docs/img/', import.meta.url);
const MAX_BYTES = 150_000;

export async function keepPicture(page: Page, name: string): Promise<void> {
  const picture = await page.screenshot({ animations: 'disabled' });
  expect(picture.length).toBeLessThan(MAX_BYTES);
  if (process.env['SCREENSHOTS'] === '1') await writeFile(new URL(`${name}.png`, FOLDER), picture);
}
