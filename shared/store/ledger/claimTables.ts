/**
 * Where claims are kept: one table a type. They are read by id in a statement after the one that locks the wallets, in the
 * same round trip, and written once, in the one that commits; what is about no claim sends nothing of this.
 */
import type { QueryConfig } from 'pg';
import { Fault } from '../../errors/fault.ts';
import { claimIdOf } from '../../ledger/book.ts';
import type { Claim, ClaimType } from '../../ledger/claim.ts';
import type { Command } from '../../ledger/command.ts';
import type { Kinds } from '../../ledger/kinds.ts';
import { bareArray } from './bareArray.ts';
import type { ClaimTable } from './claimTable.ts';
import { HOLD_TABLE } from './holdTable.ts';

export type ClaimTables = Readonly<Record<ClaimType, ClaimTable>>;

/** By type. */
export const CLAIM_TABLES: ClaimTables = { hold: HOLD_TABLE };

/** The statements that read what `commands` are about, each with how to read its rows. */
export function readClaims(
  commands: readonly Command[],
  kinds: Kinds,
  tables: ClaimTables,
): { query: QueryConfig; table: ClaimTable }[] {
  const ids = new Map<ClaimType, Set<string>>();
  for (const command of commands) {
    const type = kinds[command.kind].claim;
    if (type === undefined) continue;
    const known = ids.get(type);
    if (known) known.add(claimIdOf(command));
    else ids.set(type, new Set([claimIdOf(command)]));
  }
  return [...ids].map(([type, named]) => {
    const table = tableOf(type, tables);
    return { table, query: { ...table.read, values: [bareArray([...named])] } };
  });
}

/** The statements that store what became of them. */
export function writeClaims(claims: readonly Claim[], tables: ClaimTables, bookedAt: string): QueryConfig[] {
  const types = [...new Set(claims.map(({ type }) => type))];
  return types.map((type) =>
    tableOf(type, tables).write(
      claims.filter((claim) => claim.type === type),
      bookedAt,
    ),
  );
}

function tableOf(type: ClaimType, tables: ClaimTables): ClaimTable {
  const table = tables[type];
  if (!table) throw new Fault(`no table for claims of the type ${type}`);
  return table;
}
