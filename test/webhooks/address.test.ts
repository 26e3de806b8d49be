import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { Problem } from '#base';
import { addressesFor, checkUrl, mayReach, resolverAt, type Resolve } from '../../src/webhooks/address.ts';

const OURS = [
  '0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.255.255.254', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.8', '192.168.1.1', '198.18.0.1', '224.0.0.1',
  '255.255.255.255', '::', '::1', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '64:ff9b::7f00:1', 'fc00::1', 'fd12::1', 'fe80::1', 'ff02::1', '2001:db8::1', '2002:7f00:1::1', '2001::1',
]; // prettier-ignore
const THEIRS = [
  '1.1.1.1',
  '8.8.8.8',
  '100.63.255.255',
  '100.128.0.1',
  '172.15.255.255',
  '172.32.0.1',
  '193.0.0.1',
  '223.255.255.255',
  '2606:4700::1111',
  '2a00:1450::1',
];

const isRefused = (error: unknown) => error instanceof Problem && error.code === 'http/webhook-url';

describe('where a webhook may lead', () => {
  it('is an address on the internet, in whatever notation, and none of a network of ours', () => {
    assert.deepEqual(
      OURS.filter((address) => mayReach(address, 'public')),
      [],
    );
    assert.deepEqual(
      THEIRS.filter((address) => !mayReach(address, 'public')),
      [],
    );
    assert.deepEqual(
      OURS.filter((address) => mayReach(address, 'sandbox')),
      ['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1'],
    );
  });

  it('is refused when it is named as a URL that no endpoint can have', () => {
    const bad = [
      'x',
      'ftp://example.com/',
      'http://example.com/',
      'https://user@example.com/',
      'https://:secret@example.com/',
      'https://example.com/#there',
      'https://127.0.0.1/',
      'https://[::1]/',
      'https://[::ffff:169.254.169.254]/',
      'https://2130706433/',
      'https://0x7f.1/',
      'https://017700000001/',
      'HTTPS://example.com/',
      ' https://example.com/',
      'https://example.com/\n',
      'https://example.com/\0',
      'https://example.com/\ud800',
      'https:example.com',
      'https:/example.com/',
      `https://example.com/${'a'.repeat(2048)}`,
    ];
    for (const url of bad) assert.throws(() => checkUrl(url, 'public'), isRefused, url);
    for (const url of ['https://example.com/', 'https://example.com:8443/a?b=c', 'https://1.1.1.1/']) checkUrl(url, 'public');
    checkUrl('http://127.0.0.1:8080/', 'sandbox');
    assert.throws(() => checkUrl('http://10.0.0.1/', 'sandbox'), isRefused);
  });

  it('is looked at again when something is sent, behind names too', async () => {
    const asked: string[] = [];
    const found = (...addresses: string[]): { resolve: Resolve; signal: AbortSignal } => ({
      resolve: async (name) => (asked.push(name), addresses),
      signal: new AbortController().signal,
    });
    await assert.rejects(addressesFor(new URL('https://localhost/'), 'public', found()), isRefused);
    await assert.rejects(addressesFor(new URL('https://[::1]/'), 'public', found()), isRefused);
    const local = await addressesFor(new URL('http://localhost/'), 'sandbox', found());
    assert.deepEqual(local, [
      { address: '127.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ]);
    assert.deepEqual(asked, [], 'no name server is asked where nobody has to be');
    await assert.rejects(addressesFor(new URL('https://example.com/'), 'public', found('1.1.1.1', '10.0.0.1')), isRefused);
    await assert.rejects(addressesFor(new URL('https://example.com/'), 'public', found()), isRefused);
    assert.equal((await addressesFor(new URL('https://example.com/'), 'public', found('1.1.1.1', '2606:4700::1111'))).length, 2);
  });
});

/** Of a name server (RFC 1035): the question that it was asked, and what it says of it. */
const TYPE_A = 1;
function typeOf(question: Buffer): number {
  return question.readUInt16BE(endOf(question) - 4);
}
function endOf(question: Buffer): number {
  let at = 12;
  while (question[at] !== 0) at += question[at]! + 1;
  return at + 5;
}
function answerTo(question: Buffer, addresses: readonly string[]): Buffer {
  const head = Buffer.from(question.subarray(0, endOf(question)));
  // An answer, of somebody who asks others; one question, so many answers, nothing more.
  head.writeUInt16BE(0x8180, 2);
  [1, addresses.length, 0, 0].forEach((count, i) => head.writeUInt16BE(count, 4 + 2 * i));
  const records = addresses.map((address) => Buffer.from([0xc0, 12, 0, TYPE_A, 0, 1, 0, 0, 0, 1, 0, 4, ...address.split('.').map(Number)]));
  return Buffer.concat([head, ...records]);
}

describe('what a name leads to', () => {
  let server: Socket;
  beforeEach(async () => {
    server = createSocket('udp4').bind(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => server.close());
  const resolve: Resolve = (name, signal) => resolverAt([`127.0.0.1:${server.address().port}`])(name, signal);

  it('is all that the name servers say, and no error where it has addresses of one kind only', async () => {
    server.on('message', (question, from) =>
      server.send(answerTo(question, typeOf(question) === TYPE_A ? ['1.1.1.1', '1.0.0.1'] : []), from.port, from.address),
    );
    assert.deepEqual(new Set(await resolve('example.com', new AbortController().signal)), new Set(['1.1.1.1', '1.0.0.1']));
  });

  it('is an error where it leads nowhere', async () => {
    server.on('message', (question, from) => server.send(answerTo(question, []), from.port, from.address));
    await assert.rejects(resolve('example.com', new AbortController().signal), { code: 'ENODATA' });
  });

  it('is asked no longer than somebody waits for it', async () => {
    const late = new AbortController();
    server.on('message', () => late.abort());
    await assert.rejects(resolve('example.com', late.signal), { code: 'ECANCELLED' });
  });
});
