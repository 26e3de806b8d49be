import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert, Problem } from '#base';
import { fileProblem, writeFileDurably } from '#supervisor';
import { SYSTEM_STATE } from './binaries.ts';
import { isReachable, type OsUser } from './osUser.ts';

/** Where one embedded server lives and how to log in to it: the file postgres.json of the state directory, readable by its owner only. */
export interface Place {
  /** Holds data/ and postgres.log. */
  readonly folder: string;
  /** The port it had last, and takes again while it is free. */
  readonly port: number;
  /** Of the server's superuser, who also owns the database. */
  readonly password: string;
}

/** Not "cairn": PostgreSQL's default search path begins with the schema that is named like the user, and there is a schema of that name. */
export const OWNER = 'cairn_owner';
export const DATABASE = 'cairn';

export function urlOf(place: Place, database = DATABASE): string {
  return `postgres://${OWNER}:${place.password}@127.0.0.1:${place.port}/${database}`;
}

export function dataOf(place: Place): string {
  return join(place.folder, 'data');
}

export function logOf(place: Place): string {
  return join(place.folder, 'postgres.log');
}

/** The place remembered in `stateDir`, or a new one, written down before anything is made in it. */
export async function findPlace(stateDir: string, user: OsUser | undefined): Promise<Place> {
  const isKnown = hasEmbeddedPostgres(stateDir);
  const place = isKnown ? rememberedPlace(stateDir) : newPlace(stateDir, user);
  try {
    if (!isKnown) await savePlace(stateDir, place);
    mkdirSync(place.folder, { recursive: true });
    // The server's user passes through here to its data; only the data is its own.
    chmodSync(place.folder, 0o711);
    claim(stateDir, place);
  } catch (error) {
    throw fileProblem(error, place.folder);
  }
  return place;
}

/** Whether an embedded database was ever begun on this state directory, which itself need not be there. */
export function hasEmbeddedPostgres(stateDir: string): boolean {
  return existsSync(fileOf(stateDir));
}

export async function savePlace(stateDir: string, place: Place): Promise<void> {
  // Relative where it lies inside, so that a clone can be moved, or copied, together with its state.
  const remembered: Place = { ...place, folder: place.folder === join(stateDir, INSIDE) ? INSIDE : place.folder };
  await writeFileDurably(fileOf(stateDir), `${JSON.stringify(remembered, null, 2)}\n`);
}

const INSIDE = 'postgres';

/** Files of a place that say whose it is: the state directory that leads to it, and the clone that ran it last. */
export const STATE_DIR_MARK = 'state-dir';
export const CLONE_MARK = 'clone';

function fileOf(stateDir: string): string {
  return join(stateDir, 'postgres.json');
}

/** Written down by an earlier `findPlace`. Throws `store/damaged-state` where it is damaged. */
export function rememberedPlace(stateDir: string): Place {
  try {
    const { folder, port, password } = JSON.parse(readFileSync(fileOf(stateDir), 'utf8')) as Place;
    assert(typeof folder === 'string' && typeof port === 'number' && typeof password === 'string', 'a field is missing');
    return { folder: resolve(stateDir, folder), port, password };
  } catch (cause) {
    throw new Problem('store/damaged-state', `${fileOf(stateDir)}, which holds the password of the database, is damaged.`, { file: fileOf(stateDir) }, cause);
  }
}

/** Inside the state directory where the server's user can get there; else in the system's, under a name of its own. */
function newPlace(stateDir: string, user: OsUser | undefined): Place {
  const reachable = !user || isReachable(stateDir);
  const folder = reachable ? join(stateDir, INSIDE) : join(SYSTEM_STATE, randomBytes(8).toString('hex'));
  return { folder, port: 0, password: randomBytes(24).toString('hex') };
}

/**
 * A folder outside the state directory says whose it is. A copy of that state directory names the same folder, and two servers on one folder would be the
 * end of the data: the copy is refused as long as the original is there.
 */
function claim(stateDir: string, { folder }: Place): void {
  const mark = join(folder, STATE_DIR_MARK);
  const owner = existsSync(mark) ? readFileSync(mark, 'utf8') : stateDir;
  if (owner !== stateDir && hasEmbeddedPostgres(owner) && rememberedPlace(owner).folder === folder) {
    throw new Problem('store/state-copied', `${stateDir} is a copy: its database ${folder} belongs to ${owner}.`, { stateDir, owner, folder });
  }
  writeFileSync(mark, stateDir);
  writeFileSync(join(folder, CLONE_MARK), fileURLToPath(new URL('../../../', import.meta.url)));
}
