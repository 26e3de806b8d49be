import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '#base';
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
  const file = join(stateDir, 'postgres.json');
  const place = existsSync(file) ? readPlace(file) : newPlace(stateDir, user);
  try {
    if (!existsSync(file)) await savePlace(stateDir, place);
    mkdirSync(place.folder, { recursive: true });
    // The server's user passes through here to its data; only the data is its own.
    chmodSync(place.folder, 0o711);
  } catch (error) {
    throw fileProblem(error, place.folder);
  }
  return place;
}

export async function savePlace(stateDir: string, place: Place): Promise<void> {
  await writeFileDurably(join(stateDir, 'postgres.json'), `${JSON.stringify(place, null, 2)}\n`);
}

function readPlace(file: string): Place {
  const place = JSON.parse(readFileSync(file, 'utf8')) as Place;
  assert(typeof place.folder === 'string' && typeof place.port === 'number' && typeof place.password === 'string', `${file} is damaged`);
  return place;
}

/** Inside the state directory where the server's user can get there; else in the system's, under a name of its own. */
function newPlace(stateDir: string, user: OsUser | undefined): Place {
  const reachable = !user || isReachable(stateDir);
  const folder = reachable ? join(stateDir, 'postgres') : join(SYSTEM_STATE, randomBytes(8).toString('hex'));
  return { folder, port: 0, password: randomBytes(24).toString('hex') };
}
