/**
 * History and database laid side by side: which rows belong to what a client sent. A row is recognised by its `details`,
 * which only this run's clients wrote, so nothing that the service computed (an operation id, a hash) is trusted.
 */
import type { Books, EntryRow, OperationRow } from './books.ts';
import { REJECTIONS, isFinal, isLost, queueingWallet } from './history.ts';
import type { History, Operation, Which } from './history.ts';

/** A rule that does not hold, and what shows it. */
export interface Violation {
  rule: string;
  says: string;
  operation?: Operation | undefined;
  rows?: unknown[];
}

/** One operation and what has become of it. */
export interface Case {
  operation: Operation;
  rows: Record<Which, OperationRow[]>;
  /** The row that counts, if there is any: more than one is a violation of its own. */
  stands: { which: Which; row: OperationRow } | undefined;
  /** When the body that stands was first sent; before that it cannot have had any effect. */
  firstSentMs: number;
  /** When some client first knew the final outcome: whatever was sent later comes after it. */
  knownMs: number;
}

export interface Evidence {
  history: History;
  books: Books;
  cases: Case[];
  caseOfRow: Map<string, Case>;
  /** The items of every atomic list, in order. */
  lists: Map<string, Case[]>;
  entriesOfOperation: Map<string, EntryRow[]>;
  /** In the order of their numbers. */
  entriesOfWallet: Map<number, EntryRow[]>;
}

export function gatherEvidence(history: History, books: Books): Evidence {
  const rowsByDetails = groupBy(books.operations, ({ details }) => details ?? '');
  const cases = history.operations.map((operation) => toCase(operation, rowsByDetails));
  const caseOfRow = new Map<string, Case>();
  for (const each of cases) {
    for (const row of [...each.rows.own, ...each.rows.clash]) caseOfRow.set(row.id, each);
  }
  const entriesOfWallet = groupBy(books.entries, ({ walletId }) => walletId);
  for (const entries of entriesOfWallet.values()) entries.sort((one, other) => one.seq - other.seq);
  return {
    history,
    books,
    cases,
    caseOfRow,
    lists: groupBy(
      cases.filter(({ operation }) => operation.list !== undefined),
      ({ operation }) => operation.list ?? '',
    ),
    entriesOfOperation: groupBy(books.entries, ({ operationId }) => operationId),
    entriesOfWallet,
  };
}

function toCase(operation: Operation, rowsByDetails: Map<string, OperationRow[]>): Case {
  const rows = {
    own: rowsByDetails.get(operation.own.details) ?? [],
    clash: (operation.clash && rowsByDetails.get(operation.clash.details)) ?? [],
  };
  const which: Which = rows.own.length > 0 ? 'own' : 'clash';
  const [row] = rows[which];
  const attempts = operation.attempts.filter((attempt) => attempt.which === which);
  const sentMs = attempts.filter(({ what }) => what === 'send').map(({ sentAtMs }) => sentAtMs);
  const knownMs = attempts
    .filter((attempt) => isFinal(attempt) && isOutcome(attempt))
    .map(({ endedAtMs }) => endedAtMs);
  return {
    operation,
    rows,
    stands: row && { which, row },
    firstSentMs: Math.min(...sentMs),
    knownMs: Math.min(...knownMs),
  };
}

/** An answer that tells what has become of the operation, not one that refused to begin it. */
function isOutcome({ result, what }: Operation['attempts'][number]): boolean {
  if (isLost(result)) return false;
  if (what === 'ask' || result.status === 200) return true;
  return REJECTIONS.includes(result.code ?? '');
}

/** The wallet whose group one of its bodies queues in: where money leaves, and for a deposit where it arrives. */
export function routingWallet({ lists }: Pick<Evidence, 'lists'>, operation: Operation, which: Which): number {
  // A list travels as one, the way of its first item.
  const first = operation.list === undefined ? operation : (lists.get(operation.list)?.[0]?.operation ?? operation);
  return queueingWallet(first, which);
}

export function groupBy<K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
