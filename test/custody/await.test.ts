import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem, type Hex, type ProblemCode } from '#base';
import { signatureOf, type Custody } from '#custody';
import { intentDigest, isSignatureBy, ROLES, type AnchorIntent } from '#custody/intents';
import { openTestCustody } from '../support/custody.ts';

const INTENT: AnchorIntent = {
  kind: 'anchor',
  chainId: 31337n,
  anchor: `0x${'11'.repeat(20)}`,
  previous: `0x${'22'.repeat(32)}`,
  leaf: `0x${'33'.repeat(32)}`,
};
const PATIENCE = { patienceMs: 2_000 };

function problem(code: ProblemCode) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}

describe('whoever asks custody for a signature', () => {
  let folder: string;
  const open = (): Promise<Custody> => openTestCustody(join(folder, 'custody'), (n) => randomBytes(n));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cairn-custody-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('keeps three keys, each for its owner alone, over restarts', async () => {
    const addresses = async (custody: Custody): Promise<Hex[]> => Promise.all(ROLES.map((role) => custody.address(role)));
    const before = await addresses(await open());
    assert.equal(new Set(before).size, 3);
    assert.deepEqual(await addresses(await open()), before);
    for (const role of ROLES) assert.equal((await stat(join(folder, 'custody', `${role}.key`))).mode & 0o777, 0o600);
    assert.equal((await readdir(join(folder, 'custody'))).length, 3);
  });

  it('makes one key for a role, however many open it at once', async () => {
    const opened = await Promise.all([open(), open(), open()]);
    assert.equal(new Set(await Promise.all(opened.map((custody) => custody.address('poster')))).size, 1);
  });

  it('refuses a key file that others can read and one that holds no key', async () => {
    await open();
    const file = join(folder, 'custody', 'vault.key');
    await chmod(file, 0o644);
    await assert.rejects(open(), problem('custody/bad-key-file'));
    await chmod(file, 0o600);
    await writeFile(file, `0x${'00'.repeat(32)}`);
    await assert.rejects(open(), problem('custody/bad-key-file'));
  });

  it('answers after the request is acknowledged, with a signature by the address of the role', async () => {
    const custody = await open();
    const { id } = await custody.requestSignature('poster', INTENT);
    assert.deepEqual(await custody.outcome(id), { status: 'pending' });
    const signature = await signatureOf(custody, 'poster', INTENT, PATIENCE);
    assert.ok(isSignatureBy(await custody.address('poster'), intentDigest(INTENT), signature));
    assert.deepEqual(await custody.outcome(id), { status: 'signed', signature });
  });

  it('knows the same intent by the same request, and none that nobody asked for', async () => {
    const custody = await open();
    const first = await custody.requestSignature('poster', INTENT);
    assert.deepEqual(await custody.requestSignature('poster', INTENT), first);
    assert.notDeepEqual(await custody.requestSignature('poster', { ...INTENT, leaf: INTENT.previous }), first);
    await assert.rejects((await open()).outcome(first.id), problem('custody/unknown-request'));
  });

  it('refuses an intent of another role or another chain, and says by which rule', async () => {
    const custody = await open();
    const refusedBy = (rule: string) => (error: unknown) => error instanceof Problem && error.code === 'custody/refused' && error.facts.rule === rule;
    await assert.rejects(signatureOf(custody, 'vault', INTENT, PATIENCE), refusedBy('role'));
    await assert.rejects(signatureOf(custody, 'poster', { ...INTENT, chainId: 1n }, PATIENCE), refusedBy('chain'));
  });

  it('takes no signature of another key for an answer, and does not wait for ever', async () => {
    const custody = await open();
    const wrongKey: Custody = { ...pass(custody), address: () => custody.address('vault') };
    await assert.rejects(signatureOf(wrongKey, 'poster', INTENT, PATIENCE), problem('custody/refused'));
    const silent: Custody = { ...pass(custody), outcome: async () => ({ status: 'pending' }) };
    await assert.rejects(signatureOf(silent, 'poster', INTENT, { patienceMs: 1 }), problem('custody/no-answer'));
  });
});

/** The custody as a plain object, for tests that replace one of its answers. */
function pass(custody: Custody): Custody {
  return {
    address: (role) => custody.address(role),
    requestSignature: (role, intent) => custody.requestSignature(role, intent),
    outcome: (id) => custody.outcome(id),
    health: () => custody.health(),
  };
}
