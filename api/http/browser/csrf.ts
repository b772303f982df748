/**
 * A browser says which site a request comes from; one that changes something must come from ours. Clients that are no
 * browsers send neither header and pass.
 */
import type { Request } from 'express';
import { Problem } from '../problem.ts';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Throws `csrf`. */
export function refuseForeign(req: Request): void {
  if (SAFE_METHODS.has(req.method)) return;
  const { origin } = req.headers;
  if (req.headers['sec-fetch-site'] === 'cross-site') throw new Problem('csrf');
  if (origin !== undefined && !isOwnOrigin(origin, req.host)) throw new Problem('csrf');
}

/** The scheme is not compared: a proxy that ends TLS need not say so for its forms to work. */
function isOwnOrigin(origin: string, host: string | undefined): boolean {
  if (host === undefined) return false;
  if (origin === `http://${host}` || origin === `https://${host}`) return true;
  // The same host in another spelling: upper case, or a port that is the scheme's own.
  if (!URL.canParse(origin)) return false;
  const { protocol, host: originHost } = new URL(origin);
  const ownUrl = `${protocol}//${host}`;
  return /^https?:$/.test(protocol) && URL.canParse(ownUrl) && new URL(ownUrl).host === originHost;
}
