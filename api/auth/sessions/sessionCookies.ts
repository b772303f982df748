/**
 * The session cookies that a request brings. Behind TLS ours is called `__Host-saldo.sid`: a browser takes a name like that
 * from this very host alone, and over TLS alone. Without TLS it is `saldo.sid`, which another service on the host, or on one
 * above it, may have set as well: then several come in no certain order, and whose one is only its signature tells.
 */

const NAME = 'saldo.sid';
const HOST_NAME = `__Host-${NAME}`;
/** More than anybody has by accident. */
const MAX_COOKIES = 8;

export function sessionCookieName(isSecure: boolean): string {
  return isSecure ? HOST_NAME : NAME;
}

/**
 * `<session id>.<signature>` of each, the ones with the stronger name first, otherwise in the request's order. Also behind
 * TLS a cookie of the plain name counts: it is from before, or from a proxy that did not say that it ends TLS.
 */
export function readSessionCookies(header = ''): string[] {
  if (!header.includes(NAME)) return [];
  const [strong, plain]: [string[], string[]] = [[], []];
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    // Only what RFC 6265 calls white space: a name behind any other is another name.
    const name = pair.slice(0, equals).replace(/^[ \t]+|[ \t]+$/g, '');
    const list = name === HOST_NAME ? strong : name === NAME ? plain : undefined;
    const signed = list && readSigned(pair.slice(equals + 1));
    if (signed !== undefined) list?.push(signed);
  }
  return [...strong, ...plain].slice(0, MAX_COOKIES);
}

/** What express-session gives out is `s:<id>.<signature>`, percent-encoded; the id has no dot. */
function readSigned(value: string): string | undefined {
  const text = decoded(value.replace(/^[ \t]*"?|"?[ \t]*$/g, ''));
  return text?.startsWith('s:') && text.includes('.') ? text.slice(2) : undefined;
}

function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
