/**
 * An array parameter, as PostgreSQL writes one, of values that need no quotes: numbers, ids, hashes, words of our own.
 * `pg` looks at each value and quotes it, which was half of what a worker allocated.
 */
export function bareArray(values: readonly (string | number | bigint | boolean | null)[]): string {
  let text = '{';
  for (const value of values) text += `${text === '{' ? '' : ','}${String(value ?? 'NULL')}`;
  return `${text}}`;
}
