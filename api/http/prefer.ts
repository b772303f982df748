/**
 * The `Prefer` header (RFC 7240): how long a client wants to wait for an outcome. A preference is a wish, so whatever
 * is unknown or malformed is ignored, never refused.
 */

export interface Preference {
  /** The client wants its 202 at once. */
  respondAsync: boolean;
  /** How long the client is ready to wait, in milliseconds; absent when it did not say. */
  waitMs?: number;
}

/** The longest wait that is granted; a longer wish is cut to it. */
const MAX_WAIT_S = 30;

/** No client has more to say; what is longer is not read. */
const MAX_HEADER_LENGTH = 1_000;

// The header's elements are separated by commas outside quotes. Of each, token [ "=" ( token / quoted-string ) ] counts;
// parameters behind a ";" belong to it and are passed over. A quote that is never closed is a character like any other.
// Neither pattern can be made to try again and again: the first cannot fail, in the second no character fits two places.
const ELEMENT = /(?:[^",]|"(?:[^"\\]|\\.)*"|")+/g;
const PREFERENCE =
  /^[ \t]*([!#$%&'*+\-.^_`|~\w]+)[ \t]*(?:=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+\-.^_`|~\w]*))[ \t]*)?(?:;|$)/;

/** Of a preference given more than once only the first counts (RFC 7240, section 2). */
export function parsePrefer(header: string | undefined): Preference {
  const given = new Map<string, string>();
  for (const [name, value] of preferences(header ?? '')) if (!given.has(name)) given.set(name, value);
  const wait = given.get('wait');
  return {
    respondAsync: given.has('respond-async'),
    ...(wait !== undefined && /^\d{1,9}$/.test(wait) && { waitMs: Math.min(Number(wait), MAX_WAIT_S) * 1000 }),
  };
}

function* preferences(header: string): Generator<[name: string, value: string]> {
  if (header.length > MAX_HEADER_LENGTH) return;
  for (const [element] of header.matchAll(ELEMENT)) {
    const [, name, quoted, token] = PREFERENCE.exec(element) ?? [];
    if (name !== undefined) yield [name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? token ?? ''];
  }
}
