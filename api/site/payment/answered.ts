/** What there is to say about a payment form that was sent, beside that it was done. */
import type { EqualPayment } from '../../../shared/store/ledger/promisePayment.ts';
import type { Problem } from '../../http/problem.ts';

/** A form that was sent and did not lead on: it is shown again with what there is to say. */
export type Answered = { given: Record<string, unknown> } & (
  | { why: 'refused'; problem: Problem }
  /** A payment just like it was made a moment ago, to somebody of that name. */
  | { why: 'equal'; earlier: EqualPayment; payeeName: string | undefined }
  /** It was filled in before somebody else logged in. */
  | { why: 'foreign' }
  /** It comes back from a log-in. */
  | { why: 'draft' }
);
