import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { Problem } from '#base';

/** Who may be told: anybody on the internet, or, where nothing is real, this machine as well. */
export type Reach = 'public' | 'sandbox';

/** IPv4 that is nobody's on the internet (the IANA special-purpose registry). */
const PRIVATE_4: readonly (readonly [net: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];
/** Of IPv6 only what is given out to the internet is taken, and of that not what stands for an IPv4 address. */
const PUBLIC_6 = ['2000::', 3] as const;
const PRIVATE_6: readonly (readonly [net: string, prefix: number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const privates = new BlockList();
for (const [net, prefix] of PRIVATE_4) privates.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of PRIVATE_6) privates.addSubnet(net, prefix, 'ipv6');
const publics = new BlockList();
publics.addSubnet(...PUBLIC_6, 'ipv6');
const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether requests may go to an address: none that stands in our own network, whoever names it. */
export function mayReach(address: string, reach: Reach): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  if (reach === 'sandbox' && loopback.check(address, family)) return true;
  return family === 'ipv6' ? publics.check(address, family) && !privates.check(address, family) : !privates.check(address, family);
}

/** Throws `http/webhook-url` where a URL cannot be one of an endpoint, without asking who is behind its name. */
export function checkUrl(text: string, reach: Reach): void {
  const refuse = (why: string) => new Problem('http/webhook-url', `The URL ${why}.`);
  if (!URL.canParse(text) || text.length > 2048) throw refuse('is none');
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(reach === 'sandbox' && url.protocol === 'http:')) throw refuse('does not begin with https://');
  if (url.username !== '' || url.password !== '' || url.hash !== '') throw refuse('has a user, a password or a fragment');
  const host = hostOf(url);
  if (isIP(host) !== 0 && !mayReach(host, reach)) throw refuse('names an address that is not on the internet');
}

/** The address that a request to a URL goes to, and no other. Throws `http/webhook-url` where the name leads anywhere that nobody may be told to ask. */
export async function addressFor(url: URL, reach: Reach): Promise<{ readonly address: string; readonly family: number }> {
  const found = await lookup(hostOf(url), { all: true });
  const [first] = found;
  // One forbidden address among them is enough: which of them a connection takes is not for the name's owner to say.
  if (!first || !found.every(({ address }) => mayReach(address, reach)))
    throw new Problem('http/webhook-url', 'The name leads to an address that is not on the internet.');
  return first;
}

/** Without the brackets of IPv6. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}
