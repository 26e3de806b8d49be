import { deepStrictEqual, match, rejects, strictEqual, throws } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessIdentity } from '#supervisor';
import { Folders, makeFolders, PARTIES, settlePorts } from '../../../../mpc/node/colocated/folders.ts';
import { MindedNode, type NodeEvent } from '../../../../mpc/node/colocated/minder.ts';
import { handOver, nodeUsers, takeBack } from '../../../../mpc/node/colocated/users.ts';
import { runCommand } from '../../../../mpc/node/command/run.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const ROOT = process.getuid?.() === 0;
const LEFT_OUT = '      left out: only root can give nodes users of their own';

describe('users of co-located nodes', function () {
  this.timeout(60_000);
  let base: string;
  let folders: Folders;
  const minded: MindedNode[] = [];
  const events: NodeEvent[] = [];

  before(async () => {
    base = mkdtempSync(join(tmpdir(), 'cairn-users-'));
    // So that nothing but the folders below keeps one out of another's.
    chmodSync(base, 0o755);
    mkdirSync(join(base, 'signers'));
    folders = new Folders(join(base, 'signers'));
    await makeFolders(folders, random);
    await settlePorts(folders);
    const users = nodeUsers();
    if (users) await started(users);
  });
  after(async () => {
    await Promise.all(minded.map((node) => node.stop()));
    rmSync(base, { recursive: true, force: true });
  });

  /** Their keys are of no matter here: no ceremony. */
  async function started(users: ReadonlyMap<number, number>): Promise<void> {
    for (const party of PARTIES) minded.push(new MindedNode(folders, party, users.get(party), (event) => events.push(event)));
    for (const node of minded) await node.start();
    for (const node of minded) strictEqual(await node.isReady(30_000), true, readFileSync(folders.log(node.party), 'utf8'));
  }

  const idsOf = (pid: number) => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const line = (name: string) => new RegExp(`^${name}:[^\\S\\n]*(.*?)[^\\S\\n]*$`, 'm').exec(status)![1]!.split(/\s+/).join(' ');
    return { uid: line('Uid'), gid: line('Gid'), groups: line('Groups'), capabilities: line('CapPrm') };
  };
  /** What a program of that user is told when it opens the file. */
  const opening = (path: string, uid: number) => spawnSync('cat', [path], { uid, gid: uid, cwd: '/', encoding: 'latin1' });

  it('are the processes of three different ones, none of them root in any way, who cannot read each other', async () => {
    const users = nodeUsers();
    if (!users) return console.log(LEFT_OUT);
    for (const node of minded) {
      const uid: number = users.get(node.party)!;
      const four: string = Array(4).fill(uid).join(' ');
      deepStrictEqual(idsOf(node.pid), { uid: four, gid: four, groups: '', capabilities: '0000000000000000' });
    }
    strictEqual(new Set(users.values()).size, PARTIES.length);
    for (const [party, uid] of users) {
      const own = folders.node(party);
      for (const name of readdirSync(own)) strictEqual(statSync(join(own, name)).uid, uid, name);
      for (const path of [join(own, 'store.json'), join(own, 'journal'), folders.operators(party, 'store.key')])
        strictEqual(opening(path, uid).status, 0, path);
      const closed = [
        ...PARTIES.filter((other) => other !== party).flatMap((other) => [
          ...readdirSync(folders.node(other)).map((name) => join(folders.node(other), name)),
          folders.operators(other, 'store.key'),
        ]),
        // Of what is its own operators', only the key of its store; of the platform's, nothing.
        ...['policy.key', 'recovery.key'].map((name) => folders.operators(party, name)),
        folders.coordinator,
        folders.log(party),
        folders.process(party),
      ];
      for (const path of closed) {
        strictEqual(existsSync(path), true, path);
        match(opening(path, uid).stderr, /Permission denied/, `user ${uid} opens ${path}`);
      }
    }
  });

  it('stay when one was killed and is started again, and are found by whoever starts after a kill', async () => {
    const users = nodeUsers();
    if (!users) return console.log(LEFT_OUT);
    const node = minded[1]!;
    const [first, four] = [node.pid, Array(4).fill(users.get(2)!).join(' ')];
    process.kill(first, 'SIGKILL');
    while (!events.some(({ kind }) => kind === 'restarted')) await sleep(20);
    strictEqual(await node.isReady(30_000), true);
    strictEqual(idsOf(node.pid).uid, four);
    // As after a SIGKILL of the platform: somebody else, who knows nothing but the folder.
    const next = new MindedNode(folders, 2, users.get(2), (event) => events.push(event));
    const orphan = JSON.parse(readFileSync(folders.process(2), 'utf8')) as ProcessIdentity;
    strictEqual(orphan.pid, node.pid);
    const isStopped = node.stop();
    await next.stopOrphan();
    await isStopped;
    strictEqual(isAlive(orphan), false);
    // All folders change hands at once, so the next start ends whoever is at work in any of them before.
    await Promise.all(minded.filter((one) => one !== node).map((one) => one.stop()));
    await takeBack(folders);
    strictEqual(statSync(join(folders.node(2), 'journal')).uid, 0);
    minded.splice(0, 3, ...[1, 3].map((party) => new MindedNode(folders, party, users.get(party), (event) => events.push(event))), next);
    for (const one of minded) await one.start();
    strictEqual(await next.isReady(30_000), true, readFileSync(folders.log(2), 'utf8'));
    strictEqual(idsOf(next.pid).uid, four);
  });

  it('cannot lead root out of their folder by a link that they leave in it', async () => {
    const users = nodeUsers();
    if (!users) return console.log(LEFT_OUT);
    await Promise.all(minded.splice(0).map((node) => node.stop()));
    const target = join(base, 'of-root');
    writeFileSync(target, 'of root', { mode: 0o600 });
    const link = join(folders.node(1), 'left');
    for (const leave of [symlinkSync, linkSync]) {
      leave(target, link);
      await rejects(handOver(folders, 1, users.get(1)!), { code: 'node/store-tampered' });
      await rejects(takeBack(folders), { code: 'node/store-tampered' });
      strictEqual(lstatSync(target).uid, 0);
      rmSync(link);
    }
    await handOver(folders, 1, users.get(1)!);
  });

  it('are numbers that nobody on the machine has', () => {
    const [passwd, group] = [join(base, 'passwd'), join(base, 'group')];
    const of = () => nodeUsers(passwd, group);
    if (!ROOT) return strictEqual(of(), undefined, 'whoever is not root cannot choose');
    deepStrictEqual([...of()!.values()], [60_801, 60_802, 60_803], 'neither file is there');
    writeFileSync(passwd, 'root:x:0:0:root:/root:/bin/sh\nanna:x:60803:60803::/home/anna:/bin/sh\n\n');
    deepStrictEqual([...of()!.values()], [60_811, 60_812, 60_813]);
    writeFileSync(group, 'root:x:0:\nstaff:x:60819:anna\n');
    deepStrictEqual([...of()!.values()], [60_821, 60_822, 60_823]);
    writeFileSync(group, Array.from({ length: 30 }, (_, i) => `g${i}:x:${60_801 + 10 * i}:\n`).join(''));
    throws(of, { code: 'node/no-os-user' });
  });

  it('are never root again, and never anybody whom somebody else than root chose', async () => {
    const run = (uid: number) => runCommand({ folder: folders.root, level: 'warn', untilInputEnds: true, uid, random });
    await rejects(run(ROOT ? 0 : 60_801), { code: 'cli/bad-arguments' });
  });
});
