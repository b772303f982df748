/** Where somebody was who has to log in first, so that the log-in leads back there. */
import type { Request } from 'express';

/** Of this site: nothing that a browser would read as another host. What a page is sent with is not worth more length. */
const LOCAL_PATH = /^\/(?![/\\])[\w\-./?=&%~+:@]{0,500}$/;

/** The log-in page that leads back to where `req` was going, if that can be asked for again. */
export function logInUrl({ method, originalUrl }: Pick<Request, 'method' | 'originalUrl'>): string {
  const isPlace = method === 'GET' && readReturnPath(originalUrl) !== undefined;
  return isPlace ? `/login?to=${encodeURIComponent(originalUrl)}` : '/login';
}

/** What a link or a form gives as the place to return to; undefined unless it is a path of this site. */
export function readReturnPath(given: unknown): string | undefined {
  return typeof given === 'string' && LOCAL_PATH.test(given) ? given : undefined;
}
