import { existsSync, lstatSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fileProblem, findProcess } from '#supervisor';
import { SYSTEM_STATE } from './binaries.ts';
import { CLONE_MARK, STATE_DIR_MARK } from './place.ts';

/** A database outside of its state directory that nothing leads to any more: its state directory, with the password and the port, is gone. */
export interface AbandonedPlace {
  readonly folder: string;
  /** The state directory that it belonged to. */
  readonly stateDir: string;
  /** The clone that made it; null where that was not written down yet. */
  readonly clone: string | null;
  readonly bytes: number;
}

/** All that ever stands in a place of ours. */
const OURS = new Set(['data', 'data.new', 'password.new', 'postgres.log', 'postgres.log.1', STATE_DIR_MARK, CLONE_MARK]);

/**
 * Those below `root` that are provably ours, stopped, and whose state directory is gone. Whatever leaves a doubt is none of them, and so is everything where another user's databases are: he may not look
 * into them, nor see whether a state directory in somebody's home is still there.
 */
export function abandonedPlaces(root = SYSTEM_STATE): readonly AbandonedPlace[] {
  if (!existsSync(root) || lstatSync(root).uid !== process.getuid?.()) return [];
  return readdirSync(root)
    .filter((name) => /^[0-9a-f]{16}$/.test(name))
    .map((name) => join(root, name))
    .flatMap((folder) => {
      const stateDir = abandonedBy(root, folder);
      if (stateDir === null) return [];
      return [{ folder, stateDir, clone: markOf(folder, CLONE_MARK), bytes: bytesOf(folder) }];
    });
}

/** Removes it, unless something has changed since it was looked at. What a crash in the middle leaves is found again: the mark that says whose it was goes last. */
export function removeAbandoned({ folder }: AbandonedPlace, root = SYSTEM_STATE): boolean {
  if (abandonedBy(root, folder) === null) return false;
  try {
    for (const name of readdirSync(folder).filter((each) => each !== STATE_DIR_MARK)) rmSync(join(folder, name), { recursive: true });
    rmSync(join(folder, STATE_DIR_MARK));
    rmdirSync(folder);
    return true;
  } catch (error) {
    throw fileProblem(error, folder);
  }
}

/** The state directory that is gone; null where this is not provably an abandoned place. */
function abandonedBy(root: string, folder: string): string | null {
  const place = lstatSync(folder);
  if (!place.isDirectory() || place.uid !== lstatSync(root).uid || readdirSync(folder).some((name) => !OURS.has(name))) return null;
  const stateDir = markOf(folder, STATE_DIR_MARK);
  if (stateDir === null || !isAbsolute(stateDir) || existsSync(stateDir)) return null;
  return isRunning(folder) ? null : stateDir;
}

function markOf(folder: string, mark: string): string | null {
  const file = join(folder, mark);
  return existsSync(file) && lstatSync(file).isFile() ? readFileSync(file, 'utf8') : null;
}

function isRunning(folder: string): boolean {
  const data = join(folder, 'data');
  const pidFile = join(data, 'postmaster.pid');
  if (!existsSync(pidFile)) return false;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  return !Number.isInteger(pid) || pid <= 1 || findProcess(pid, data) !== undefined;
}

function bytesOf(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, entry) => sum + lstatSync(join(entry.parentPath, entry.name)).size, 0);
}
