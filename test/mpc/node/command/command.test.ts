import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ed25519 } from '@noble/curves/ed25519.js';
import { pino } from 'pino';
import { Problem, systemClock, toHex, type ProblemCode } from '#base';
import { nodeCommand } from '#mpc/node/command';
import { rehearsalPolicy } from '#mpc/node/drill';
import { findFreePort } from '#supervisor';
import { merchantCommand } from '../../../../mpc/node/command/registry.ts';
import { policyCommand } from '../../../../mpc/node/command/policy.ts';
import { readConfig } from '../../../../mpc/node/command/folder.ts';
import { providerOf } from '../../../../mpc/node/command/provider.ts';
import { startNode, type RunningNode } from '../../../../mpc/node/process/process.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const PEER = `0x${'ab'.repeat(32)}`;

function problem(code: ProblemCode) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}

/** What the command wrote to standard output. */
async function said(...args: readonly string[]): Promise<string> {
  const write = process.stdout.write.bind(process.stdout);
  let text = '';
  process.stdout.write = (piece: string | Uint8Array): boolean => {
    text += String(piece);
    return true;
  };
  try {
    assert.equal(await nodeCommand(args), 0);
  } finally {
    process.stdout.write = write;
  }
  return text;
}

describe('cairn node', () => {
  let root: string;
  let folder: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'cairn-node-command-'));
    folder = join(root, 'node');
    await writeFile(join(root, 'policy.json'), JSON.stringify(rehearsalPolicy));
    await writeFile(join(root, 'key'), toHex(random(32)), { mode: 0o600 });
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const init = (...more: readonly string[]): Promise<string> =>
    said(
      'init',
      '--folder',
      folder,
      '--party',
      '1',
      '--listen',
      '127.0.0.1:7001',
      '--policy',
      join(root, 'policy.json'),
      '--key-file',
      join(root, 'key'),
      ...more,
    );

  it('tells what it can do, for each command too', async () => {
    const help = await said('--help');
    for (const name of [
      'init',
      'rekey',
      'peer',
      'run',
      'ceremony',
      'refresh',
      'anchor',
      'reshare',
      'leave',
      'approve',
      'policy',
      'merchant',
      'rates',
      'status',
      'backup',
      'restore',
      'drill',
    ]) {
      assert.match(help, new RegExp(`cairn node ${name} `));
      assert.match(await said(name, '--help'), new RegExp(`^cairn node ${name}`));
    }
  });

  it('makes a folder that only its owner reads, and says what the others have to know', async () => {
    const text = await init('--recovery', join(root, 'recovery'));
    const { publicKey } = JSON.parse(await readFile(join(folder, 'identity.json'), 'utf8')) as { publicKey: string };
    assert.ok(text.includes(`cairn node peer 1=127.0.0.1:7001=${publicKey} --folder THEIRS`));
    assert.match(text, /(?:[0-9a-f]{4} ){15}[0-9a-f]{4}/);
    for (const name of ['', 'identity.json', 'operator.key', 'node.json', 'store.json', 'journal'])
      assert.equal((await stat(join(folder, name))).mode & 0o077, 0, name);
    assert.equal((await stat(join(root, 'recovery'))).mode & 0o077, 0);
  });

  it('overwrites nothing', async () => {
    await init();
    const before = await readFile(join(folder, 'identity.json'));
    await assert.rejects(init(), problem('node/store-exists'));
    assert.deepEqual(await readFile(join(folder, 'identity.json')), before);
  });

  it('makes nothing where the recovery secret cannot be written', async () => {
    await assert.rejects(init('--recovery', join(root, 'key')), problem('cli/bad-file'));
    await assert.rejects(stat(join(folder, 'store.json')));
    await init('--recovery', join(root, 'recovery'));
  });

  it('leaves no recovery secret behind that belongs to nothing, and overwrites none', async () => {
    await writeFile(join(root, 'key'), 'no key');
    await assert.rejects(init('--recovery', join(root, 'recovery')), problem('node/bad-key-file'));
    await assert.rejects(stat(join(root, 'recovery')));
    await writeFile(join(root, 'key'), toHex(random(32)));
    assert.doesNotMatch(await init('--recovery', join(root, 'recovery')), /no backups/);
    const secret = await readFile(join(root, 'recovery'));
    folder = join(root, 'other');
    await assert.rejects(init('--recovery', join(root, 'recovery')), /recovery exists already; nothing is overwritten/);
    assert.deepEqual(await readFile(join(root, 'recovery')), secret);
    assert.match(await init(), /no recovery key \(--recovery\): this node will have no backups/);
  });

  it('names peers, replaces one by its number, and shows the fingerprint to compare', async () => {
    await init();
    const text = await said('peer', `2=signer2.example:7000=${PEER}`, '--folder', folder);
    assert.match(text, /(?:[0-9a-f]{4} ){15}[0-9a-f]{4}/);
    await said('peer', `3=signer3.example:7000=0x${'cd'.repeat(32)}`, `2=[::1]:7002=${PEER}`, '--coordinator', `0x${'ef'.repeat(32)}`, '--folder', folder);
    const { peers, coordinators } = await readConfig(folder);
    assert.deepEqual(peers.map(({ party, host, port }) => [party, host, port]), [[2, '[::1]', 7002], [3, 'signer3.example', 7000]]); // prettier-ignore
    assert.equal(coordinators.length, 1);
  });

  const wrong: readonly (readonly [ProblemCode, ...string[]])[] = [
    ['cli/unknown-command', 'rn'],
    ['cli/unknown-command', 'toString'],
    ['cli/bad-arguments', 'run'],
    ['cli/bad-arguments', 'run', '--folder', ''],
    ['cli/bad-arguments', 'run', '--folder', 'x', 'more'],
    ['cli/bad-arguments', 'status', '--fold', 'x'],
    ['cli/bad-arguments', 'ceremony', '--folder', 'x'],
    ['cli/bad-arguments', 'ceremony', 'treasurer', '--folder', 'x'],
    ['cli/bad-arguments', 'reshare', 'poster', '--folder', 'x'],
    ['cli/bad-arguments', 'reshare', 'poster', '--dealers', '1,x', '--folder', 'x'],
    ['cli/bad-arguments', 'reshare', 'poster', '--dealers', '1,2', '--anchor', 'x', '--folder', 'x'],
    ['cli/bad-arguments', 'leave', 'poster', '--folder', 'x'],
    ['cli/bad-arguments', 'approve', 'poster', '--folder', 'x'],
    ['cli/bad-arguments', 'approve', 'poster', '--peer', 'two', '--folder', 'x'],
    ['cli/bad-arguments', 'init', '--folder', 'x', '--party', '1', '--listen', 'a:1', '--policy', 'p'],
    ['cli/bad-arguments', 'init', '--folder', 'x', '--party', '1', '--listen', 'a:1', '--policy', 'p', '--key-file', 'k', '--passphrase-file', 'k'],
    ['cli/bad-arguments', 'peer', '2=here', '--folder', 'x'],
    ['cli/bad-arguments', 'drill', 'everything'],
    ['cli/bad-file', 'run', '--folder', '/nowhere/at/all'],
    ['cli/bad-file', 'status', '--folder', '/nowhere/at/all'],
    ['cli/bad-file', 'restore', '/nowhere/at/all', '--recovery', 'r', '--folder', '/nowhere'],
  ];
  for (const [code, ...args] of wrong) {
    it(`refuses "${args.join(' ')}": ${code}`, async () => {
      await assert.rejects(nodeCommand(args), problem(code));
    });
  }

  it('refuses ports, policies and peers that are none, and leaves no node behind', async () => {
    for (const listen of ['127.0.0.1', ':7001', '127.0.0.1:0', '127.0.0.1:70000']) {
      await assert.rejects(nodeCommand(['init', '--folder', folder, '--party', '1', '--listen', listen, '--policy', join(root, 'policy.json'), '--key-file', join(root, 'key')]), problem('cli/bad-arguments')); // prettier-ignore
    }
    await writeFile(join(root, 'policy.json'), '{}');
    await assert.rejects(init(), problem('policy/bad-file'));
    await assert.rejects(stat(join(folder, 'node.json')));
  });

  describe('of a running node', () => {
    let node: RunningNode;
    let secret: Uint8Array;
    const told: string[] = [];

    beforeEach(async () => {
      secret = random(32);
      await writeFile(join(root, 'operator-1'), toHex(secret));
      const operators = { quorum: 1, keys: [{ name: 'anna', key: toHex(ed25519.getPublicKey(secret)) }] };
      await writeFile(join(root, 'policy.json'), JSON.stringify({ ...rehearsalPolicy, operators, changes: { tighteningDelayS: 0, looseningDelayS: 1_000 } }));
      const port = await findFreePort();
      await said('init', '--folder', folder, '--party', '1', '--listen', `127.0.0.1:${port}`, '--health', '0', '--policy', join(root, 'policy.json'), '--key-file', join(root, 'key')); // prettier-ignore
      await said('peer', `2=127.0.0.1:1=${PEER}`, `3=127.0.0.1:1=0x${'cd'.repeat(32)}`, '--folder', folder);
      const config = { ...(await readConfig(folder)), health: { host: '127.0.0.1' as const, port: 0 } };
      node = await startNode({
        folder,
        config,
        provider: await providerOf(config),
        clock: systemClock,
        random,
        log: pino({ level: 'silent' }),
        onFatal: (error) => assert.fail(error),
      });
      told.length = 0;
    });
    afterEach(() => node.close());

    const policy = (keyFile: string, ...words: readonly string[]): Promise<number> =>
      policyCommand({ folder, words, operator: 'anna', keyFile, random, tell: (line) => told.push(line) });

    it('shows its status and its policy', async () => {
      assert.match(await said('status', '--folder', folder), /party 1 of 3, 2 must sign/);
      assert.equal((JSON.parse(await said('status', '--folder', folder, '--json')) as { party: number }).party, 1);
      assert.match(await said('policy', 'show', '--folder', folder), /in force {6}version 1/);
    });

    it('changes its policy by an operator’s signature, after the delay, and by nobody else’s', async () => {
      const stricter = { ...(JSON.parse(await readFile(join(root, 'policy.json'), 'utf8')) as object), version: 2, kinds: [] };
      await writeFile(join(root, 'stricter.json'), JSON.stringify(stricter));
      await writeFile(join(root, 'mallory'), toHex(random(32)));
      await assert.rejects(policy(join(root, 'mallory'), 'propose', join(root, 'stricter.json')), problem('policy/bad-signature'));
      await policy(join(root, 'operator-1'), 'propose', join(root, 'stricter.json'));
      // A tightening waits for nothing here, and the node takes it up by itself.
      while (!/in force {6}version 2/.test(await said('policy', 'show', '--folder', folder))) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.match(await said('policy', 'show', '--folder', folder), /kinds {9}none/);
    });

    it('lets a loosening wait, and one operator cancel it or stop the node at once', async () => {
      const looser = { ...(JSON.parse(await readFile(join(root, 'policy.json'), 'utf8')) as object), version: 2, kinds: ['anchor', 'governance'] };
      await writeFile(join(root, 'looser.json'), JSON.stringify(looser));
      await policy(join(root, 'operator-1'), 'propose', join(root, 'looser.json'));
      const id = told.map((line) => /^proposal {6}(0x[0-9a-f]{64})$/.exec(line)?.[1]).find((found) => found !== undefined)!;
      assert.ok(told.some((line) => line.includes('a loosening')));
      await policy(join(root, 'operator-1'), 'cancel', id);
      assert.doesNotMatch(await said('policy', 'show', '--folder', folder), /proposal/);
      await policy(join(root, 'operator-1'), 'stop');
      assert.match(await said('policy', 'show', '--folder', folder), /STOPPED: everything/);
      assert.match(await said('status', '--folder', folder), /STOPPED/);
    });

    it('refuses a ceremony to whoever is not its operator, and to a command without its key', async () => {
      await writeFile(join(folder, 'operator.key'), toHex(random(32)));
      await assert.rejects(nodeCommand(['status', '--folder', folder]), problem('wire/unreachable'));
      await rm(join(folder, 'operator.key'));
      await assert.rejects(nodeCommand(['status', '--folder', folder]), problem('cli/bad-file'));
    });

    it('says that there is nothing to back up before there is a key', async () => {
      await assert.rejects(nodeCommand(['backup', '--out', join(root, 'backup'), '--folder', folder]), problem('node/unknown-key'));
    });
  });

  /** Names a book in node.json, with the files of what its operators registered. */
  async function withBook(ratesFile: string | null): Promise<void> {
    const file = join(folder, 'node.json');
    const config = JSON.parse(await readFile(file, 'utf8')) as object;
    const address = `0x${'11'.repeat(20)}`;
    const registration = {
      chainId: '31337',
      anchor: address,
      vault: address,
      timelock: address,
      safe: address,
      owner: address,
      book: '00000000-0000-7000-8000-000000000001',
      fromBlock: '0',
    };
    const chain = { urls: ['http://127.0.0.1:1'], finality: { kind: 'tag', tag: 'finalized' }, maxBehindBlocks: 5, maxBehindMs: null, timeoutMs: 1_000 };
    await writeFile(
      file,
      JSON.stringify({ ...config, book: { registration, merchantsFile: join(root, 'merchants.json'), ratesFile, chain, maxAheadMs: 5_000 } }),
    );
  }

  it('registers merchants’ keys: the one before counts until then', async () => {
    await init();
    await withBook(null);
    const told: string[] = [];
    const merchant = '00000000-0000-7000-8000-00000000000a';
    const [first, second] = [`0x${'aa'.repeat(20)}`, `0x${'bb'.repeat(20)}`];
    await merchantCommand(folder, [merchant, first], 1_000, (line) => told.push(line));
    await merchantCommand(folder, [merchant, second], 2_000, (line) => told.push(line));
    await assert.rejects(merchantCommand(folder, [merchant, second], 3_000, () => undefined), problem('cli/bad-arguments')); // prettier-ignore
    await assert.rejects(merchantCommand(folder, ['somebody', second], 3_000, () => undefined), problem('cli/bad-arguments')); // prettier-ignore
    told.length = 0;
    await merchantCommand(folder, [], 3_000, (line) => told.push(line));
    assert.deepEqual(told, [`${merchant} ${first} until ${new Date(2_000).toISOString()}`, `${merchant} ${second}`]);
  });

  it('puts bands of rates in place, whole or around a file of rates, and nothing that is none', async () => {
    await init();
    const [path, given] = [join(root, 'rates.json'), join(root, 'given.json')];
    await withBook(null);
    await assert.rejects(nodeCommand(['rates', '--folder', folder]), problem('node/bad-config'));
    await withBook(path);
    await writeFile(given, JSON.stringify({ pivot: 'USD', rates: { USD: '1', JPY: '0.006713', EUR: '1.0852' }, version: 'of a bank' }));
    assert.match(await said('rates', given, '--within', '200', '--folder', folder), /^2 bands are in /);
    assert.match(await said('rates', '--folder', folder), /^EUR 1\.063496 to 1\.106904 USD\nJPY 0\.00657874 to 0\.00684726 USD\nvalid until \S+\n$/);
    const validFor = async (): Promise<number> => (JSON.parse(await readFile(path, 'utf8')) as { notAfterS: number }).notAfterS - Date.now() / 1_000;
    assert.ok(Math.abs((await validFor()) - 72 * 3_600) < 600);
    await said('rates', given, '--within', '200', '--valid', '5', '--folder', folder);
    assert.ok(Math.abs((await validFor()) - 5 * 3_600) < 600);
    await assert.rejects(nodeCommand(['rates', given, '--valid', '5', '--folder', folder]), problem('cli/bad-arguments'));
    const bands = JSON.parse(await readFile(path, 'utf8')) as object;
    for (const [notAfterS, words] of [
      [1_000, /^EXPIRED at 1970-01-01T00:16:40\.000Z: .*rates-valid/m],
      [null, /^they do not expire$/m],
    ] as const) {
      const other = join(root, 'other.json');
      await writeFile(other, JSON.stringify({ ...bands, notAfterS }));
      await said('rates', other, '--folder', folder);
      assert.match(await said('rates', '--folder', folder), words);
    }
    await said('rates', given, '--within', '200', '--folder', folder);
    const before = await readFile(path, 'utf8');
    await writeFile(given, before.replace('1.106904', '1.2'));
    await said('rates', given, '--folder', folder);
    assert.match(await said('rates', '--folder', folder), /^EUR 1\.063496 to 1\.2 USD$/m);
    const kept = await readFile(path, 'utf8');
    for (const [text, ...more] of [
      ['nonsense'],
      ['null', '--within', '200'],
      [JSON.stringify({ pivot: 'USD', rates: { EUR: 1 } }), '--within', '200'],
      [kept, '--within', '10000'],
      [kept.replace('1.2', '1.0')],
    ] as const) {
      await writeFile(given, text);
      await assert.rejects(nodeCommand(['rates', given, ...more, '--folder', folder]), problem('decision/bad-registry'), text);
    }
    assert.equal(await readFile(path, 'utf8'), kept);
  });
});
