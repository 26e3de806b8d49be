import { chmod, link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { fromHex, isHex, Problem, toHex, unreadable, type RandomBytes } from '#base';

/** Reads the local key of this name (a role of custody, the relayer, the deployer), or makes it: 32 bytes as hexadecimal, for its owner alone (0600 in a 0700 folder). */
export async function loadOrCreateKey(folder: string, name: string, random: RandomBytes): Promise<Uint8Array> {
  const file = join(folder, `${name}.key`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await createIfAbsent(file, random);
  return loadKey(file);
}

/** Whole or not at all: the key is written beside its place, made durable, and linked into it; a key that is there already stays. */
async function createIfAbsent(file: string, random: RandomBytes): Promise<void> {
  if (await exists(file)) return;
  const key = toHex(secp256k1.utils.randomSecretKey(random(48)));
  const draft = `${file}.${Buffer.from(random(8)).toString('hex')}.new`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${key}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await chmod(draft, 0o600);
  await link(draft, file).catch((error: NodeJS.ErrnoException) => {
    // Another process was first: its key is the key.
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft);
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

/** The key in this file. custody/bad-key-file where others can read it or there is none in it, cli/bad-file where it cannot be read. */
export async function loadKey(file: string): Promise<Uint8Array> {
  const { mode } = await stat(file).catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  if ((mode & 0o077) !== 0) throw new Problem('custody/bad-key-file', `${file} can be read by others than its owner.`);
  const content = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  const text = content.trim();
  if (!isHex(text, 32) || !secp256k1.utils.isValidSecretKey(fromHex(text))) throw new Problem('custody/bad-key-file', `${file} holds no key.`);
  return fromHex(text);
}
