/** What a run has to say at its end: a table, and of every broken rule the first case. */
import type { Violation } from './evidence.ts';
import { isLost } from './history.ts';
import type { Attempt, FaultRecord, Operation } from './history.ts';
import type { RunResult } from './run.ts';

const SHOWN_ROWS = 8;
const SHOWN_ATTEMPTS = 12;
const SHOWN_FAULTS = 12;
const BEFORE_MS = 15_000;

/** The first case of every broken rule, shortest account first. */
export function violationLines(violations: readonly Violation[], faults: readonly FaultRecord[]): string[] {
  const firsts = new Map<string, { violation: Violation; count: number }>();
  for (const violation of violations) {
    const known = firsts.get(violation.rule);
    if (known) known.count++;
    else firsts.set(violation.rule, { violation, count: 1 });
  }
  return [...firsts.values()].flatMap(({ violation, count }) => {
    const { rule, says, operation, rows = [] } = violation;
    return [
      '',
      `VIOLATION ${rule} (${count} in all): ${says}`,
      ...(operation ? [...operationLines(operation), ...faultLines(operation, faults)] : []),
      ...rows.slice(0, SHOWN_ROWS).map((row) => `    row ${JSON.stringify(row)}`),
      ...(rows.length > SHOWN_ROWS ? [`    and ${rows.length - SHOWN_ROWS} more rows`] : []),
    ];
  });
}

function operationLines({ name, identity, kind, payerWalletId, own, clash, attempts }: Operation): string[] {
  const inOrder = [...attempts].sort((one, other) => one.sentAtMs - other.sentAtMs);
  const startMs = inOrder[0]?.sentAtMs ?? 0;
  const shown =
    inOrder.length > SHOWN_ATTEMPTS ? [...inOrder.slice(0, SHOWN_ATTEMPTS - 2), ...inOrder.slice(-2)] : inOrder;
  return [
    `    ${kind} ${name} (${identity}) from wallet ${payerWalletId}: ${JSON.stringify(own)}`,
    ...(clash ? [`    and under the same key ${JSON.stringify(clash)}`] : []),
    ...shown.map((attempt) => `    ${attemptLine(attempt, startMs)}`),
    ...(shown.length < inOrder.length ? [`    ${inOrder.length - shown.length} more attempts between them`] : []),
  ];
}

/** What was at work while it was sent or shortly before, by the clock of its first attempt. */
function faultLines({ attempts }: Operation, faults: readonly FaultRecord[]): string[] {
  const startMs = Math.min(...attempts.map(({ sentAtMs }) => sentAtMs));
  const endMs = Math.max(...attempts.map(({ endedAtMs }) => endedAtMs));
  const near = faults.filter((fault) => fault.startMs < endMs && fault.endMs > startMs - BEFORE_MS);
  return near.slice(0, SHOWN_FAULTS).map((fault) => {
    const [from, to] = [fault.startMs, fault.endMs].map((atMs) => (atMs - startMs).toFixed(0));
    return `    fault ${fault.kind} of ${fault.target}: ${from} to ${to} ms`;
  });
}

function attemptLine({ what, which, api, sentAtMs, endedAtMs, result }: Attempt, startMs: number): string {
  const span = `${(sentAtMs - startMs).toFixed(0)}–${(endedAtMs - startMs).toFixed(0)} ms`;
  return `${span}  ${what} ${which} to api${api}: ${JSON.stringify(result)}`;
}

export function tableLines(result: RunResult): string[] {
  const { history, seed, queue, violations, takeovers, longestRecoveryMs, runMs } = result;
  const attempts = history.operations.flatMap((operation) => operation.attempts);
  const sent = attempts.filter(({ what }) => what === 'send');
  const judged = takeovers.filter(({ isAlone }) => isAlone).map(({ stoodStillMs }) => stoodStillMs);
  const all = takeovers.map(({ stoodStillMs }) => stoodStillMs);
  const count = (rules: string[]) => violations.filter(({ rule }) => rules.includes(rule)).length;
  const seconds = (times: number[]) => (times.length > 0 ? `${(Math.max(...times) / 1000).toFixed(1)} s` : 'none');
  const rows: [string, string][] = [
    ['seed, queue, time', `${seed}, ${queue}, ${(runMs / 60_000).toFixed(1)} min`],
    ['operations', String(history.operations.length)],
    ['requests that move money', String(sent.length)],
    ['retries and replays', String(sent.length - history.operations.length)],
    [
      'answers',
      tally(
        attempts.map(({ result }) =>
          isLost(result) ? result.lost : `${result.status} ${result.code ?? result.word ?? ''}`,
        ),
      ),
    ],
    ['looks at wallets', String(history.reads.length)],
    ['faults', `${history.faults.length}: ${tally(history.faults.map(({ kind }) => kind))}`],
    ['longest takeover, worker struck alone', seconds(judged)],
    ['longest takeover, with other faults', seconds(all)],
    ['refused at most so long after a fault', `${(longestRecoveryMs / 1000).toFixed(1)} s`],
    ['lost', String(count(['applied-missing', 'promise-broken', 'pending-left', 'undeserved-rejection']))],
    ['doubled', String(count(['doubled']))],
    ['violations', String(violations.length)],
  ];
  return rows.map(([name, value]) => `${name.padEnd(40)}${value}`);
}

function tally(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word.trim(), (counts.get(word.trim()) ?? 0) + 1);
  return [...counts]
    .sort(([, one], [, other]) => other - one)
    .map(([word, times]) => `${word} ×${times}`)
    .join(', ');
}
