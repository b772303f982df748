/**
 * Every answer against the database: what a client was told is there, exactly once and just as it was told; and what is
 * there was sent by a client.
 */
import type { OperationRow } from './books.ts';
import type { Case, Evidence, Violation } from './evidence.ts';
import { REJECTIONS, isBusy, isLost } from './history.ts';
import type { Answer, Attempt, Operation, Which } from './history.ts';

const REUSED = { key: '422 idempotency_key_reused', external: '409 external_id_reused', none: '' };

export function checkAnswers(evidence: Evidence): Violation[] {
  return [
    ...evidence.cases.flatMap((each) => [
      ...doubled(evidence, each),
      ...each.operation.attempts.flatMap((attempt) => judge(evidence, each, attempt)),
      ...wentBack(each),
    ]),
    ...notSent(evidence),
  ];
}

function doubled(evidence: Evidence, { operation, rows }: Case): Violation[] {
  const all = [...rows.own, ...rows.clash];
  if (all.length > 1) return [{ rule: 'doubled', says: 'one key has several operations', operation, rows: all }];
  return all.flatMap((row) => {
    const entries = evidence.entriesOfOperation.get(row.id) ?? [];
    if (entries.length <= 2) return [];
    return [
      { rule: 'doubled', says: 'an operation has been posted several times', operation, rows: [row, ...entries] },
    ];
  });
}

/** One answer; a lost one says nothing here. */
function judge(evidence: Evidence, each: Case, attempt: Attempt): Violation[] {
  const { result } = attempt;
  if (isLost(result)) return [];
  const problem = attempt.what === 'ask' ? judgeAsked(each, result) : judgeSent(evidence, each, attempt.which, result);
  if (!problem) return [];
  const rows = [...each.rows.own, ...each.rows.clash];
  return [{ ...problem, operation: each.operation, rows }];
}

function judgeSent(
  evidence: Evidence,
  each: Case,
  which: Which,
  answer: Answer,
): { rule: string; says: string } | undefined {
  const { operation } = each;
  const body = operation[which] ?? operation.own;
  const row = each.stands?.which === which ? each.stands.row : undefined;
  const said = `${answer.status} ${answer.code ?? ''}`.trim();
  if (REJECTIONS.includes(answer.code ?? '')) return judgeRejected(evidence, row, answer);
  switch (said) {
    case '200':
      return judgeApplied(evidence, operation, row, answer);
    case '202':
      if (row && row.id === answer.operationId) return undefined;
      return { rule: 'promise-broken', says: 'a 202 was answered and this body has no outcome' };
    case REUSED[operation.identity]:
      if (operation.clash && each.stands && each.stands.which !== which) return undefined;
      return { rule: 'wrongly-refused', says: 'a key was called used for another body, which is not there' };
    case '404 wallet_not_found':
      if (!evidence.books.wallets.some(({ id, kind }) => id === body.walletId && kind === 'customer')) return undefined;
      return { rule: 'status-not-allowed', says: `wallet ${body.walletId} is there, and 404 was answered` };
    case '422 same_wallet':
      if (body.walletId === operation.payerWalletId) return undefined;
      return { rule: 'status-not-allowed', says: 'two wallets were called the same' };
    default:
      return notAllowed(answer);
  }
}

function judgeApplied(
  evidence: Evidence,
  operation: Operation,
  row: OperationRow | undefined,
  answer: Answer,
): { rule: string; says: string } | undefined {
  const rule = 'applied-missing';
  if (row?.status !== 'applied' || row.id !== answer.operationId)
    return { rule, says: '200 was answered, and it is not there' };
  const told = operation.kind === 'deposit' ? row.creditWalletId : operation.payerWalletId;
  if (answer.walletId !== told) return { rule, says: `200 was answered about wallet ${answer.walletId}, not ${told}` };
  if (operation.kind === 'freeze' || operation.kind === 'unfreeze') {
    if (answer.isFrozen === (operation.kind === 'freeze')) return undefined;
    return { rule, says: `200 was answered to ${operation.kind}, and frozen: ${answer.isFrozen}` };
  }
  const entry = evidence.entriesOfOperation.get(row.id)?.find(({ walletId }) => walletId === told);
  if (entry?.balanceAfterMinor === answer.balanceMinor) return undefined;
  const says = `200 was answered with the balance ${answer.balanceMinor}, and it is ${entry?.balanceAfterMinor}`;
  return { rule, says };
}

function judgeRejected(
  evidence: Evidence,
  row: OperationRow | undefined,
  { operationId, code }: Answer,
): { rule: string; says: string } | undefined {
  const rule = 'rejection-not-kept';
  if (row?.status !== 'rejected' || row.id !== operationId)
    return { rule, says: 'it was answered as rejected, and is not' };
  if (row.reason !== code) return { rule, says: `it was answered as ${code}, and stored as ${row.reason}` };
  if (evidence.entriesOfOperation.has(row.id)) return { rule, says: 'a rejected operation moved money' };
  return undefined;
}

function judgeAsked(each: Case, answer: Answer): { rule: string; says: string } | undefined {
  if (answer.status === 404) return { rule: 'promise-broken', says: 'a promised operation was not to be found' };
  if (answer.status !== 200) return notAllowed(answer);
  const row = each.stands?.row;
  if (!row || row.id !== answer.operationId) {
    return { rule: 'promise-broken', says: 'an operation that was asked for has no outcome' };
  }
  if (answer.word === 'PENDING') return undefined;
  const isSame =
    answer.word === (row.status === 'applied' ? 'OK' : 'REJECTED') && (row.reason ?? undefined) === answer.reason;
  return isSame
    ? undefined
    : { rule: 'answers-differ', says: `it was told to be ${answer.word}, and is ${row.status}` };
}

function notAllowed({ status, code }: Answer): { rule: string; says: string } | undefined {
  if (isBusy(code)) return undefined;
  return { rule: 'status-not-allowed', says: `${status} ${code ?? ''} was answered` };
}

/** Who has been told an outcome is never again told that there is none yet. */
function wentBack({ operation, knownMs }: Case): Violation[] {
  const after = operation.attempts.find(({ sentAtMs, result }) => {
    return sentAtMs > knownMs && !isLost(result) && result.word === 'PENDING';
  });
  return after ? [{ rule: 'answers-differ', says: 'an outcome was known, and later it was pending', operation }] : [];
}

function notSent({ books, caseOfRow }: Evidence): Violation[] {
  return books.operations.flatMap((row) => {
    const found = caseOfRow.get(row.id);
    if (!found) return [{ rule: 'not-sent', says: 'nobody has sent this operation', rows: [row] }];
    const { operation, rows } = found;
    const body = rows.own.includes(row) ? operation.own : operation.clash;
    const isSame =
      row.kind === operation.kind &&
      row.debitWalletId === operation.payerWalletId &&
      row.creditWalletId === body?.walletId &&
      row.amountMinor === body.amountMinor &&
      row.externalId === (operation.identity === 'external' ? operation.name : null);
    return isSame ? [] : [{ rule: 'not-sent', says: 'what is stored is not what was sent', operation, rows: [row] }];
  });
}
