/** Something that can be measured: it has a database of its own, and while it is not asked anything it does nothing. */
import type { Servers } from '../servers/servers.ts';

export interface Target {
  databaseUrl: string;
  /** Where it listens; one that is not asked over HTTP has none. */
  url: string;
  /** What the bank's requests carry, where there is a bank to ask. */
  bankCookie: string;
  /** Its own processes by name; servers that are shared are not among them. */
  processes: Record<string, number>;
  /** Ends its processes; rejects when one of them did not end well. The database stays. */
  stop: () => Promise<void>;
}

/** Throws `NotAvailable` where this machine lacks something that it needs. */
export type StartTarget = (servers: Servers) => Promise<Target>;

export const TARGET_NAMES = ['saldo', 'embedded', 'locks', 'one-worker', 'pgbench'] as const;
export type TargetName = (typeof TARGET_NAMES)[number];

/** The reason, as a phrase for a table. */
export class NotAvailable extends Error {
  override name = 'NotAvailable';
}

export function requireRedis({ redis }: Servers): NonNullable<Servers['redis']> {
  if (!redis) throw new NotAvailable('no redis-server on the PATH');
  return redis;
}
