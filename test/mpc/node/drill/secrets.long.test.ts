import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { fromHex, toHex, type Hex } from '#base';
import { addressOf, intentDigest, isSignatureBy, ROLES, type Role } from '#custody/intents';
import { anchorIntent, Rehearsal, rehearsalPolicy } from '#mpc/node/drill';
import { openBackup, partyId, type KeyId } from '#mpc/protocol';
import { backupCommand, restoreCommand } from '../../../../mpc/node/command/backup.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const ALL = [1, 2, 3];
const q = secp256k1.Point.Fn.ORDER;
const CHUNK_BYTES = 1 << 24;

/** A private key in the spellings in which a process of ours could have it: bytes of a buffer, the words of a BigInt, text of one or two bytes a character, base64 at each offset. */
function spellingsOf(key: Uint8Array): readonly Buffer[] {
  const bytes = Buffer.from(key);
  const hex = bytes.toString('hex');
  const decimal = BigInt(`0x${hex}`).toString();
  // Of a base64 text that begins 0, 1 or 2 bytes earlier, the characters that are made of the key alone.
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    return text.slice(offset === 0 ? 0 : 4, 40);
  });
  const texts = [hex, hex.toUpperCase(), decimal, ...base64];
  return [bytes, Buffer.from(bytes).reverse(), ...texts.flatMap((text) => [Buffer.from(text, 'latin1'), Buffer.from(text, 'utf16le')])];
}

interface Secret {
  readonly name: string;
  readonly spellings: readonly Buffer[];
}

function found(bytes: Buffer, secrets: readonly Secret[]): string[] {
  return secrets.filter(({ spellings }) => spellings.some((spelling) => bytes.includes(spelling))).map(({ name }) => name);
}

/** Everything that a process has in its memory, heap and buffers alike: every readable map of it. */
async function inMemory(pid: number, secrets: readonly Secret[]): Promise<string[]> {
  const maps = (await readFile(`/proc/${pid}/maps`, 'utf8')).split('\n').filter((line) => /^[0-9a-f]+-[0-9a-f]+ rw/.test(line));
  const memory = await open(`/proc/${pid}/mem`, 'r');
  const names = new Set<string>();
  try {
    for (const line of maps) {
      const [from, to] = line
        .split(' ')[0]!
        .split('-')
        .map((text) => parseInt(text, 16)) as [number, number];
      // Chunks overlap by more than the longest spelling.
      for (let at = from; at < to; at += CHUNK_BYTES) {
        const bytes = Buffer.alloc(Math.min(CHUNK_BYTES + 256, to - at));
        const { bytesRead } = await memory.read(bytes, 0, bytes.length, at).catch(() => ({ bytesRead: 0 }));
        for (const name of found(bytes.subarray(0, bytesRead), secrets)) names.add(name);
      }
    }
  } finally {
    await memory.close();
  }
  return [...names];
}

async function inFiles(folder: string, secrets: readonly Secret[]): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    for (const name of found(await readFile(path), secrets)) names.push(`${name} in ${path}`);
  }
  return names;
}

/** Holds a key as buffer, as BigInt and as text, and says so: what the search has to find. */
const HOLDER = `
process.stdin.once('data', (line) => {
  const hex = line.toString().trim();
  globalThis.kept = process.argv[1] === 'buffer' ? Buffer.from(hex, 'hex') : process.argv[1] === 'bigint' ? BigInt('0x' + hex) : hex.slice(0, 31) + hex.slice(31);
  line.fill(0);
  process.stdout.write('kept');
});
setInterval(() => globalThis.kept, 1000);
`;

describe('the private keys', function () {
  this.timeout(900_000);
  const keys: Secret[] = [];
  let rehearsal: Rehearsal;

  before(async () => {
    assert.equal(process.platform, 'linux', 'the memory of a process is read from /proc');
    rehearsal = await Rehearsal.make({ n: 3, threshold: 2, policy: rehearsalPolicy, random });
    await rehearsal.startAll();
    for (const role of ROLES) await rehearsal.ceremony({ kind: 'generate', role });
    for (const role of ROLES) keys.push(await rebuilt(role));
  });
  after(() => rehearsal?.end());

  const pids = (): number[] => rehearsal.nodes.flatMap(({ process: child }) => (child?.pid === undefined ? [] : [child.pid]));

  /** From the backups and recovery secrets of two parties: what no process of ours can do, because nowhere are two of them together. */
  async function rebuilt(role: Role): Promise<Secret> {
    let key = 0n;
    for (const party of [1, 3]) {
      const file = join(rehearsal.root, '..', `backup-${party}-${role}-${toHex(random(4))}`);
      await backupCommand(rehearsal.node(party).folder, file, () => undefined);
      const stored = (JSON.parse(await readFile(file, 'utf8')) as { keys: { role: Role; keyId: Hex; backup: Hex }[] }).keys.find((each) => each.role === role)!;
      await rm(file);
      const secret = fromHex((await readFile(rehearsal.node(party).recoveryFile, 'utf8')).trim() as Hex);
      const { record } = openBackup(fromHex(stored.backup), secret, { keyId: fromHex(stored.keyId) as KeyId, id: partyId(party, 3) });
      // lambda_1 = 3 / (3 - 1), lambda_3 = 1 / (1 - 3), modulo q.
      const lambda = party === 1 ? 3n * invert(2n) : invert(q - 2n);
      key = (key + lambda * BigInt(toHex(record.share))) % q;
    }
    const bytes = fromHex(`0x${key.toString(16).padStart(64, '0')}`);
    assert.equal(addressOf(secp256k1.getPublicKey(bytes)), await rehearsal.address(1, role), `the ${role} key is rebuilt`);
    return { name: role, spellings: spellingsOf(bytes) };
  }

  function invert(x: bigint): bigint {
    return secp256k1.Point.Fn.inv(x % q);
  }

  async function nowhere(): Promise<void> {
    assert.equal(pids().length, 3);
    for (const pid of pids()) {
      assert.deepEqual(await inMemory(pid, keys), [], `memory of process ${pid}`);
      assert.deepEqual(found(await readFile(`/proc/${pid}/environ`), keys), [], `environment of process ${pid}`);
    }
    assert.deepEqual(await inFiles(rehearsal.root, keys), []);
  }

  async function allSign(): Promise<void> {
    const address = await rehearsal.address(1, 'poster');
    for (const pair of [
      [1, 2],
      [1, 3],
      [2, 3],
    ]) {
      // prettier-ignore
      const intent = anchorIntent(toHex(random(32)));
      assert.ok(isSignatureBy(address, intentDigest(intent), await rehearsal.sign(intent, pair)));
    }
  }

  for (const form of ['buffer', 'bigint', 'text']) {
    it(`would be found in a process that had one as ${form}`, async () => {
      const holder: ChildProcess = spawn(process.execPath, ['-e', HOLDER, form], { stdio: ['pipe', 'pipe', 'inherit'] });
      holder.stdin!.write(`${keys[0]!.spellings[0]!.toString('hex')}\n`);
      await once(holder.stdout!, 'data');
      const names = await inMemory(holder.pid!, keys);
      holder.kill('SIGKILL');
      assert.deepEqual(names, ['poster']);
    });
  }

  it('are in no memory, file, log or environment of any node after they were generated', nowhere);

  it('are nowhere while and after nodes sign', async () => {
    for (let i = 0; i < 5; i++) await allSign();
    await nowhere();
  });

  it('are nowhere after their shares were made anew', async () => {
    for (const role of ROLES) await rehearsal.ceremony({ kind: 'refresh', role });
    await allSign();
    await nowhere();
  });

  it('are nowhere after a node lost its disk and came back from its backup', async () => {
    const { folder, recoveryFile } = rehearsal.node(2);
    const backup = join(rehearsal.root, 'backup.json');
    await backupCommand(folder, backup, () => undefined);
    await rehearsal.stop(2);
    const kept = join(rehearsal.root, 'kept');
    await mkdir(kept);
    await rename(recoveryFile, join(kept, 'recovery'));
    await rm(folder, { recursive: true });
    await rehearsal.init(2, 2);
    for (const party of ALL) await rehearsal.introduce(party);
    await restoreCommand({ folder, file: backup, recoveryFile: join(kept, 'recovery'), random, tell: () => undefined });
    for (const party of [1, 3]) await rehearsal.stop(party, 'SIGTERM');
    await rehearsal.startAll();
    await nowhere();
    for (const role of ROLES) await rehearsal.ceremony({ kind: 'refresh', role });
    await allSign();
    await nowhere();
  });
});
