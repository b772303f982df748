/** What the forms share: where they lead, and how what was wrong with them is shown. */
import type { Response } from 'express';
import type { Problem } from '../problem.ts';

/** What is wrong, by the field it is wrong with, as phrases that follow the field's label. */
export function errorsByField({ code, extras }: Problem): Record<string, string> {
  switch (code) {
    case 'email_taken':
      return { email: 'has an account already' };
    case 'wallet_not_found':
      return { wallet_id: 'is not the number of a wallet' };
    case 'same_wallet':
      return { wallet_id: 'is your own' };
    case 'currency_mismatch':
      return { wallet_id: 'is in another currency' };
    case 'insufficient_funds':
      return { amount: 'is more than the wallet has' };
    default:
      return Object.fromEntries((extras.errors ?? []).map(({ path, message }) => [path, message]));
  }
}

/** After a form the browser asks for a page, which it may reload as often as it likes. */
export function seeOther(res: Response, location: string): void {
  res.statusCode = 303;
  res.setHeader('Location', location);
  res.setHeader('Cache-Control', 'no-store');
  res.end();
}
