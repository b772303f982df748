/** A table that the auditor walks, and what it asks of each of its rows: `bookChecks.ts` says why so. */

interface Check {
  id: string;
  /** What holds in sound books, as one phrase. */
  says: string;
  /** SQL over the walk's columns. */
  isSound: string;
  /** SQL text: what is there instead. */
  found: string;
}

export interface Walk {
  /** What its rows are called. */
  of: 'entries' | 'operations' | 'wallets' | 'promises' | 'holds';
  table: string;
  /** The columns of the primary key and their types, in order. */
  key: readonly (readonly [column: string, type: string])[];
  /** More columns that the next chunk needs of the last row of this one. */
  carry: readonly (readonly [column: string, type: string])[];
  /** The columns that the checks ask about, the key among them. */
  reads: string;
  /** SQL: what follows SELECT to make the chunk of `page`, which has those columns of its rows, in order. */
  derives: string;
  /** SQL: joined to each row of the chunk, aliased `r`. */
  joins: string;
  /** SQL text: the row's name. */
  row: string;
  checks: readonly Check[];
}
