/** Where a request comes from, as limits and turns count it: whoever has one IPv6 address has the 2⁶⁴ of its network. */
import ipaddr from 'ipaddr.js';

const NETWORK_PARTS = 4;

/** Of what is not an address (a client that has gone, a proxy that names none) there is one. */
const UNKNOWN = 'unknown';

/** `ip` as a socket or a proxy gives it; some proxies add the client's port. */
export function addressOf({ ip = '' }: { ip?: string | undefined }): string {
  const address = parse(ip) ?? parse(ip.replace(/^\[(.*)\](?::\d+)?$|^([\d.]+):\d+$/, '$1$2'));
  if (!address) return UNKNOWN;
  if (address.kind() === 'ipv4') return address.toString();
  const network = (address as ipaddr.IPv6).parts.slice(0, NETWORK_PARTS);
  return `${network.map((part) => part.toString(16)).join(':')}::/64`;
}

function parse(ip: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  // Four numbers or hexadecimal groups; the library also takes 0x7f.1 and the like.
  return ipaddr.IPv4.isValidFourPartDecimal(ip) || ipaddr.IPv6.isValid(ip) ? ipaddr.process(ip) : undefined;
}
