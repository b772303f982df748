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
export const MAX_WAIT_S = 30;

// token [ BWS "=" BWS ( token / quoted-string ) ], with parameters after ";" that belong to it and are passed over.
const PREFERENCE =
  /([!#$%&'*+\-.^_`|~\w]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+\-.^_`|~\w]*)))?((?:[ \t]*;(?:[^",;]|"(?:[^"\\]|\\.)*")*)*)[ \t]*(?:,|$)/y;

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
  let at = 0;
  while (at < header.length) {
    const skipped = /^[ \t,]*/.exec(header.slice(at))?.[0].length ?? 0;
    at += skipped;
    PREFERENCE.lastIndex = at;
    const match = PREFERENCE.exec(header);
    if (match) {
      const [whole, name = '', quoted, token] = match;
      yield [name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? token ?? ''];
      at += whole.length;
    } else {
      // Not a preference: what follows the next comma may be one again.
      const comma = header.indexOf(',', at);
      at = comma === -1 ? header.length : comma + 1;
    }
  }
}
