/** A source file with one text of it changed, for a run that must notice. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Patch } from './sabotages.ts';

/** Rejects when the text is not there exactly once: what it did may be done elsewhere by now. */
export async function patched(root: string, { file, from, to }: Patch): Promise<string> {
  const source = await readFile(path.join(root, file), 'utf8');
  const parts = source.split(from);
  if (parts.length === 2) return parts.join(to);
  const places = parts.length - 1;
  throw new Error(`${file} has ${places} places, not one, that read:\n${from}\nThe sabotage must be adapted.`);
}
