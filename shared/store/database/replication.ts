/**
 * A synchronous replica, where PostgreSQL has one. A COMMIT waits for it, and what was done shows when it has answered; but
 * where the wait was cut short, COMMIT is answered with a warning: what it did shows, and may be gone after a failover.
 */
import type pg from 'pg';

/** SQL: whether what was committed may have been waiting for a replica. `api/submission/certainty.ts` tells what for. */
export const AWAITS_REPLICA = `current_setting('synchronous_standby_names') <> ''`;

/** SQLSTATE class of warnings. Their severity is a word in the server's language. */
const WARNING_CLASS = '01';

/** What the session is warned of from now on, until `stop`. */
export function heedWarnings(client: pg.ClientBase): { warning: () => string | undefined; stop: () => void } {
  let warning: string | undefined;
  const onNotice = ({ code, message }: { code: string | undefined; message: string | undefined }) => {
    if (code?.startsWith(WARNING_CLASS)) warning ??= message ?? code;
  };
  client.on('notice', onNotice);
  return { warning: () => warning, stop: () => client.off('notice', onNotice) };
}
