/**
 * Makes a command out of what a client asked for: its identity, and the hash by which a second request under the same
 * identity is recognised as the same or as another one.
 */
import { hash } from 'node:crypto';
import { parse, v5 as uuidv5, v7 as uuidv7 } from 'uuid';
import type { AtomicList, Command, JsonObject } from '../../shared/ledger/command.ts';

/** Name spaces of the two ways in which a client can fix an operation's identity (RFC 9562, section 6.6). Never change. */
const NS_KEY = parse('a3d5f0e2-6c5b-4f7e-9b0e-2f1f6a1c7d10');
const NS_EXTERNAL = parse('c1b7e4d8-02f9-4b1e-8a52-6e0f3d9a4b27');

/** After this a command that was neither decided nor promised will never be applied: "unknown" has an end. */
const COMMAND_LIFE_MS = 10 * 60_000;

interface Asked extends Pick<
  Command,
  'kind' | 'debitWalletId' | 'creditWalletId' | 'amountMinor' | 'currency' | 'initiatorId' | 'requestId'
> {
  details: string | undefined;
  externalId: string | undefined;
  idempotencyKey: string | undefined;
  list?: AtomicList | undefined;
  claimId?: string | undefined;
  terms?: JsonObject | undefined;
}

/** `nowMs` is the database's time. */
export function createCommand(asked: Asked, nowMs: number): Command {
  return {
    id: operationId(asked),
    kind: asked.kind,
    debitWalletId: asked.debitWalletId,
    creditWalletId: asked.creditWalletId,
    amountMinor: asked.amountMinor,
    currency: asked.currency,
    initiatorId: asked.initiatorId,
    requestId: asked.requestId,
    details: asked.details ?? null,
    externalId: asked.externalId ?? null,
    requestHash: requestHash(asked),
    acceptedAtMs: nowMs,
    expiresAtMs: nowMs + COMMAND_LIFE_MS,
    ...(asked.list && { list: asked.list }),
    ...(asked.claimId !== undefined && { claimId: asked.claimId }),
    ...(asked.terms && { terms: asked.terms }),
  };
}

/** An `external_id` is the identity where it is given, and a key beside it is ignored. Without either it is a new one. */
export function operationId({
  initiatorId,
  externalId,
  idempotencyKey,
}: Pick<Asked, 'initiatorId' | 'externalId' | 'idempotencyKey'>): string {
  const owner = Number(initiatorId);
  if (externalId !== undefined) return uuidv5(JSON.stringify([owner, externalId]), NS_EXTERNAL);
  if (idempotencyKey !== undefined) return uuidv5(JSON.stringify([owner, idempotencyKey]), NS_KEY);
  return uuidv7();
}

/** Canonical JSON: keys in alphabetical order, absent fields left out, so that a new optional field changes no old hash. */
function requestHash(asked: Asked): string {
  const canonical = {
    amount: asked.amountMinor.toString(),
    claim: asked.claimId,
    credit: asked.creditWalletId.toString(),
    debit: asked.debitWalletId.toString(),
    details: asked.details,
    kind: asked.kind,
    terms: asked.terms,
  };
  return hash('sha256', JSON.stringify(canonical));
}
