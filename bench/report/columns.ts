/**
 * What was measured by round, as a file has it: a column for each figure (`latencyMs.p99`) with its value in every round,
 * so that no name is written once a round. A round that has not measured it has null.
 */

/** Where results have an array by round. */
const BY_ROUND: ReadonlySet<string> = new Set(['measured', 'empty', 'grown', 'alone', 'harmed', 'harm']);

/** What no table is made of, and so is in no file. */
const UNTOLD = /^(moved|latencyMs\.p90|usage\.(load|postgres|redis)\.memoryMb\..+)$/;

/** A number, or several under names; none is `{}` also in its column. */
type Figure = number | Figures;
interface Figures {
  [name: string]: Figure;
}

/** A replacer for `JSON.stringify`. */
export function toColumns(key: string, value: unknown): unknown {
  if (!BY_ROUND.has(key) || !Array.isArray(value) || value.length === 0) return value;
  const rounds = value.map((figures: Figures) => new Map(flatten(figures)));
  const names = new Set(rounds.flatMap((round) => [...round.keys()].filter((name) => !UNTOLD.test(name))));
  return Object.fromEntries([...names].map((name) => [name, rounds.map((round) => round.get(name) ?? null)]));
}

/** A reviver for `JSON.parse`. */
export function fromColumns(key: string, value: unknown): unknown {
  if (!BY_ROUND.has(key) || Array.isArray(value)) return value;
  const rounds: Figures[] = [];
  for (const [name, column] of Object.entries(value as Record<string, (Figure | null)[]>)) {
    for (const [at, figure] of column.entries()) {
      const round = (rounds[at] ??= {});
      if (figure === null) continue;
      const path = name.split('.');
      const last = path.pop() as string;
      const owner = path.reduce((outer, step) => (outer[step] ??= {}) as Figures, round);
      owner[last] = figure;
    }
  }
  return rounds;
}

function flatten(figures: Figures, prefix = ''): [string, Figure][] {
  return Object.entries(figures).flatMap(([name, value]): [string, Figure][] => {
    if (typeof value === 'number' || Object.keys(value).length === 0) return [[prefix + name, value]];
    return flatten(value, `${prefix}${name}.`);
  });
}
