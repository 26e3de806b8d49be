import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem, systemClock, toHex, type ProblemCode } from '#base';
import { openSigners, signatureOf } from '#custody';
import { intentDigest, isSignatureBy, type AnchorIntent } from '#custody/intents';
import { openTestCustody } from '../../support/custody.ts';
import { standInSigners } from '../../support/signerNodes.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const NODE = { id: 1, host: '127.0.0.1', port: 1, fingerprint: '0'.repeat(64) };
const GOOD = { format: 'cairn-signers/1', threshold: 2, nodes: [NODE, { ...NODE, id: 2 }] };
const INTENT: AnchorIntent = {
  kind: 'anchor',
  chainId: 31337n,
  anchor: `0x${'11'.repeat(20)}`,
  previous: `0x${'22'.repeat(32)}`,
  leaf: `0x${'33'.repeat(32)}`,
};

describe('the signers of a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-known-signers-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const open = () => openSigners({ folder, clock: systemClock, random, onEvent: () => undefined });
  const write = (signers: unknown, key: string = toHex(random(32))): void => {
    writeFileSync(join(folder, 'signers.json'), typeof signers === 'string' ? signers : JSON.stringify(signers));
    writeFileSync(join(folder, 'coordinator.key'), `${key}\n`);
  };
  const refuses = (code: ProblemCode, says: RegExp) => assert.rejects(open(), (error: unknown) => error instanceof Problem && error.code === code && says.test(error.detail)); // prettier-ignore

  const wrong: readonly (readonly [what: string, signers: unknown, says: RegExp])[] = [
    ['text that is no JSON', '{', /no JSON/],
    ['another format', { ...GOOD, format: 'cairn-signers/2' }, /^format/],
    ['no list of nodes', { ...GOOD, nodes: {} }, /^nodes/],
    ['one party twice', { ...GOOD, nodes: [NODE, NODE] }, /^nodes/],
    ['a threshold of one', { ...GOOD, threshold: 1 }, /^threshold/],
    ['a threshold above the nodes', { ...GOOD, threshold: 3 }, /^threshold/],
    ['a party that is no number', { ...GOOD, nodes: [{ ...NODE, id: '1' }, NODE] }, /^nodes\[0\]\.id/],
    ['an empty host', { ...GOOD, nodes: [NODE, { ...NODE, id: 2, host: '' }] }, /^nodes\[1\]\.host/],
    ['a port beyond the last', { ...GOOD, nodes: [{ ...NODE, port: 65_536 }] }, /^nodes\[0\]\.port/],
    ['a fingerprint in capitals', { ...GOOD, nodes: [{ ...NODE, fingerprint: 'A'.repeat(64) }] }, /^nodes\[0\]\.fingerprint/],
    ['a node that is nothing', { ...GOOD, nodes: [null] }, /^nodes\[0\]\.id/],
  ];
  for (const [what, signers, says] of wrong) {
    it(`are refused where the file has ${what}`, async () => {
      write(signers);
      await refuses('custody/bad-signers-file', says);
    });
  }

  it('are refused without a file, and without a key to ask them with', async () => {
    rmSync(join(folder, 'signers.json'), { force: true });
    await refuses('cli/bad-file', /signers\.json/);
    write(GOOD, '0x12');
    await refuses('custody/bad-key-file', /coordinator\.key holds no key/);
  });

  it('are asked where they are, and tell who of them is there', async () => {
    const whole = await openTestCustody(join(folder, 'keys'), random);
    const end = await standInSigners(folder, whole);
    const custody = await open();
    assert.deepEqual(await custody.health(), { ok: true, detail: 'of 2 signer nodes 1, 2 answer, and 2 must sign' });
    const signature = await signatureOf(custody, 'poster', INTENT, { patienceMs: 20_000 });
    assert.ok(isSignatureBy(await whole.address('poster'), intentDigest(INTENT), signature));
    await end();
    assert.deepEqual(await custody.health(), { ok: false, detail: 'of 2 signer nodes none answer, and 2 must sign' });
    custody.close();
  });
});
