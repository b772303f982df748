/**
 * Says once, in production, when TRUST_PROXY does not fit what arrives. Set too low behind a proxy, everybody seems to
 * come from the proxy and in clear text: cookies lack `Secure`, and one stranger's wrong guesses lock an e-mail out for all.
 * Set although requests come past the proxy, their senders name whatever address they like, and no limit by address holds.
 */
import type { Request } from 'express';
import type { Env } from '../../../shared/env.ts';
import type { Logger } from '../../../shared/logger.ts';

const FORWARDED = ['x-forwarded-for', 'x-forwarded-proto', 'forwarded'] as const;
/** Asked by what watches the process, past any proxy. */
const WATCHED = new Set(['/livez', '/readyz', '/metrics']);
const LOOPBACK = /^(::ffff:)?127\.|^::1$/;

export type ProxyWatch = (req: Pick<Request, 'headers' | 'path' | 'socket'>) => void;

interface WatchOptions {
  env: Pick<Env, 'NODE_ENV' | 'TRUST_PROXY'>;
  logger: Logger;
}

export function createProxyWatch({ env, logger }: WatchOptions): ProxyWatch {
  let hasSaidSo = env.NODE_ENV !== 'production';
  const say = (fields: Record<string, unknown>, message: string): void => {
    hasSaidSo = true;
    logger.warn(fields, message);
  };
  if (env.TRUST_PROXY === 0) {
    return ({ headers }) => {
      const header = hasSaidSo ? undefined : FORWARDED.find((name) => headers[name] !== undefined);
      if (header === undefined) return;
      say(
        { header },
        'a request came through a proxy, and TRUST_PROXY is 0: cookies are not Secure, and whoever guesses a password ' +
          'through the proxy locks its e-mail out for all: set TRUST_PROXY to the number of proxies',
      );
    };
  }
  return ({ headers, path, socket: { remoteAddress = '' } }) => {
    if (hasSaidSo || headers['x-forwarded-for'] !== undefined) return;
    if (WATCHED.has(path) || LOOPBACK.test(remoteAddress)) return;
    say(
      { remote_address: remoteAddress },
      'a request came past the proxy that TRUST_PROXY speaks of: its sender could name any address, and so be limited by ' +
        'none: let only the proxy reach this port, or set TRUST_PROXY to 0',
    );
  };
}
