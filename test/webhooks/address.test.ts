import assert from 'node:assert/strict';
import { Problem } from '#base';
import { addressFor, checkUrl, mayReach } from '../../src/webhooks/address.ts';
import { sendWithin } from '../../src/webhooks/send.ts';

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
      `https://example.com/${'a'.repeat(2048)}`,
    ];
    for (const url of bad) assert.throws(() => checkUrl(url, 'public'), isRefused, url);
    for (const url of ['https://example.com/', 'https://example.com:8443/a?b=c', 'https://1.1.1.1/']) checkUrl(url, 'public');
    checkUrl('http://127.0.0.1:8080/', 'sandbox');
    assert.throws(() => checkUrl('http://10.0.0.1/', 'sandbox'), isRefused);
  });

  it('is looked at again when something is sent, behind names too', async () => {
    await assert.rejects(addressFor(new URL('https://localhost/'), 'public'), isRefused);
    await assert.rejects(addressFor(new URL('https://[::1]/'), 'public'), isRefused);
    assert.ok(['127.0.0.1', '::1'].includes((await addressFor(new URL('http://localhost/'), 'sandbox')).address));
    await assert.rejects(sendWithin('public')({ url: 'https://localhost:1/', body: '', headers: {} }), isRefused);
  });
});
