/** What is asked of the head of any request, whatever it is for: what Node's server would check less well, or not at all. */
import type { RequestHandler } from 'express';
import { invalidRequest } from '../invalidRequest.ts';
import { Problem } from '../problem.ts';

/** A name, an IPv4 address or an IPv6 address in brackets, and a port (RFC 9110, section 7.2; RFC 3986, section 3.2). */
const HOST = /^(?:\[[0-9a-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d{0,5})?$/i;

/** Throws `expectation_failed` or `invalid_request`. */
export function checkHead(): RequestHandler {
  return (req, _res, next) => {
    const { expect } = req.headers;
    if (expect !== undefined && expect.toLowerCase() !== '100-continue') throw new Problem('expectation_failed');
    // The usual case, without a look at every header.
    if (!HOST.test(req.headers.host ?? '') || countHosts(req.rawHeaders) !== 1) refuseHost(req);
    next();
  };
}

/** Two are a way to be one host for a proxy and another one for us. Before HTTP/1.1 there need not be any. */
function refuseHost({ rawHeaders, httpVersion }: Parameters<RequestHandler>[0]): void {
  const count = countHosts(rawHeaders);
  if (count === 0 && httpVersion === '1.0') return;
  const message =
    count === 0 ? 'is required' : count > 1 ? 'must be given once' : 'must be a host, with or without a port';
  throw invalidRequest([{ path: 'Host', message }]);
}

function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.toLowerCase() === 'host') count++;
  return count;
}
