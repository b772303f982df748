/** A route that submits one command of a kind: what all of them take, answer and may be refused for. */
import { z } from 'zod';
import type { KindName } from '../../shared/ledger/command.ts';
import { KINDS, REASONS_OF_ANY } from '../../shared/ledger/kinds.ts';
import type { Code } from '../../shared/problems.ts';
import { parsePrefer } from '../http/prefer.ts';
import { route } from '../http/route.ts';
import type { Reply, Route } from '../http/route.ts';
import { readIdempotencyKey } from '../http/schemas.ts';
import type { Asked, Operate, Subject, Told } from './operate.ts';

export interface KindRouteDeps<Name extends KindName> {
  operate: Operate<Name>;
  /** Refuses with a `Problem` when no command could be served now. */
  admit: () => void;
}

type Done = Extract<Told, { status: 'OK' }>;

interface KindRoute<Name extends KindName, Body extends z.ZodType, Params extends z.ZodType> extends Pick<
  Route,
  'path' | 'summary' | 'description' | 'roles'
> {
  kind: Name;
  params?: Params;
  body: Body;
  toItem: (body: z.infer<Body>, params: z.infer<Params>) => Omit<Subject<Name>, 'idempotencyKey'>;
  /** What it answers of an operation that is applied, beside its id and its wallet. */
  answer: z.ZodRawShape;
  toAnswer: (done: Done) => Record<string, unknown>;
  /** Beside those of its kind. */
  problems?: readonly Code[];
}

const promised = z.object({ status: z.literal('PENDING'), operation_id: z.uuid() });

export function kindRoute<Name extends KindName, Body extends z.ZodType, Params extends z.ZodType>(
  { operate, admit }: KindRouteDeps<Name>,
  { kind, toItem, answer, toAnswer, problems = [], ...rest }: KindRoute<Name, Body, Params>,
): Route {
  const done = z.object({ status: z.literal('OK'), operation_id: z.uuid(), wallet_id: z.int(), ...answer });
  return route({
    ...rest,
    method: 'post',
    headers: {
      'Idempotency-Key': 'One to 255 printable ASCII characters. The same key and body always have the same outcome.',
      Prefer: '`respond-async` answers 202 at once; `wait=N` waits up to N seconds, at most 30 (RFC 7240).',
    },
    answers: {
      200: {
        description: 'Applied. `Idempotency-Replayed: true` marks the outcome of an earlier request.',
        schema: done,
      },
      202: { description: 'Promised: it will be decided. Ask at `Location`.', schema: promised },
    },
    problems: [...problemsOf(kind), ...problems],
    admit,
    handle: async ({ body, params, principal, requestId, req }) => {
      const idempotencyKey = readIdempotencyKey(req);
      const prefer = parsePrefer(req.get('Prefer'));
      const asking = { kind, principal, idempotencyKey, requestId, prefer };
      // TypeScript does not work out what a kind that is not known yet is about.
      const told = await operate({ ...toItem(body, params), ...asking } as unknown as Asked<Name>);
      return toReply(told, toAnswer);
    },
  });
}

function problemsOf(name: KindName): Code[] {
  return [...KINDS[name].reasons, ...REASONS_OF_ANY, 'idempotency_key_reused', 'overloaded', 'outcome_unknown'];
}

function toReply(told: Told, toAnswer: KindRoute<KindName, z.ZodType, z.ZodType>['toAnswer']): Reply {
  const { operationId, isReplay } = told;
  if (told.status === 'PENDING') {
    const headers = { Location: `/api/operations/${operationId}`, 'Retry-After': '1' };
    return { status: 202, body: { status: 'PENDING', operation_id: operationId }, headers };
  }
  return {
    status: 200,
    body: { status: 'OK', operation_id: operationId, wallet_id: told.toldWalletId, ...toAnswer(told) },
    ...(isReplay && { headers: { 'Idempotency-Replayed': 'true' } }),
  };
}
