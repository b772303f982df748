/**
 * A table's columns, declared once: their names, their types and where their values come from. The text of a statement
 * and the arrays that it is given are made of the same list, so that no two of them can stand in different orders.
 */
import type { QueryConfig } from 'pg';
import { bareArray } from './bareArray.ts';

type Bare = string | number | bigint | boolean | null;

/** What people wrote, or JSON: anything may be in it. */
interface Quoted<Row> {
  quoted: (row: Row) => string | null;
}

/** `type` is that of the array; `sql` makes of an element, named like its column, what is stored. */
export type Column<Row> = readonly [
  name: string,
  type: string,
  valueOf: ((row: Row) => Bare) | Quoted<Row>,
  sql?: string,
];

interface Statement<Row> {
  /** Of the prepared statement. */
  name: string;
  table: string;
  columns: readonly Column<Row>[];
  /** What all rows have alike: the last parameter. */
  common?: readonly [name: string, type: string];
}

/** Makes the statement for these rows, at least one, and for what they have alike. */
export type MakeStatement<Row> = (rows: readonly Row[], common?: string) => QueryConfig;

/** `after` follows the selection: in which order, and what to do about rows that are there. */
export function createInsert<Row>(statement: Statement<Row> & { after: string }): MakeStatement<Row> {
  const { name, table, columns, common, after } = statement;
  const names = columns.map(([column]) => column);
  const values = columns.map(([column, , , sql]) => sql ?? column);
  if (common) {
    names.push(common[0]);
    values.push(commonParameter(statement, common));
  }
  const text = `INSERT INTO ${table} (${names.join(', ')}) SELECT ${values.join(', ')} FROM ${unnested(columns)} ${after}`;
  return (rows, value) => ({ name, text, values: parameters(columns, rows, value) });
}

/** Of rows that are there, found by the first column. */
export function createUpdate<Row>(statement: Statement<Row>): MakeStatement<Row> {
  const { name, table, columns, common } = statement;
  const [[key] = [''], ...others] = columns;
  const changes = others.map(([column, , , sql]) => `${column} = ${sql ?? `t.${column}`}`);
  if (common) changes.push(`${common[0]} = ${commonParameter(statement, common)}`);
  const text = `UPDATE ${table} SET ${changes.join(', ')} FROM ${unnested(columns)} WHERE ${table}.${key} = t.${key}`;
  return (rows, value) => ({ name, text, values: parameters(columns, rows, value) });
}

/** SQL: all rows, as a table `t`. */
function unnested<Row>(columns: readonly Column<Row>[]): string {
  const arrays = columns.map(([, type], index) => `$${index + 1}::${type}[]`);
  return `unnest(${arrays.join(', ')}) AS t(${columns.map(([name]) => name).join(', ')})`;
}

function commonParameter<Row>({ columns }: Statement<Row>, [, type]: readonly [string, string]): string {
  return `$${columns.length + 1}::${type}`;
}

function parameters<Row>(columns: readonly Column<Row>[], rows: readonly Row[], common?: string): unknown[] {
  const arrays = columns.map(([, , valueOf]) => {
    const isQuoted = typeof valueOf === 'object';
    const values = rows.map(isQuoted ? valueOf.quoted : valueOf);
    // An array that is not there is as long as the others, and costs nothing.
    if (values.every((value) => value === null)) return null;
    return isQuoted ? values : bareArray(values);
  });
  return common === undefined ? arrays : [...arrays, common];
}
