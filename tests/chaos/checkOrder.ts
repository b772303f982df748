/**
 * Real time: whoever was answered before another began comes first. So every wallet's numbers follow that order, a
 * rejection for want of money met a balance that was too small while it was under way, and a look at a wallet shows a
 * state that existed, no older than what was known before the look, never older than the look before it, and never the
 * half of an atomic list.
 */
import type { EntryRow } from './books.ts';
import type { Case, Evidence, Violation } from './evidence.ts';
import { groupBy } from './evidence.ts';
import { isBusy, isLost } from './history.ts';
import type { Read } from './history.ts';

export function checkOrder(evidence: Evidence): Violation[] {
  const timelines = new Map<number, Timeline>();
  for (const { id } of evidence.books.wallets) timelines.set(id, createTimeline(evidence, id));
  return [
    ...[...timelines.values()].flatMap(({ violations }) => violations),
    ...evidence.cases.flatMap((each) => rejectedWithFunds(evidence, each, timelines)),
    ...[...groupBy(evidence.history.reads, ({ reader }) => reader).values()].flatMap((reads) =>
      checkReads(reads, timelines),
    ),
  ];
}

interface Timeline {
  entries: readonly EntryRow[];
  /** The highest number that some client knew before this moment; 0 for none. */
  knownBefore(atMs: number): number;
  /** The highest number that was sent for before this moment; 0 for none. */
  sentBefore(atMs: number): number;
  /** Numbers that are followed by another item of the same list: nobody can have seen them as the newest. */
  withinLists: ReadonlySet<number>;
  violations: Violation[];
}

function createTimeline({ entriesOfWallet, caseOfRow }: Evidence, walletId: number): Timeline {
  const entries = entriesOfWallet.get(walletId) ?? [];
  const violations: Violation[] = [];
  const known: [atMs: number, seq: number][] = [];
  const sent: [atMs: number, seq: number][] = [];
  const withinLists = new Set<number>();
  const listsAfter = new Set<string>();
  let earliest: { knownMs: number; of: Case } | undefined;
  for (const entry of [...entries].reverse()) {
    const of = caseOfRow.get(entry.operationId);
    if (!of) continue;
    if (earliest && earliest.knownMs < of.firstSentMs) {
      const later = earliest.of.operation.name;
      const says = `in wallet ${walletId} it comes before ${later}, which was known before this one was sent`;
      violations.push({ rule: 'order', says, operation: of.operation, rows: [entry, earliest.of.stands?.row] });
    }
    if (!earliest || of.knownMs < earliest.knownMs) earliest = { knownMs: of.knownMs, of };
    // What moves nothing is not listed with what does.
    if (entry.amountMinor === 0) continue;
    known.push([of.knownMs, entry.seq]);
    sent.push([of.firstSentMs, entry.seq]);
    const { list } = of.operation;
    if (list !== undefined && listsAfter.has(list)) withinLists.add(entry.seq);
    if (list !== undefined) listsAfter.add(list);
  }
  return { entries, violations, withinLists, knownBefore: highestBefore(known), sentBefore: highestBefore(sent) };
}

function highestBefore(points: [atMs: number, seq: number][]): (atMs: number) => number {
  const sorted = points.filter(([atMs]) => Number.isFinite(atMs)).sort(([one], [other]) => one - other);
  let highest = 0;
  const highestAt = sorted.map(([, seq]) => (highest = Math.max(highest, seq)));
  return (atMs) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]![0] < atMs) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : highestAt[low - 1]!;
  };
}

function rejectedWithFunds(evidence: Evidence, each: Case, timelines: ReadonlyMap<number, Timeline>): Violation[] {
  const row = each.stands?.row;
  const timeline = timelines.get(each.operation.payerWalletId);
  if (!timeline || row?.reason !== 'insufficient_funds') return [];
  const neededMinor = row.amountMinor + spentBefore(evidence, each);
  const [from, to] = [timeline.knownBefore(each.firstSentMs), timeline.sentBefore(each.knownMs)];
  for (let seq = from; seq <= Math.max(from, to); seq++) {
    if (balanceAt(timeline, seq) < neededMinor) return [];
  }
  const says = `it was rejected for want of money, and wallet ${row.debitWalletId} had enough all the while`;
  return [
    { rule: 'rejected-with-funds', says, operation: each.operation, rows: [row, ...timeline.entries.slice(from, to)] },
  ];
}

/** What the items before it in its list would have taken: those that were rejected only on account of others. */
function spentBefore({ lists }: Evidence, each: Case): number {
  const items = lists.get(each.operation.list ?? '') ?? [];
  const before = items.slice(0, Math.max(0, items.indexOf(each))).flatMap(({ stands }) => stands?.row ?? []);
  return before.reduce((sum, { reason, amountMinor }) => sum + (reason === 'list_rejected' ? amountMinor : 0), 0);
}

function balanceAt({ entries }: Timeline, seq: number): number {
  return seq === 0 ? 0 : (entries[seq - 1]?.balanceAfterMinor ?? NaN);
}

function checkReads(reads: readonly Read[], timelines: Map<number, Timeline>): Violation[] {
  const violations: Violation[] = [];
  let lastSeq = 0;
  for (const read of reads) {
    const { result, walletId, sentAtMs } = read;
    const timeline = timelines.get(walletId);
    if (isLost(result) || !timeline) continue;
    const report = (rule: string, says: string) => violations.push({ rule, says, rows: [read] });
    if (result.status !== 200) {
      if (!isBusy(result.code)) report('status-not-allowed', `${result.status} ${result.code ?? ''} was answered`);
      continue;
    }
    const listed = result.entries ?? [];
    const seq = listed[0]?.seq ?? 0;
    const isState =
      balanceAt(timeline, seq) === result.balanceMinor &&
      listed.every((seen) => {
        const entry = timeline.entries[seen.seq - 1];
        return (
          entry?.operationId === seen.operationId &&
          entry.amountMinor === seen.amountMinor &&
          entry.balanceAfterMinor === seen.balanceMinor
        );
      });
    if (!isState) report('read-not-a-state', `wallet ${walletId} never was as it was shown`);
    if (timeline.withinLists.has(seq)) report('list-torn', `wallet ${walletId} was shown with the half of a list`);
    if (seq < lastSeq) report('read-went-back', `${read.reader} saw number ${lastSeq}, and then ${seq}`);
    if (seq < timeline.knownBefore(sentAtMs)) {
      report(
        'read-stale',
        `${read.reader} was shown number ${seq}, ${timeline.knownBefore(sentAtMs)} was known before`,
      );
    }
    lastSeq = seq;
  }
  return violations;
}
