import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Problem } from '#base';

/** SQLITE_BUSY: somebody else holds the lock. */
const BUSY = 5;

export interface FolderLock {
  release(): void;
}

/**
 * One process at a time: the operating system's own lock on a file of the folder, taken through SQLite because Node has no flock. The kernel gives it back when the process ends, by SIGKILL too, so that
 * there is no stale lock file to judge. node/folder-locked while another holds it.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(join(folder, 'lock'), { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode=MEMORY; PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    if ((cause as { errcode?: number }).errcode !== BUSY) throw cause;
    throw new Problem('node/folder-locked', `Another process works in ${folder}.`, { folder }, cause);
  }
  return { release: () => database.close() };
}
