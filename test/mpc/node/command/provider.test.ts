import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem, type ProblemCode } from '#base';
import { lockFolder, rewrapHeader } from '#mpc/node';
import { nodeCommand } from '#mpc/node/command';
import { rehearsalPolicy } from '#mpc/node/drill';
import { findFreePort } from '#supervisor';
import { readConfig } from '../../../../mpc/node/command/folder.ts';
import { providerNamed, providerOf } from '../../../../mpc/node/command/provider.ts';
import { openIdentity } from '../../../../mpc/node/process/process.ts';
import { PIN, SOFTHSM, softTokens } from '../hsm/softhsm.ts';
import { random } from '../fixtures.ts';

const CLI = join(import.meta.dirname, '../../../../src/cli.ts');
const PASSPHRASE = 'correct horse battery staple';

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `cairn node ...` in a process of its own, with this as its standard input. `until`: ends its input when this was said. */
async function cairn(args: readonly string[], input = '', until?: string): Promise<Run> {
  const child = spawn(process.execPath, [CLI, 'node', ...args], { stdio: 'pipe' });
  let [stdout, stderr] = ['', ''];
  child.stdin.write(input);
  if (until === undefined) child.stdin.end();
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
    if (until !== undefined && stdout.includes(until)) child.stdin.end();
  });
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

describe('who opens the store of a node', () => {
  const hsm = { 'hsm-module': '/m.so', 'hsm-token': 't', 'hsm-pin-file': 'p' };

  it('is one of a key file, a passphrase and a token', () => {
    assert.deepEqual(providerNamed({ 'key-file': 'k' }, 3), { kind: 'key-file', path: 'k' });
    assert.deepEqual(providerNamed({ 'passphrase-file': '-' }, 3), { kind: 'passphrase', file: '-' });
    assert.deepEqual(providerNamed(hsm, 3), { kind: 'pkcs11', module: '/m.so', token: 't', key: 'cairn-node-3', pinFile: 'p' });
    assert.deepEqual(providerNamed({ ...hsm, 'hsm-key': 'k' }, 3), { kind: 'pkcs11', module: '/m.so', token: 't', key: 'k', pinFile: 'p' });
  });

  const wrong: readonly Readonly<Record<string, string>>[] = [
    {},
    { 'key-file': 'k', 'passphrase-file': 'p' },
    { ...hsm, 'key-file': 'k' },
    { 'passphrase-file': 'p', 'hsm-key': 'k' },
    { 'hsm-token': 't', 'hsm-pin-file': 'p' },
    { 'hsm-module': '/m.so', 'hsm-token': 't' },
    { 'hsm-module': '/m.so', 'hsm-pin-file': 'p' },
    { ...hsm, 'hsm-module': 'libsofthsm2.so' },
    { ...hsm, 'hsm-key': '' },
  ];
  for (const values of wrong) {
    it(`is not ${JSON.stringify(values)}`, () => {
      assert.throws(
        () => providerNamed(values, 1),
        (error) => error instanceof Problem && error.code === 'cli/bad-arguments',
      );
    });
  }

  describe('that exists', () => {
    let root: string;
    let folder: string;
    beforeEach(() => {
      root = mkdtempSync(join(tmpdir(), 'cairn-node-provider-'));
      folder = join(root, 'node');
      writeFileSync(join(root, 'policy.json'), JSON.stringify(rehearsalPolicy));
      writeFileSync(join(root, 'key'), `0x${'5a'.repeat(32)}`, { mode: 0o600 });
      writeFileSync(join(root, 'pass'), `${PASSPHRASE}\n`, { mode: 0o600 });
      writeFileSync(join(root, 'pin'), `${PIN}\n`, { mode: 0o600 });
    });
    afterEach(() => rmSync(root, { recursive: true, force: true }));

    const node = async (...args: readonly string[]): Promise<void> => {
      const write = process.stdout.write.bind(process.stdout);
      process.stdout.write = () => true;
      try {
        assert.equal(await nodeCommand(args), 0);
      } finally {
        process.stdout.write = write;
      }
    };
    const make = async (...provider: readonly string[]): Promise<void> => {
      const listen = `127.0.0.1:${await findFreePort()}`;
      await node('init', '--folder', folder, '--party', '1', '--listen', listen, '--policy', join(root, 'policy.json'), '--health', String(await findFreePort()), ...provider); // prettier-ignore
      await node('peer', `2=127.0.0.1:1=0x${'ab'.repeat(32)}`, `3=127.0.0.1:1=0x${'cd'.repeat(32)}`, '--folder', folder);
    };
    const rekey = (...to: readonly string[]): Promise<void> => node('rekey', '--folder', folder, ...to);
    const refuses = (what: Promise<unknown>, code: ProblemCode): Promise<void> =>
      assert.rejects(what, (error) => error instanceof Problem && error.code === code);
    const identity = async () => openIdentity(folder, await providerOf(await readConfig(folder)));
    /** Starts the node as its operator does, and stops it when it answers. */
    const runs = (input = ''): Promise<Run> => cairn(['run', '--folder', folder, '--until-input-ends'], input, 'The node answers.');

    it('changes from one key file to another, and the node is the same', async () => {
      await make('--key-file', join(root, 'key'));
      const { fingerprint } = await identity();
      writeFileSync(join(root, 'key-2'), `0x${'5b'.repeat(32)}`, { mode: 0o600 });
      await rekey('--key-file', join(root, 'key-2'));
      rmSync(join(root, 'key'));
      assert.deepEqual((await readConfig(folder)).provider, { kind: 'key-file', path: join(root, 'key-2') });
      assert.equal((await identity()).fingerprint, fingerprint);
    });

    it('does not change under a node that runs, nor when both secrets would come from one input', async () => {
      await make('--key-file', join(root, 'key'));
      const lock = await lockFolder(folder);
      const before = readFileSync(join(folder, 'store.json'));
      await refuses(rekey('--passphrase-file', join(root, 'pass')), 'node/folder-locked');
      lock.release();
      assert.deepEqual(readFileSync(join(folder, 'store.json')), before);
      const config = JSON.parse(readFileSync(join(folder, 'node.json'), 'utf8')) as object;
      writeFileSync(join(folder, 'node.json'), JSON.stringify({ ...config, provider: { kind: 'passphrase', file: '-' } }));
      await refuses(rekey('--passphrase-file', '-'), 'cli/bad-arguments');
    });

    if (SOFTHSM === undefined) console.log('left out: a node whose store a PKCS#11 token opens, because SoftHSM (softhsm2) is not installed');
    (SOFTHSM === undefined ? [] : [SOFTHSM]).forEach((module) => {
      describe('and is a PKCS#11 token', () => {
        let tokens: ReturnType<typeof softTokens>;
        beforeEach(() => {
          tokens = softTokens();
          tokens.add('signer');
        });
        afterEach(() => tokens.close());
        const token = (): string[] => ['--hsm-module', module, '--hsm-token', 'signer', '--hsm-pin-file', join(root, 'pin')];

        it('makes and runs a node, and says the PIN to nobody', async () => {
          await make(...token());
          const run = await runs();
          assert.equal(run.code, 0, run.stderr);
          const files = ['node.json', 'store.json', 'identity.json'].map((name) => readFileSync(join(folder, name), 'utf8'));
          for (const text of [run.stdout, run.stderr, ...files]) assert.ok(!text.includes(PIN));
          writeFileSync(join(root, 'pin'), '000000\n');
          const wrongPin = await runs();
          assert.equal(wrongPin.code, 1);
          assert.ok(wrongPin.stderr.includes('node/hsm-wrong-pin'), wrongPin.stderr);
        }).timeout(60_000);

        it('takes the PIN from standard input, and stops where none comes', async () => {
          await make(...token());
          const config = await readConfig(folder);
          writeFileSync(join(folder, 'node.json'), JSON.stringify({ ...config, provider: { ...config.provider, pinFile: '-' } }));
          const run = await runs(`${PIN}\n`);
          assert.equal(run.code, 0, run.stderr);
          const silent = await cairn(['run', '--folder', folder]);
          assert.ok(silent.stderr.includes('node/wrong-key'), silent.stderr);
        }).timeout(60_000);

        it('takes over from a key file, also where the first attempt died between the store and the identity', async () => {
          await make('--key-file', join(root, 'key'));
          const from = await providerOf(await readConfig(folder));
          const to = await providerOf({ provider: providerNamed({ 'hsm-module': module, 'hsm-token': 'signer', 'hsm-pin-file': join(root, 'pin') }, 1) });
          const { fingerprint } = await identity();
          await rewrapHeader(folder, from, to, random);
          await rekey(...token());
          rmSync(join(root, 'key'));
          assert.equal((await identity()).fingerprint, fingerprint);
          assert.equal((await readConfig(folder)).provider.kind, 'pkcs11');
        });
      });
    });
  });
});
