/**
 * An operator who freezes one wallet after another for a moment. Each order is followed to its end before the next one is
 * given, so that it is known when a wallet was certainly frozen and when it may have been.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './client.ts';
import type { History, Operation } from './history.ts';
import type { People } from './people.ts';
import type { Random } from './random.ts';

interface OperatorDeps {
  history: History;
  client: Client;
  people: People;
  seed: number;
}

const PAUSE_MS = { min: 300, max: 3_000 };
const HOT_SHARE = 0.2;

/** Leaves no wallet frozen that it can reach when `stop` is aborted. */
export async function freezeAgainAndAgain(deps: OperatorDeps, random: Random, stop: AbortSignal): Promise<void> {
  const { history, client, people, seed } = deps;
  const pause = () =>
    sleep(random.integer(PAUSE_MS.min, PAUSE_MS.max), undefined, { signal: stop }).catch(() => undefined);
  for (let round = 1; !stop.aborted; round++) {
    await pause();
    const { walletId } = random.pick(random.chance(HOT_SHARE) ? people.hot : people.customers);
    for (const kind of ['freeze', 'unfreeze'] as const) {
      const name = `${seed}-${kind}-${round}`;
      const own = { walletId, amountMinor: 0, details: name };
      const operation: Operation = { name, identity: 'key', kind, payerWalletId: walletId, own, attempts: [] };
      history.operations.push(operation);
      await client.carry(operation, people.operator, { isPatient: true });
      await pause();
    }
  }
}
