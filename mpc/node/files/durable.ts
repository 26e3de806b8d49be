import { lstat, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the entries of a folder durable: without it a rename or an unlink may be undone by a power loss. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * The old bytes or the new ones, never a mixture: a draft beside it, fsync, rename, fsync of the folder. 0600 where it is new; a file that it replaces keeps its mode and, where we are root, its owners: what a node
 * of another user reads, it goes on reading.
 */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  const before = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  // The draft of a process that was killed is nobody's.
  await rm(draft, { force: true });
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    if (before?.isFile()) await handle.chmod(before.mode & 0o777);
    if (before?.isFile() && process.getuid?.() === 0) await handle.chown(before.uid, before.gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, path);
  await syncFolder(dirname(path));
}

/** Whether there is a file, or anything else, of this name. */
export async function isPresent(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

/** The whole file, or undefined where there is none. */
export async function readIfPresent(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/**
 * Overwrites with zeros, fsync, unlink, fsync of the folder. What overwriting promises: on a plain file system over a magnetic disk the bytes are gone. On SSDs (wear levelling), copy-on-write and
 * journalling file systems, and wherever snapshots or backups are taken, the old blocks may live on; there the promise rests on the seal alone: whoever finds the blocks still needs the store's key, and a
 * store whose key may be known is healed by a refresh, not by erasing.
 */
export async function eraseFile(path: string): Promise<void> {
  const handle = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!handle) return;
  try {
    const { size } = await handle.stat();
    await handle.write(new Uint8Array(size), 0, size, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}
