import { Resolver } from 'node:dns/promises';
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
  // What a parser makes a URL of by leaving out, putting in or changing case is refused: it is stored and compared as it was written.
  if (!/^[a-z]+:\/\/[!-~]+$/.test(text)) throw refuse('is not written out, in ASCII and with its scheme in lower case');
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(reach === 'sandbox' && url.protocol === 'http:')) throw refuse('does not begin with https://');
  if (url.username !== '' || url.password !== '' || url.hash !== '') throw refuse('has a user, a password or a fragment');
  const host = hostOf(url);
  if (isIP(host) !== 0 && !mayReach(host, reach)) throw refuse('names an address that is not on the internet');
}

/** What a name leads to; gives up when `signal` says so, if not before. */
export type Resolve = (name: string, signal: AbortSignal) => Promise<readonly string[]>;

/** Of one question to one name server. */
const ASK_MS = 4_000;

/**
 * Asks the name servers of this machine itself, or those that are named: the system's own look-up cannot be given up, and takes one of the few threads that
 * the connections to the database need as well, so that names which nobody answers for would stand in their way.
 */
export function resolverAt(servers?: readonly string[]): Resolve {
  return async (name, signal) => {
    const resolver = new Resolver({ timeout: ASK_MS, tries: 1 });
    if (servers) resolver.setServers(servers);
    const giveUp = () => resolver.cancel();
    signal.addEventListener('abort', giveUp);
    try {
      const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
      const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      // A name may well have addresses of one kind only; without any, the first answer says why.
      if (found.length === 0) for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
      return found;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  };
}

export interface Address {
  readonly address: string;
  readonly family: number;
}

/** The addresses that a request to a URL may go to, and no others. Throws `http/webhook-url` where the name leads anywhere that nobody may be told to ask. */
export async function addressesFor(
  url: URL,
  reach: Reach,
  { resolve, signal }: { readonly resolve: Resolve; readonly signal: AbortSignal },
): Promise<Address[]> {
  const found = await addressesOf(hostOf(url), resolve, signal);
  // One forbidden address among them is enough: which of them a connection takes is not for the name's owner to say.
  if (found.length === 0 || !found.every((address) => mayReach(address, reach)))
    throw new Problem('http/webhook-url', 'The name leads to an address that is not on the internet.');
  return found.map((address) => ({ address, family: isIP(address) }));
}

async function addressesOf(host: string, resolve: Resolve, signal: AbortSignal): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  // This machine's own name is no question for a name server (RFC 6761).
  if (host === 'localhost' || host.endsWith('.localhost')) return ['127.0.0.1', '::1'];
  return resolve(host, signal);
}

/** Without the brackets of IPv6. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}
