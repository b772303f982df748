/** Results as files, written whole or not at all; what was measured by round is in columns there, each on one line. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromColumns, toColumns } from './columns.ts';

const FOLDER = fileURLToPath(new URL('../results/', import.meta.url));

/** Where the results of a bench are kept unless it is told otherwise. */
export function resultFile(name: string): string {
  return path.join(FOLDER, name);
}

export async function writeResult(file: string, result: unknown): Promise<void> {
  const replace = (key: string, value: unknown) => toColumns(key, rounded(value));
  const text = JSON.stringify(result, replace, 2);
  const inLines = text.replaceAll(/\[[^[\]"]*\]/g, (column) => column.replaceAll(/\s+/g, ' '));
  await writeWhole(file, `${inLines}\n`);
}

/** Undefined where there are none. */
export async function readResult(file: string): Promise<unknown> {
  const json = await readFile(file, 'utf8').catch(() => undefined);
  return json === undefined ? undefined : (JSON.parse(json, fromColumns) as unknown);
}

export async function writeWhole(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(`${file}.tmp`, text);
  await rename(`${file}.tmp`, file);
}

/** More digits would only pretend. */
function rounded(value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toFixed(3)) : value;
}
