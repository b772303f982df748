/** The people of a bench in a file that any load generator can read: a wallet's id and its owner's cookie on each line. */
import { readFile, writeFile } from 'node:fs/promises';
import type { Person } from '../../tests/support/people.ts';

export interface Payer {
  walletId: number;
  cookie: string;
}

export async function writePeople(file: string, people: readonly Person[]): Promise<void> {
  await writeFile(file, people.map(({ walletId, headers }) => `${walletId} ${headers.Cookie}\n`).join(''));
}

export async function readPeople(file: string): Promise<Payer[]> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  return lines.map((line) => {
    const space = line.indexOf(' ');
    return { walletId: Number(line.slice(0, space)), cookie: line.slice(space + 1) };
  });
}
