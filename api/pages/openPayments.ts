/**
 * The payments that a browser has sent and that were not decided while it waited. A cookie each remembers their ids, so
 * that the start page goes on telling of them after a reload, in another tab and without JavaScript, until the next
 * payment; what is known of them is read from the database each time, and only their own initiator is told.
 */
import type { Request, Response } from 'express';
import { z } from 'zod';

const PREFIX = 'saldo.open.';
const NAMES = /(?<=^|; )saldo\.open\.([^=;]+)=/g;
const paymentId = z.uuid();
const OPTIONS = { path: '/', httpOnly: true, sameSite: 'lax' } as const;
const LIFETIME_MS = 24 * 60 * 60 * 1000;
const MAX_OPEN = 5;

/** Newest first, as far as the browser's order tells. */
export function readOpenPayments({ headers }: Request): string[] {
  const names = Array.from((headers.cookie ?? '').matchAll(NAMES), ([, name]) => name);
  return names
    .flatMap((name) => paymentId.safeParse(name).data ?? [])
    .reverse()
    .slice(0, MAX_OPEN);
}

export function rememberOpenPayment(req: Request, res: Response, id: string): void {
  res.cookie(PREFIX + id, '1', { ...OPTIONS, secure: req.secure, maxAge: LIFETIME_MS });
}

export function forgetOpenPayments(res: Response, ids: readonly string[]): void {
  for (const id of ids) res.clearCookie(PREFIX + id, OPTIONS);
}
