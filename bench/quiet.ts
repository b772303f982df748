/**
 * When a load ends, what it has sent is still being done. Whoever is measured next must not share the machine with that,
 * so the bench waits until nothing changes in the books any more.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connectClient } from '../shared/store/database/connection.ts';

const LOOK_AGAIN_MS = 150;
/** What is under way at the end of a load is a few thousand transfers at most. */
const LIMIT_MS = 30_000;

/** Every movement of money changes the versions of two wallets. */
const CHANGES = 'SELECT sum(version)::text AS changes FROM wallet';

/** Rejects when it does not come to rest. */
export async function untilQuiet(databaseUrl: string): Promise<void> {
  const client = await connectClient(databaseUrl, 'bench');
  try {
    const count = async () => (await client.query<{ changes: string }>(CHANGES)).rows[0]?.changes;
    const deadlineMs = performance.now() + LIMIT_MS;
    for (let before = await count(); ;) {
      await delay(LOOK_AGAIN_MS);
      const now = await count();
      if (now === before) return;
      if (performance.now() > deadlineMs) throw new Error(`the books do not come to rest within ${LIMIT_MS} ms`);
      before = now;
    }
  } finally {
    await client.end();
  }
}
