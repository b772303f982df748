import { expect, test } from 'vitest';
import { addressOf } from '../../api/auth/address.ts';

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['203.0.113.7:50123', '203.0.113.7'],
  ['2001:db8:1:2:aaaa::1', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
  ['[2001:db8:1:2::1]:443', '2001:db8:1:2::/64'],
  ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s counts as %s', (ip, address) => {
  expect(addressOf({ ip })).toBe(address);
});

test.each([
  undefined,
  '',
  'unknown',
  '_hidden',
  '203.0.113.7, 1.1.1.1',
  '0x7f.1',
  '300.1.1.1',
  ':::',
  'x'.repeat(9_000),
])('what is no address, such as %j, is all one', (ip) => {
  expect(addressOf({ ip })).toBe('unknown');
});
