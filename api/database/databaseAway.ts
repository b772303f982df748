/**
 * Whether an error means that the database cannot be reached or cannot answer now, rather than that a query is wrong.
 * `pg` reports it by SQLSTATE, by Node's error code or by a message alone; Prisma wraps any of them, under a code of
 * its own or as the `cause`.
 */

const CODES = new Set([
  // PostgreSQL (manual, appendix A): shutting down or starting, too many connections, a failover, a statement timeout.
  ...['57P01', '57P02', '57P03', '57P05', '53300', '25006', '57014', '55P03'],
  // Prisma: not reachable, timed out, connection closed, no connection in the pool, no transaction in time.
  ...['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2037'],
  // Node.
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['EAI_AGAIN', 'ENOTFOUND'],
]);

const MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed)/;

const MAX_DEPTH = 5;

export function isDatabaseAway(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > MAX_DEPTH) return false;
  const { code, originalCode, message, cause, meta } = error as Record<string, unknown>;
  for (const given of [code, originalCode]) {
    if (typeof given === 'string' && (CODES.has(given) || /^08[0-9A-Z]{3}$/.test(given))) return true;
  }
  if (typeof message === 'string' && MESSAGES.test(message)) return true;
  const wrapped = typeof meta === 'object' && meta !== null && 'driverAdapterError' in meta && meta.driverAdapterError;
  return isDatabaseAway(cause, depth + 1) || isDatabaseAway(wrapped, depth + 1);
}
