import { DatabaseSync } from 'node:sqlite';

export interface Lock {
  release(): void;
}

/**
 * Takes the lock that `path` stands for, or returns undefined where a living process has it. Node has no flock; SQLite's lock on its file is the kernel's,
 * so it ends with the process however that dies, and no stale pid has to be judged.
 */
export function acquireLock(path: string): Lock | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('begin exclusive');
  } catch (error) {
    database.close();
    const { errcode } = error as { errcode?: number };
    // SQLITE_BUSY, https://www.sqlite.org/rescode.html
    if (errcode === 5) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}
