import { readFileSync, type Stats } from 'node:fs';
import { chmod, chown, lchown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '#base';
import { PARTIES, type Folders } from './folders.ts';

/** A number that neither systemd nor Debian gives to anybody by itself (systemd's UIDS-GIDS, Debian Policy 9.2.2), below the 65536 that a container maps. */
const FIRST = 60_801;
const BLOCK = 10;
const BLOCKS = 30;
const ROOT = 0;
/** Others pass through, to what they know the name of and may read; nobody lists. */
const PASSAGE = 0o711;

/**
 * Whom each node runs as, by party: user and group ids of one number, which need no entry in /etc/passwd and have none. The first ten numbers from 60801 on of which this machine's users and groups have none, so that every
 * start on it finds the same. Undefined where we are not root, and where there is no /proc to reach the sources by. node/no-os-user.
 */
export function nodeUsers(passwd = '/etc/passwd', group = '/etc/group'): ReadonlyMap<number, number> | undefined {
  if (process.getuid?.() !== ROOT || process.platform !== 'linux') return undefined;
  const taken = new Set([...idsIn(passwd), ...idsIn(group)]);
  for (let first = FIRST; first < FIRST + BLOCKS * BLOCK; first += BLOCK) {
    const isFree = Array.from({ length: BLOCK }, (_, i) => first + i).every((id) => !taken.has(id));
    if (isFree) return new Map(PARTIES.map((party) => [party, first + party - 1]));
  }
  throw new Problem('node/no-os-user', `Every ten numbers from ${FIRST} to ${FIRST + BLOCKS * BLOCK - 1} have a user or group of this machine.`);
}

/** The third field of both files is the number. */
function idsIn(file: string): number[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => Number(line.split(':')[2] ?? NaN));
  } catch (error) {
    // A minimal container has neither, and nobody in it but root.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Gives a node that does not run its folder, the key of its store, and a look at what its operators registered, merchants' keys and bands of rates. What else is its operators' stays root's, as does the folder above. node/store-tampered, node/no-os-user. */
export async function handOver(folders: Folders, party: number, uid: number): Promise<void> {
  await owning(async () => {
    await take(folders.node(party));
    for (const folder of [folders.root, folders.operators(party, '')]) await chmod(folder, PASSAGE);
    await chown(folders.operators(party, 'store.key'), uid, uid);
    for (const registered of ['merchants.json', 'rates.json'].map((name) => folders.operators(party, name))) {
      if (!(await lookAt(registered))) continue;
      await chown(registered, ROOT, uid);
      await chmod(registered, 0o640);
    }
    await give(folders.node(party), uid);
  });
}

/** Before we write in the nodes' folders ourselves: what a node left there must not lead our hand to somewhere else. node/store-tampered, node/no-os-user. */
export async function takeBack(folders: Folders): Promise<void> {
  await owning(async () => {
    for (const party of PARTIES) await take(folders.node(party));
  });
}

/** A folder before what is in it: nobody puts anything there from then on. */
async function take(path: string): Promise<void> {
  const found = await lookAt(path);
  if (!found) return;
  if (!found.isDirectory() && !(found.isFile() && found.nlink === 1))
    throw new Problem('node/store-tampered', `${path} is neither a folder nor a file with one name, and no node makes such a thing.`, { file: path });
  await lchown(path, ROOT, ROOT);
  if (!found.isDirectory()) return;
  await chmod(path, 0o700);
  for (const name of await readdir(path)) await take(join(path, name));
}

/** A folder after what is in it. */
async function give(path: string, uid: number): Promise<void> {
  const found = await lookAt(path);
  if (found?.isDirectory()) for (const name of await readdir(path)) await give(join(path, name), uid);
  await lchown(path, uid, uid);
}

async function lookAt(path: string): Promise<Stats | undefined> {
  return lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

async function owning(work: () => Promise<void>): Promise<void> {
  await work().catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPERM' && error.code !== 'EINVAL') throw error;
    throw new Problem('node/no-os-user', `This root may not give files to other users (${error.code}).`, {}, error);
  });
}
