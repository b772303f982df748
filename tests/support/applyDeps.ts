/** What `worker/main.ts` gives to `applyEnvelope`, without its logs. */
import { pino } from 'pino';
import type { Pool } from '../../shared/store/database/pool.ts';
import type { applyEnvelope } from '../../worker/apply/applyEnvelope.ts';

export function applyDeps(pool: Pool): Parameters<typeof applyEnvelope>[0] {
  return { pool, logger: pino({ level: 'silent' }), onFault: () => undefined, isStopping: () => false };
}
