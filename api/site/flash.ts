/**
 * What the next page is to say, once: which payment has just been sent, or the form that was filled in when the session
 * ended. It waits in a cookie, so that a reload does not say it again and no address carries it; signed, and bound to
 * the user it is meant for.
 */
import type { Request, Response } from 'express';
import { sign, unsign } from 'cookie-signature';
import { z } from 'zod';
import type { Principal } from '../http/route.ts';
import { draftSchema } from './payment/draft.ts';
import type { Draft } from './payment/draft.ts';

export interface Flash {
  /** The operation that was sent. */
  sent?: string | undefined;
  draft?: Draft | undefined;
}

export interface Flashes {
  leave: (req: Request, res: Response, principal: Principal, flash: Flash) => void;
  /** Takes what was left for the principal; nothing of somebody else's. */
  take: (req: Request, res: Response, principal: Principal) => Flash;
  clear: (req: Request, res: Response) => void;
}

const COOKIE = 'saldo.flash';
const VALUE = /(?<=^|; )saldo\.flash=([^;]+)/;
const OPTIONS = { path: '/', httpOnly: true, sameSite: 'lax' } as const;
/** A page follows at once; longer than this nobody remembers what it was about. */
const LIFETIME_MS = 60_000;
/** Browsers keep 4,096 bytes, name and attributes included. What is larger is not worth more than being typed again. */
const MAX_LENGTH = 3_800;

const content = z.object({ user: z.string(), sent: z.uuid().optional(), draft: draftSchema.optional() });

export function createFlashes(secret: string): Flashes {
  const clear: Flashes['clear'] = (req, res) => {
    if (VALUE.test(req.headers.cookie ?? '')) res.clearCookie(COOKIE, { ...OPTIONS, secure: req.secure });
  };
  return {
    clear,
    leave(req, res, principal, flash) {
      const json = JSON.stringify({ user: String(principal.userId), ...flash });
      const value = sign(Buffer.from(json).toString('base64url'), secret);
      if (value.length > MAX_LENGTH) return;
      const options = { ...OPTIONS, secure: req.secure, maxAge: LIFETIME_MS };
      res.cookie(COOKIE, value, options);
    },
    take(req, res, principal) {
      clear(req, res);
      const signed = VALUE.exec(req.headers.cookie ?? '')?.[1] ?? '';
      const packed = decode(() => unsign(decodeURIComponent(signed), secret)) ?? false;
      const json = packed === false ? undefined : decode(() => JSON.parse(unpack(packed)) as unknown);
      const { data } = content.safeParse(json);
      return data?.user === String(principal.userId) ? { sent: data.sent, draft: data.draft } : {};
    },
  };
}

function unpack(packed: string): string {
  return Buffer.from(packed, 'base64url').toString();
}

/** A cookie is whatever its browser says it is. */
function decode<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
