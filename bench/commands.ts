/** Commands as the API would make them, for benches that go past it. */
import { v7 as uuidv7 } from 'uuid';
import type { Command } from '../shared/ledger/command.ts';

export type Sides = Pick<Command, 'kind' | 'initiatorId' | 'debitWalletId' | 'creditWalletId' | 'amountMinor'>;

const COMMAND_LIFE_MS = 600_000;

export function makeCommand(sides: Sides): Command {
  const nowMs = Date.now();
  return {
    ...sides,
    id: uuidv7(),
    currency: 'RUB',
    details: null,
    externalId: null,
    requestId: uuidv7(),
    requestHash: '0'.repeat(64),
    acceptedAtMs: nowMs,
    expiresAtMs: nowMs + COMMAND_LIFE_MS,
  };
}
