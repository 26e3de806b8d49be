import { strict as assert } from 'node:assert';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex, Problem, systemClock, toHex, type Hex, type ProblemCode } from '#base';
import type { Role } from '#custody/intents';
import { decodeRecord, encodeRecord, importKey, sealBackup, type KeyRecord } from '#mpc/protocol';
import { NodeStore } from '#mpc/node';
import { keyIdOf } from '../../../../mpc/node/ceremony/ceremony.ts';
import { restoreCommand } from '../../../../mpc/node/command/backup.ts';
import { initNode } from '../../../../mpc/node/command/init.ts';
import { policyHash } from '../../../../mpc/node/policy/policy.ts';
import { epochDataOf, type Founders } from '../../../../mpc/node/session/session.ts';
import { nodeName } from '../../../../mpc/node/process/process.ts';
import { keyFileProvider } from '../../../../mpc/node/store/store.ts';
import { bytes, policyJson, policyWith, publicKey, random } from '../fixtures.ts';

const PARTY = 2;

function refused(code: ProblemCode) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}

describe('a node that is restored', () => {
  let root: string;
  let recoveryKey: Uint8Array;
  const secrets = new Map<KeyRecord, Uint8Array>();
  const sealedUnder = fromHex(policyHash(policyWith()));
  const at = (name: string): string => join(root, name);

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'cairn-restore-'));
    await writeFile(at('policy.json'), JSON.stringify(policyJson()));
    await writeFile(at('store.key'), `${toHex(random(32))}\n`, { mode: 0o600 });
    await initNode({
      folder: at('node'),
      party: PARTY,
      threshold: 2,
      listen: '127.0.0.1:7001',
      healthPort: 0,
      provider: { kind: 'key-file', path: at('store.key') },
      policyFile: at('policy.json'),
      recoveryFile: at('recovery'),
      clock: systemClock,
      random,
      tell: () => undefined,
    });
    const config = JSON.parse(await readFile(at('node/node.json'), 'utf8')) as { recoveryKey: Hex };
    recoveryKey = fromHex(config.recoveryKey);
    const peers = [1, 3].map((party) => ({ party, host: '127.0.0.1', port: 7_100 + party, identity: publicKey(party === 1 ? 'op1' : 'op2') }));
    await writeFile(at('node/node.json'), JSON.stringify({ ...config, peers, coordinators: [publicKey('op3')] }));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  /** This party's share of a new key that plays this role. */
  function shareOf(role: Role, { n = 3, t = 2 } = {}): KeyRecord {
    const identities = Array.from({ length: n }, () => random(32));
    const secret = random(32);
    const record = importKey(secret, { n, t, keyId: keyIdOf({ role, t, identities }), identities, chainCode: random(32) }, random)[PARTY - 1]!;
    secrets.set(record, secret);
    return record;
  }

  type Said = readonly [said: string, record: KeyRecord, policy?: Uint8Array, founders?: Founders];

  async function restore(keys: readonly Said[], sealedPolicy?: string): Promise<void> {
    const written = keys.map(([role, record, policy = sealedUnder, founders]) => ({
      ...(founders && { founders: { t: founders.t, identities: founders.identities.map((identity) => toHex(identity)) } }),
      role,
      epoch: record.epoch,
      keyId: toHex(record.keyId),
      backup: toHex(sealBackup(record, policy, recoveryKey, random)),
    }));
    await writeFile(at('backup.json'), JSON.stringify({ format: 'cairn-node-backup/1', party: PARTY, keys: written }));
    await restoreCommand({ folder: at('node'), file: at('backup.json'), recoveryFile: at('recovery'), sealedPolicy, random, tell: () => undefined });
  }

  async function held(): Promise<string[]> {
    const options = { folder: at('node'), node: nodeName(PARTY), provider: keyFileProvider(at('store.key')), random };
    const store = await NodeStore.open({ ...options, isConfirmation: () => false, isTestDigest: () => false });
    const roles = store.epochs.map((record) => `${epochDataOf(record).role} ${record.status}`);
    await store.close();
    return roles.sort();
  }

  it('has the shares that were sealed to it, and signs by none of them', async () => {
    await restore([
      ['poster', shareOf('poster')],
      ['vault', shareOf('vault')],
    ]);
    assert.deepEqual(await held(), ['poster RESTORED', 'vault RESTORED']);
  });

  it('takes no share as another key’s than it was sealed as, and then none of the file', async () => {
    await assert.rejects(
      restore([
        ['poster', shareOf('poster')],
        ['vault', shareOf('poster')],
      ]),
      refused('mpc/bad-backup'),
    );
    assert.deepEqual(await held(), []);
  });

  it('takes the share of a key that has gone to other parties since it was generated, by who generated it, and as no other key', async () => {
    const identities = Array.from({ length: 5 }, () => random(32));
    const founders = { t: 3, identities };
    const now = Array.from({ length: 3 }, () => random(32));
    const keyId = keyIdOf({ role: 'poster', ...founders });
    const record = importKey(random(32), { n: 3, t: 2, keyId, identities: now, chainCode: random(32) }, random)[PARTY - 1]!;
    await assert.rejects(restore([['poster', record]]), refused('mpc/bad-backup'));
    await assert.rejects(restore([['vault', record, sealedUnder, founders]]), refused('mpc/bad-backup'));
    await assert.rejects(restore([['poster', record, sealedUnder, { ...founders, t: 2 }]]), refused('mpc/bad-backup'));
    await restore([['poster', record, sealedUnder, founders]]);
    assert.deepEqual(await held(), ['poster RESTORED']);
  });

  it('takes no second key of a role, neither from one file nor from two', async () => {
    await assert.rejects(
      restore([
        ['poster', shareOf('poster')],
        ['poster', shareOf('poster')],
      ]),
      refused('node/wrong-state'),
    );
    await restore([['poster', shareOf('poster')]]);
    await assert.rejects(restore([['poster', shareOf('poster')]]), refused('node/wrong-state'));
    assert.deepEqual(await held(), ['poster RESTORED']);
  });

  /** The share of the same key under the next epoch. */
  function nextOf(record: KeyRecord): KeyRecord {
    const dealt = importKey(secrets.get(record)!, record, random)[PARTY - 1]!;
    return decodeRecord(encodeRecord({ ...dealt, epoch: record.epoch + 1 }))!;
  }

  it('has both epochs of a key whose backup was made between a confirmation and the bundle, in whatever order they stand there', async () => {
    const poster = shareOf('poster');
    await restore([
      ['poster', nextOf(poster)],
      ['poster', poster],
    ]);
    assert.deepEqual(await held(), ['poster RESTORED', 'poster RESTORED']);
  });

  it('goes on where a restore died on its way, and begins again where it had ended', async () => {
    const [poster, vault] = [shareOf('poster'), shareOf('vault')];
    await restore([['poster', poster]]);
    await restore([
      ['poster', poster],
      ['poster', nextOf(poster)],
      ['vault', vault],
    ]);
    await restore([['vault', vault]]);
    await assert.rejects(restore([['poster', nextOf(poster)]]), refused('node/wrong-state'), 'another epoch of a number that is there');
    assert.deepEqual(await held(), ['poster RESTORED', 'poster RESTORED', 'vault RESTORED']);
  });

  it('takes no share of a key that is shared otherwise than its group', async () => {
    await assert.rejects(restore([['poster', shareOf('poster', { n: 5 })]]), refused('mpc/bad-backup'));
    await assert.rejects(restore([['poster', shareOf('poster', { t: 3 })]]), refused('mpc/bad-backup'));
    assert.deepEqual(await held(), []);
  });

  it('takes no share that was sealed under another policy, unless its operator names exactly that one', async () => {
    const other = fromHex(bytes(0x44, 32));
    const poster = shareOf('poster');
    await assert.rejects(restore([['poster', poster, other]]), refused('node/restored-policy'));
    await assert.rejects(restore([['poster', poster, other]], bytes(0x45, 32)), refused('node/restored-policy'));
    assert.deepEqual(await held(), []);
    await restore([['poster', poster, other]], toHex(other));
    assert.deepEqual(await held(), ['poster RESTORED']);
  });
});
