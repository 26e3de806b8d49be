import { DatabaseSync } from 'node:sqlite';
import { Problem, type ProblemCode } from '#base';

/** Result codes, https://www.sqlite.org/rescode.html. */
const SQLITE_BUSY = 5;
const PROBLEMS_OF_SQLITE: Readonly<Record<number, ProblemCode>> = {
  8: 'store/read-only',
  10: 'store/read-only', // an input or output error
  13: 'store/disk-full',
  14: 'store/read-only', // cannot open the file
};

export interface Lock {
  release(): void;
}

/**
 * Takes the lock that `path` stands for, or returns undefined where a living process has it. Node has no flock; SQLite's lock on its file is the kernel's,
 * so it ends with the process however that dies, and no stale pid has to be judged.
 */
export function acquireLock(path: string): Lock | undefined {
  try {
    const database = new DatabaseSync(path, { timeout: 0 });
    return begin(database) ? { release: () => database.close() } : undefined;
  } catch (cause) {
    const { errcode = 0 } = cause as { errcode?: number };
    const code = PROBLEMS_OF_SQLITE[errcode];
    throw code ? new Problem(code, `The lock ${path} cannot be written.`, { path }, cause) : cause;
  }
}

function begin(database: DatabaseSync): boolean {
  try {
    database.exec('begin exclusive');
    return true;
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return false;
    throw error;
  }
}
