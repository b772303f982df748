/** `POST /api/operations/bulk`: a list of movements, as JSON or, with results as they come, as NDJSON. */
import { z } from 'zod';
import { MAX_ENVELOPE_COMMANDS } from '../../shared/queue/contracts.ts';
import type { MovementKind } from '../../shared/ledger/command.ts';
import type { Bulk, BulkItem, BulkResult } from './bulk.ts';
import { movementOf } from './operate.ts';
import { invalidRequest } from '../http/invalidRequest.ts';
import { parsePrefer } from '../http/prefer.ts';
import { Problem, attempt, problemReply } from '../http/problem.ts';
import type { Quotas } from '../quotas/quotas.ts';
import { NDJSON, createBulkReader, isNdjson } from '../http/body/readBody.ts';
import { route } from '../http/route.ts';
import type { Route } from '../http/route.ts';
import { createSlicer } from '../http/body/slices.ts';
import {
  amountField,
  detailsField,
  externalIdField,
  idempotencyKeyField,
  parsePart,
  walletIdField,
} from '../http/schemas.ts';

const MAX_ITEMS = 1_000;
/** One list is one command, and so must fit one transaction. */
const MAX_ATOMIC_ITEMS = MAX_ENVELOPE_COMMANDS;
const ITEMS_RULE = `must be 1 to ${MAX_ITEMS}`;

const transferItem = z.strictObject({
  wallet_id: walletIdField.meta({ description: 'The recipient’s wallet.' }),
  amount: amountField,
  details: detailsField.optional(),
  idempotency_key: idempotencyKeyField,
});

const depositItem = z
  .strictObject({
    wallet_id: walletIdField,
    amount: amountField,
    details: detailsField.optional(),
    external_id: externalIdField.optional(),
    idempotency_key: idempotencyKeyField.optional(),
  })
  .refine(({ external_id: id, idempotency_key: key }) => id !== undefined || key !== undefined, {
    path: ['external_id'],
    error: 'or an idempotency_key is required',
  });

const ITEMS = { transfer: transferItem, deposit: depositItem } satisfies Record<MovementKind, z.ZodType>;

/** The items are parsed one by one, so that a bad one fails alone; this is how they are documented. */
const anyItem = z
  .unknown()
  .meta(z.toJSONSchema(z.union(Object.values(ITEMS)), { io: 'input' }) as Record<string, unknown>);

const bulkBody = z.strictObject({
  items: z.array(anyItem).min(1, ITEMS_RULE).max(MAX_ITEMS, ITEMS_RULE),
  atomic: z
    .boolean()
    .default(false)
    .meta({ description: `All or none, of at most ${MAX_ATOMIC_ITEMS} items.` }),
});

const result = z.object({
  status: z.enum(['OK', 'PENDING', 'ERROR']),
  operation_id: z.uuid().optional(),
  wallet_id: z.int().optional(),
  balance: z.number().optional(),
  replayed: z.literal(true).optional().meta({ description: 'The outcome of an earlier request.' }),
  problem: z.looseObject({ code: z.string() }).optional().meta({ description: 'A problem document, with `ERROR`.' }),
});

interface BulkRouteDeps {
  bulk: Bulk;
  quotas: Pick<Quotas, 'toList'>;
  admit: () => void;
}

export function createBulkRoute({ bulk, quotas, admit }: BulkRouteDeps): Route {
  const mapInSlices = createSlicer();
  return route({
    method: 'post',
    path: '/api/operations/bulk',
    summary: 'Many deposits (bank) or transfers (customer) at once; one result per item, in order',
    description:
      'Each item has its own `idempotency_key` or, for a deposit, `external_id`, and its own outcome: a bad item fails alone. ' +
      `The body is \`{"items": […]}\`, a bare JSON array, or NDJSON (\`${NDJSON}\`), whose results come as NDJSON, each as soon as it and those before it are known. ` +
      'With `"atomic": true` the list is applied whole or not at all: an item that is refused has its own code, the others `list_rejected`. ' +
      'An atomic list is never `PENDING`: when the time is up its items are `outcome_unknown`, and are safe to send again as they are.',
    roles: ['bank', 'customer'],
    readBody: createBulkReader({ maxItems: MAX_ITEMS, mapInSlices }),
    body: bulkBody,
    headers: { Prefer: '`wait=N` waits up to N seconds, at most 30, for the outcomes (RFC 7240).' },
    answers: {
      200: { description: 'One result per item, in order.', schema: z.object({ results: z.array(result) }) },
    },
    problems: ['overloaded'],
    admit,
    handle: async ({ body, principal, requestId, req }) => {
      if (body.atomic && body.items.length > MAX_ATOMIC_ITEMS) {
        throw invalidRequest([
          { path: 'items', message: `must be at most ${MAX_ATOMIC_ITEMS} where \`atomic\` is true` },
        ]);
      }
      await quotas.toList(principal, body.items.length);
      const kind = movementOf(principal);
      const request = {
        kind,
        principal,
        items: await mapInSlices(body.items, (item) => readItem(item, kind)),
        requestId,
        prefer: parsePrefer(req.get('Prefer')),
      } as const;
      const toItem = (each: BulkResult) => toResult(each, requestId);
      if (body.atomic) return { status: 200, body: { results: (await bulk.moveAll(request)).map(toItem) } };
      if (isNdjson(req)) {
        const body = inOrder(request.items.length, (tell) =>
          bulk.moveEach(request, (index, each) => tell(index, `${JSON.stringify(toItem(each))}\n`)),
        );
        return { status: 200, headers: { 'Content-Type': NDJSON }, body };
      }
      const results: ReturnType<typeof toItem>[] = [];
      await bulk.moveEach(request, (index, each) => (results[index] = toItem(each)));
      return { status: 200, body: { results } };
    },
  });
}

function readItem(given: unknown, kind: MovementKind): BulkItem {
  if (given instanceof Problem) return given;
  return attempt(() => {
    const item = parsePart<(typeof ITEMS)[MovementKind]>(ITEMS[kind], given, 'body');
    const externalId = 'external_id' in item ? item.external_id : undefined;
    const { wallet_id: toWalletId, amount, details, idempotency_key: idempotencyKey } = item;
    return { toWalletId, amount, details, externalId, idempotencyKey };
  });
}

function toResult(each: BulkResult, requestId: string): z.infer<typeof result> {
  if (each instanceof Problem) {
    const { body } = problemReply(each, requestId);
    const replayed = each.extras.isReplay ? ({ replayed: true } as const) : {};
    return {
      status: 'ERROR',
      ...(body.operation_id && { operation_id: body.operation_id }),
      ...replayed,
      problem: body,
    };
  }
  if (each.status === 'PENDING') return { status: 'PENDING', operation_id: each.operationId };
  const { operationId, toldWalletId, balance, isReplay } = each;
  return {
    status: 'OK',
    operation_id: operationId,
    wallet_id: toldWalletId,
    ...(balance !== undefined && { balance }),
    ...(isReplay && { replayed: true }),
  };
}

/** `count` lines, in order, as many at a time as are known. Whoever stops listening stops nothing. */
async function* inOrder(
  count: number,
  begin: (tell: (index: number, line: string) => void) => Promise<void>,
): AsyncGenerator<string> {
  const known: (string | undefined)[] = [];
  let wake: () => void = () => undefined;
  const over = begin((index, line) => {
    known[index] = line;
    wake();
  });
  over.catch(() => undefined); // it is thrown below to whoever still listens
  for (let at = 0; at < count;) {
    if (known[at] === undefined) await Promise.race([over, new Promise<void>((resolve) => (wake = resolve))]);
    const first = at;
    while (known[at] !== undefined) at++;
    if (at > first) yield known.slice(first, at).join('');
  }
}
