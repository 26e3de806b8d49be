import { strict as assert } from 'node:assert';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { fromHex, systemClock, toHex, type Hex } from '#base';
import { addressOf, ROLES, type Role } from '#custody/intents';
import { openBackup, partyId, type KeyId } from '#mpc/protocol';
import { backupCommand, restoreCommand } from '../../mpc/node/command/backup.ts';
import { holdCeremony, openDesk } from '../../mpc/node/command/desk.ts';
import { initNode, nameCoordinator, namePeer } from '../../mpc/node/command/init.ts';
import { Folders, PARTIES, THRESHOLD } from '../../mpc/node/colocated/folders.ts';
import { identityOf, rawPublicKey } from '../../mpc/node/wire/wire.ts';
import { memoryOf, Scanner, secretOf, unlessGone, type Secret } from '../support/secretScan.ts';

const CLI = join(import.meta.dirname, '..', '..', 'src', 'cli.ts');
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const { Fn } = secp256k1.Point;
const POLL_MS = 50;
/** A Node process has more than this. */
const MEMORY_BYTES = 30_000_000;

/** Holds a key in one spelling, and says so: what the search has to find. */
const HOLDER = `
const [form] = process.argv.slice(1);
process.stdin.once('data', (line) => {
  const bytes = Buffer.from(line.toString('latin1').trim(), 'base64').map((byte) => byte ^ 0xa5);
  const forms = {
    bytes: () => Buffer.from(bytes),
    'little-endian': () => BigInt('0x' + bytes.toString('hex')),
    hex: () => bytes.toString('hex'),
    decimal: () => BigInt('0x' + bytes.toString('hex')).toString(),
    base64: () => bytes.toString('base64'),
  };
  globalThis.kept = { of: forms[form]() };
  bytes.fill(0);
  process.stdout.write('kept');
});
setInterval(() => globalThis.kept, 1000);
`;

interface Share {
  readonly role: Role;
  readonly party: number;
  readonly epoch: number;
  readonly value: bigint;
}

const bytesOf = (value: bigint): Uint8Array => fromHex(`0x${value.toString(16).padStart(64, '0')}`);
const lineOf = (key: Uint8Array): string => `${Buffer.from(key.map((byte) => byte ^ 0xa5)).toString('base64')}\n`;

/** The Lagrange coefficient at 0 of `party` among `parties`, digest section 1. */
function lambda(party: number, parties: readonly number[]): bigint {
  return parties
    .filter((other) => other !== party)
    .reduce((product, other) => Fn.mul(product, Fn.mul(BigInt(other), Fn.inv(Fn.create(BigInt(other - party))))), 1n);
}

/**
 * `npm start`, all of it: the platform, three signer nodes, PostgreSQL and the chain. The keys are rebuilt here, from backups and recovery secrets of two parties, which no process of ours ever has together; then everything is
 * searched for them: memory, heap snapshots, environments, files, logs and backups.
 */
describe('the private keys', function () {
  this.timeout(900_000);
  const base = mkdtempSync(join(tmpdir(), 'cairn-secrets-'));
  const state = join(base, 'state');
  const folders = new Folders(join(state, 'signers'));
  const backups = join(base, 'backups');
  /** What is taken away from the machine in the real thing: no part of any search. */
  const away = mkdtempSync(join(tmpdir(), 'cairn-away-'));
  let platform: ChildProcess | undefined;
  let said = '';
  let keys: Secret[] = [];
  const shares: Share[] = [];

  const start = (): void => {
    const clean = { ...process.env };
    for (const name of ['DATABASE_URL', 'RPC_URL', 'DEPLOYER_KEY', 'OPERATORS']) delete clean[name];
    const child = spawn(process.execPath, [CLI, 'start', '--state', state], { stdio: ['ignore', 'pipe', 'pipe'], env: clean });
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    platform = child;
    said = '';
  };
  const until = async (words: string, times = 1): Promise<void> => {
    while (said.split(words).length <= times) {
      assert.equal(platform!.exitCode, null, said);
      await sleep(POLL_MS);
    }
  };
  const stop = async (): Promise<void> => {
    const child = platform;
    platform = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGINT');
    await once(child, 'close');
  };

  before(() => {
    assert.equal(process.platform, 'linux', 'the memory of a process is read from /proc');
    chmodSync(base, 0o711);
    mkdirSync(backups);
  });
  after(async () => {
    await stop();
    for (const folder of [base, away, ...(existsSync(join(state, 'postgres')) ? [placeOf()] : [])]) rmSync(folder, { recursive: true, force: true });
  });

  const nodePid = (party: number): number => (JSON.parse(readFileSync(folders.process(party), 'utf8')) as { pid: number }).pid;
  const placeOf = (): string =>
    resolve(state, 'postgres', (JSON.parse(readFileSync(join(state, 'postgres', 'postgres.json'), 'utf8')) as { folder: string }).folder);

  /** Every process of the platform, by what it is: those that name its folders, and the children of those. */
  function processes(): Map<number, string> {
    const all = readdirSync('/proc').flatMap((name) => {
      const of = (file: string) => readFileSync(`/proc/${name}/${file}`, 'utf8');
      try {
        return /^\d+$/.test(name)
          ? [
              {
                pid: Number(name),
                command: of('cmdline').replaceAll('\0', ' ').trim(),
                parent: Number(
                  of('stat')
                    .replace(/.*\) \S /s, '')
                    .split(' ')[0],
                ),
              },
            ]
          : [];
      } catch (error) {
        return unlessGone(error as NodeJS.ErrnoException);
      }
    });
    const ours = new Map<number, string>();
    for (let before = -1; before < ours.size;) {
      before = ours.size;
      for (const { pid, command, parent } of all) if (pid !== process.pid && (command.includes(state) || ours.has(parent))) ours.set(pid, command);
    }
    for (const { pid } of all) if (pid === postmaster()) ours.set(pid, 'postgres');
    for (const { pid, parent, command } of all) if (parent === postmaster()) ours.set(pid, command);
    return ours;
  }
  const postmaster = (): number => Number(readFileSync(join(placeOf(), 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);

  /** The share of a party as its operator opens it from a new backup, which is left where its operator would keep it. */
  async function openShares(party: number): Promise<Share[]> {
    const file = join(backups, `${party}-${toHex(random(4))}.json`);
    await backupCommand(folders.node(party), file, () => undefined);
    const { keys: stored } = JSON.parse(readFileSync(file, 'utf8')) as { keys: { role: Role; epoch: number; keyId: Hex; backup: Hex }[] };
    const secret = fromHex(readFileSync(folders.operators(party, 'recovery.key'), 'utf8').trim() as Hex);
    return stored.map(({ role, epoch, keyId, backup }) => {
      const { record } = openBackup(fromHex(backup), secret, { keyId: fromHex(keyId) as KeyId, id: partyId(party, PARTIES.length) });
      return { role, party, epoch, value: BigInt(toHex(record.share)) };
    });
  }

  /** All shares as they are now, and with them the keys: by every two parties the same, and the ones whose addresses everybody knows. */
  async function rebuild(): Promise<void> {
    const now = (await Promise.all(PARTIES.map(openShares))).flat();
    shares.push(...now);
    keys = ROLES.map((role) => {
      const of = new Map(now.filter((share) => share.role === role).map(({ party, value }) => [party, value]));
      const [first, ...others] = PARTIES.map((left) => PARTIES.filter((party) => party !== left)).map((two) =>
        two.reduce((sum, party) => Fn.add(sum, Fn.mul(lambda(party, two), of.get(party)!)), 0n),
      );
      for (const other of others) assert.equal(other, first, `every two parties have the same ${role} key`);
      const bytes = bytesOf(first!);
      const { [role]: address } = JSON.parse(readFileSync(folders.keys, 'utf8')) as Record<Role, string>;
      assert.equal(addressOf(secp256k1.getPublicKey(bytes)), address, `the ${role} key is rebuilt`);
      return secretOf(`the ${role} key`, bytes);
    });
  }

  /**
   * Sums of shares of one epoch: whoever had one was where two shares met. But for the party in their middle: with t = 2 they lie on a line, so that the sum of 1, 2 and 3 is three times share 2, which party 2 computes itself
   * (its Lagrange coefficient beside party 3 is 3).
   */
  function sums(own: number): Secret[] {
    return ROLES.flatMap((role) =>
      [...new Set(shares.map(({ epoch }) => epoch))].flatMap((epoch) => {
        const of = shares.filter((share) => share.role === role && share.epoch === epoch);
        const pairs = of.flatMap((a) => of.filter((b) => b.party > a.party).map((b) => [a, b]));
        const apart = [...pairs, of].filter((some) => some.reduce((sum, { party }) => sum + party, 0) !== own * some.length);
        return apart.map((some) => {
          const sum = some.reduce((total, { value }) => Fn.add(total, value), 0n);
          return secretOf(`the sum of ${some.map(({ party }) => party).join(' and ')} of the ${role} key, epoch ${epoch}`, bytesOf(sum));
        });
      }),
    );
  }

  const secretShares = (but: number): Secret[] =>
    shares
      .filter(({ party }) => party !== but)
      .map(({ role, party, epoch, value }) => secretOf(`share ${party} of the ${role} key, epoch ${epoch}`, bytesOf(value)));

  /** Keys and sums are nowhere at all; a share is in the memory of its own node, and else nowhere in clear. */
  async function nowhere(): Promise<void> {
    const pids = PARTIES.map(nodePid);
    const everything = new Scanner([...keys, ...sums(0), ...secretShares(0)]);
    const ours = processes();
    const shared = new Set<string>();
    assert.ok(ours.size >= 3 + 1 + 1 + 2, `three nodes, the platform, the chain, PostgreSQL with a child: ${[...ours.values()].join('; ')}`);
    const found: string[] = [];
    for (const [pid, command] of ours) {
      const scanner = new Scanner([...keys, ...sums(pids.indexOf(pid) + 1), ...secretShares(pids.indexOf(pid) + 1)]);
      const where = `${pid} (${command.slice(0, 200)})`;
      found.push(...(await scanner.inMemory(pid, shared).catch(unlessGone)).map((name) => `${name} in the memory of ${where}`));
      found.push(...(await everything.inEnvironment(pid).catch(unlessGone)).map((name) => `${name} in the environment of ${where}`));
    }
    for (const pid of [platform!.pid!, ...pids]) {
      const { names, bytes } = await new Scanner([...keys, ...sums(pids.indexOf(pid) + 1), ...secretShares(pids.indexOf(pid) + 1)]).inHeapSnapshot(pid);
      assert.ok(bytes > 1_000_000, `a heap snapshot of ${bytes} characters`);
      found.push(...names.map((name) => `${name} in the heap snapshot of ${ours.get(pid)}`));
    }
    // The state folder holds the nodes with their audit logs, their operators' files, all logs and the chain; PostgreSQL's data may be elsewhere.
    found.push(...(await everything.inFolders(state, placeOf(), backups)));
    found.push(...[...everything.find(Buffer.from(said))].map((name) => `${name} in what the platform says`));
    assert.deepEqual(found, []);
  }

  /** While the nodes generate a key nobody knows it: their memory as it is then, to be searched afterwards. */
  async function keepMemory(name: string): Promise<void> {
    await Promise.all(
      PARTIES.map(async (party) => {
        const file = await open(join(away, `${name}-${party}`), 'w');
        try {
          // After the last ceremony the nodes are started anew, which may come first where the machine is busy.
          for await (const bytes of memoryOf(nodePid(party))) if (!isZero(bytes)) await file.write(bytes);
        } catch (error) {
          unlessGone(error as NodeJS.ErrnoException);
        } finally {
          await file.close();
        }
      }),
    );
  }
  const isZero = (bytes: Buffer): boolean => bytes.length === 0 || (bytes[0] === 0 && bytes.compare(bytes, 1, bytes.length, 0, bytes.length - 1) === 0);

  const refresh = async (): Promise<void> => {
    const desks = await Promise.all(PARTIES.map((party) => openDesk(folders.node(party))));
    try {
      for (const role of ROLES) await Promise.all(desks.map((desk) => holdCeremony(desk, { kind: 'refresh', role }, () => undefined)));
    } finally {
      for (const desk of desks) desk.close();
    }
  };

  it('are nowhere while the nodes generate them', async () => {
    start();
    for (const [i, role] of ROLES.entries()) {
      await until('setting up 2 pairs', i + 1);
      await keepMemory(role);
    }
    await until('of 3 are up', 2);
    await rebuild();
    for (const party of PARTIES) {
      const scanner = new Scanner([...keys, ...sums(party), ...secretShares(party)]);
      for (const name of readdirSync(away).filter((each) => each.endsWith(`-${party}`))) assert.deepEqual(await scanner.inFile(join(away, name)), [], name);
      const { size } = statSync(join(away, `${ROLES[0]}-${party}`));
      assert.ok(size > MEMORY_BYTES, `of party ${party}, ${size} bytes were kept in the first ceremony`);
    }
    for (const name of readdirSync(away)) rmSync(join(away, name));
  });

  for (const form of ['bytes', 'little-endian', 'hex', 'decimal', 'base64']) {
    it(`would be found as ${form} in memory, in a file and in an environment${['bytes', 'little-endian'].includes(form) ? '' : ', and in a heap snapshot'}`, async () => {
      const scanner = new Scanner(keys);
      const [key] = keys;
      const bytes = key!.spellings['bytes']![0]!;
      const holder = spawn(process.execPath, ['-e', HOLDER, form], { stdio: ['pipe', 'pipe', 'ignore'] });
      const text = key!.spellings[form]![0]!;
      const named = spawn('sleep', ['60'], { env: { KEY: bytes.toString('hex') }, stdio: 'ignore' });
      const planted = join(away, 'planted');
      try {
        holder.stdin.write(lineOf(bytes));
        await once(holder.stdout, 'data');
        assert.deepEqual(await scanner.inMemory(holder.pid!), [key!.name]);
        // A heap snapshot has texts and no bytes or numbers: those are what the memory is searched for.
        const isText = !['bytes', 'little-endian'].includes(form);
        assert.deepEqual((await scanner.inHeapSnapshot(holder.pid!)).names, isText ? [key!.name] : []);
        writeFileSync(planted, Buffer.concat([randomBytes(77_777), text, randomBytes(99)]));
        assert.deepEqual(await scanner.inFolders(away), [`${key!.name} in ${planted}`]);
        assert.deepEqual(await scanner.inEnvironment(named.pid!), [key!.name]);
      } finally {
        holder.kill('SIGKILL');
        named.kill('SIGKILL');
        rmSync(planted, { force: true });
      }
    });
  }

  it('are nowhere while and after the nodes sign everything of the main job', async () => {
    await nowhere();
    await until('The API serves on');
    await nowhere();
  });

  it('are nowhere while and after their shares are made anew', async () => {
    const made = refresh();
    for (const pid of PARTIES.map(nodePid)) assert.deepEqual(await new Scanner(keys).inMemory(pid), []);
    await made;
    await rebuild();
    assert.equal(new Set(shares.map(({ value }) => value)).size, 2 * ROLES.length * PARTIES.length, 'every share is another one');
    await nowhere();
  });

  it('are nowhere after a node lost its disk and came back from its backup', async () => {
    const desk = await openDesk(folders.node(2));
    const { inForce } = await desk.ask('policy/show', {});
    desk.close();
    const backup = join(backups, 'of-2.json');
    await backupCommand(folders.node(2), backup, () => undefined);
    await stop();
    const [policyFile, recoveryFile] = [join(backups, 'policy.json'), join(away, 'recovery.key')];
    writeFileSync(policyFile, JSON.stringify(inForce));
    renameSync(folders.operators(2, 'recovery.key'), recoveryFile);
    rmSync(folders.node(2), { recursive: true });
    const provider = { kind: 'key-file', path: folders.operators(2, 'store.key') } as const;
    const made = {
      party: 2,
      threshold: THRESHOLD,
      listen: '127.0.0.1:2',
      healthPort: 0,
      provider,
      policyFile,
      recoveryFile: folders.operators(2, 'recovery.key'),
    };
    await initNode({ folder: folders.node(2), ...made, clock: systemClock, random, tell: () => undefined });
    const coordinator = identityOf(fromHex(readFileSync(folders.coordinator, 'utf8').trim() as Hex));
    await nameCoordinator(folders.node(2), toHex(rawPublicKey(coordinator)));
    for (const party of [1, 3]) {
      const { publicKey } = JSON.parse(readFileSync(join(folders.node(party), 'identity.json'), 'utf8')) as { publicKey: Hex };
      // Its port is settled at the start.
      await namePeer(folders.node(2), `${party}=127.0.0.1:${party}=${publicKey}`);
    }
    await restoreCommand({ folder: folders.node(2), file: backup, recoveryFile, random, tell: () => undefined });
    start();
    await until('The API serves on');
    await nowhere();
    await refresh();
    await rebuild();
    await nowhere();
  });
});
