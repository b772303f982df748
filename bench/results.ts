/** Results as files, written whole or not at all. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('results/', import.meta.url));

/** Where the results of a bench are kept unless it is told otherwise. */
export function resultFile(name: string): string {
  return path.join(FOLDER, name);
}

export async function writeResult(file: string, result: unknown): Promise<void> {
  await writeWhole(file, `${JSON.stringify(result, rounded, 2)}\n`);
}

export async function writeWhole(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(`${file}.tmp`, text);
  await rename(`${file}.tmp`, file);
}

/** More digits would only pretend. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toFixed(3)) : value;
}
