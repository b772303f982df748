/** The headers that protect a browser. What an API answers is never a page, so it may load nothing at all. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from 'helmet';
import { Fault } from '../../../shared/errors/fault.ts';

type SetHeaders = (req: IncomingMessage, res: ServerResponse) => void;

const SHARED = {
  // With `no-referrer`, helmet's default, browsers send `Origin: null` along with our own forms.
  referrerPolicy: { policy: 'same-origin' },
} as const;

export function createApiHeaders(): SetHeaders {
  return always(
    helmet({
      ...SHARED,
      contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
      // These say how a page is to be treated.
      crossOriginOpenerPolicy: false,
      originAgentCluster: false,
      xDnsPrefetchControl: false,
      xDownloadOptions: false,
      xPermittedCrossDomainPolicies: false,
      xXssProtection: false,
    }),
  );
}

/** For pages: their own style and script files, no inline ones, and forms that lead back to us. */
export function createPageHeaders(): SetHeaders {
  return always(
    helmet({
      ...SHARED,
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: ["'none'"],
          scriptSrc: ["'self'"],
          styleSrc: ["'self'"],
          imgSrc: ["'self'", 'data:'],
          connectSrc: ["'self'"],
          formAction: ["'self'"],
          baseUri: ["'none'"],
          frameAncestors: ["'none'"],
        },
      },
    }),
  );
}

function always(middleware: ReturnType<typeof helmet>): SetHeaders {
  return (req, res) =>
    middleware(req, res, (error?: unknown) => {
      if (error) throw error instanceof Error ? error : new Fault('a header could not be set', { cause: error });
    });
}
