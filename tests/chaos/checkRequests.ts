/**
 * Every answer carries the id of its request, and every stored operation the id of the request that it was decided for. So
 * it can be seen whether a request that was told "this changed nothing" is the one that did it, and whether the mark of a
 * replay is there exactly when the outcome is another request's.
 */
import { PROBLEMS, asCode } from '../../shared/problems.ts';
import type { Case, Evidence, Violation } from './evidence.ts';
import { isLost } from './history.ts';
import type { Answer, Attempt } from './history.ts';

type Finding = { rule: string; says: string } | undefined;

export function checkRequests({ cases }: Evidence): Violation[] {
  return [...cases.flatMap(checkCase), ...sharedIds(cases)];
}

function checkCase(each: Case): Violation[] {
  const { operation, stands } = each;
  const findings = [
    ...operation.attempts.map((attempt) => judge(each, attempt)),
    stands && everyoneWasRefused(each),
    stands && storedForNobody(each),
  ];
  return findings.flatMap((finding) => (finding ? [{ ...finding, operation, rows: stands ? [stands.row] : [] }] : []));
}

function judge({ stands }: Case, { what, which, result }: Attempt): Finding {
  if (isLost(result)) return undefined;
  const { requestId, isReplay = false } = result;
  if (requestId === undefined)
    return { rule: 'request-id', says: `${result.status} was answered without a request id` };
  const isStored = requestId === stands?.row.requestId;
  if (what === 'send' && tellsOutcome(result)) {
    // That it is there at all is judged elsewhere.
    if (!stands || isReplay !== isStored) return undefined;
    const says = isStored
      ? 'an outcome of its own was marked as replayed'
      : 'the outcome of another request was not marked';
    return { rule: 'replay-mark', says };
  }
  if (isReplay) return { rule: 'replay-mark', says: `${result.status} ${result.code ?? ''} was marked as replayed` };
  if (!isStored) return undefined;
  if (what === 'ask' || which !== stands.which) {
    return { rule: 'request-id', says: 'an operation is stored for a request that did not ask for it' };
  }
  if (!changedNothing(result)) return undefined;
  const says = `${result.status} ${result.code ?? ''} says that this request changed nothing, and it is the one that did`;
  return { rule: 'refused-but-stored', says };
}

function tellsOutcome({ status, code }: Answer): boolean {
  const known = asCode(code);
  return status === 200 || (known !== undefined && PROBLEMS[known].means === 'final');
}

/** An answer that is no outcome, no promise and no doubt. */
function changedNothing({ status, code }: Answer): boolean {
  return status !== 202 && code !== 'outcome_unknown' && code !== 'internal';
}

/** Also where a request's own id is not known, because nobody listened. */
function everyoneWasRefused({ operation, stands }: Case): Finding {
  const sent = operation.attempts.filter(({ what, which }) => what === 'send' && which === stands?.which);
  // A key that is called used for another body is judged by itself: see `wrongly-refused`.
  const isReuse = ({ code }: Answer) => code?.endsWith('_reused') === true;
  const wasRefused = ({ result }: Attempt) =>
    isLost(result)
      ? result.lost === 'refused'
      : !tellsOutcome(result) && !isReuse(result) && changedNothing(result) && result.status >= 400;
  if (!sent.every(wasRefused)) return undefined;
  const says = 'every request was told that it had changed nothing, and the operation is there';
  return { rule: 'refused-but-stored', says };
}

/** A request whose answer was lost may be any; otherwise the one that is stored must be known. */
function storedForNobody({ operation, stands }: Case): Finding {
  const sent = operation.attempts.filter(({ what, which }) => what === 'send' && which === stands?.which);
  const mayBe = ({ result }: Attempt) =>
    isLost(result) ? result.lost !== 'refused' : result.requestId === stands?.row.requestId;
  if (sent.some(mayBe)) return undefined;
  return { rule: 'request-id', says: 'an operation is stored for a request that nobody has made' };
}

/** Two requests under one id could not be told apart. The items of a list have the same times. */
function sharedIds(cases: readonly Case[]): Violation[] {
  const sentAtMs = new Map<string, number>();
  return cases.flatMap(({ operation }) =>
    operation.attempts.flatMap((attempt) => {
      const id = isLost(attempt.result) ? undefined : attempt.result.requestId;
      if (id === undefined) return [];
      const known = sentAtMs.get(id);
      sentAtMs.set(id, attempt.sentAtMs);
      if (known === undefined || known === attempt.sentAtMs) return [];
      return [{ rule: 'request-id', says: `two requests were called ${id}`, operation }];
    }),
  );
}
