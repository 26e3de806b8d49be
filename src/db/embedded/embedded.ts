import type { ChildProcess } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '#base';
import { acquireLock, fileProblem, findFreePort, isPortFree, type Lock } from '#supervisor';
import { locateBinaries } from './binaries.ts';
import { ensureData, launch, stop, stopOrphan, type Cluster } from './cluster.ts';
import { unprivilegedUser } from './osUser.ts';
import { findPlace, rememberedPlace, savePlace, urlOf, type Place } from './place.ts';

export type PostgresEvent =
  /** A server that an earlier, killed process had left running was stopped first. */
  | { readonly kind: 'orphan-stopped' }
  /** It ended without being asked to, and runs again; connections broke, what was committed is there. */
  | { readonly kind: 'restarted' }
  /** It ended and does not come back. */
  | { readonly kind: 'lost'; readonly error: unknown };

export interface PostgresOptions {
  /** Remembers port and password (postgres.json) and, where PostgreSQL's user can reach it, holds the data. */
  readonly stateDir: string;
  /** This port or none; without it a free one is found, kept over restarts while it is free. */
  readonly port?: number;
  /** Further settings of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly onEvent?: (event: PostgresEvent) => void;
}

export interface EmbeddedPostgres {
  /** Of the superuser, who owns the database `cairn`: for openDatabase, which makes lesser logins of it. */
  readonly url: string;
  /** Of the server's first process, which changes when it had to be started again. */
  pid(): number;
  /** Rolls back what is open, writes everything out, ends the server. Nothing runs when this returns. */
  stop(): Promise<void>;
}

/** A real PostgreSQL of our own, as an ordinary user or as root, minded until `stop`: started again when it ends by itself, found and ended when we were killed. */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const stateDir = makeStateDir(options.stateDir);
  const lock = takeLock(stateDir);
  try {
    const user = unprivilegedUser();
    const cluster: Cluster = { binaries: await locateBinaries(user), user, settings: options.settings ?? {} };
    const found = await findPlace(stateDir, user);
    if (await stopOrphan(found)) options.onEvent?.({ kind: 'orphan-stopped' });
    await ensureData(cluster, found);
    const place = await settlePort(stateDir, found, options.port);
    return mind(cluster, place, lock, await launch(cluster, place), options.onEvent ?? (() => undefined));
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The URL of the server that another process runs on this state directory, as it wrote it down. */
export function runningPostgres(stateDir: string): string {
  return urlOf(rememberedPlace(realpathSync(stateDir)));
}

function makeStateDir(stateDir: string): string {
  try {
    mkdirSync(stateDir, { recursive: true });
    return realpathSync(stateDir);
  } catch (error) {
    throw fileProblem(error, stateDir);
  }
}

function takeLock(stateDir: string): Lock {
  const lock = acquireLock(join(stateDir, 'postgres.lock'));
  if (!lock) throw new Problem('store/already-running', `Another process runs the database of ${stateDir}.`, { stateDir });
  return lock;
}

async function settlePort(stateDir: string, place: Place, wanted: number | undefined): Promise<Place> {
  if (wanted !== undefined && !(await isPortFree(wanted))) throw new Problem('store/port-busy', `Port ${wanted} is taken.`, { port: wanted });
  const kept = place.port !== 0 && (await isPortFree(place.port)) ? place.port : undefined;
  const settled = { ...place, port: wanted ?? kept ?? (await findFreePort()) };
  if (settled.port !== place.port) await savePlace(stateDir, settled);
  return settled;
}

/** Of one server that ended by itself, before it is given up. */
const MOST_STARTS = 5;
const START_PAUSE_MS = 200;

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function mind(cluster: Cluster, place: Place, lock: Lock, first: ChildProcess, onEvent: (event: PostgresEvent) => void): EmbeddedPostgres {
  let child = first;
  let stopping = false;
  let restarting: Promise<void> | undefined;

  const watch = (started: ChildProcess) => {
    child = started;
    // It may have ended already, between its first answer and now: then nobody tells.
    if (hasEnded(started)) onExit();
    else started.once('exit', onExit);
  };
  const restart = async () => {
    for (let starts = 1; ; starts++) {
      if (stopping) return;
      try {
        const started = await launch(cluster, place);
        onEvent({ kind: 'restarted' });
        watch(started);
        return;
      } catch (error) {
        // Killed again while it recovers, or short of something that another process gives back in a moment.
        if (starts >= MOST_STARTS) return onEvent({ kind: 'lost', error });
        await sleep(starts * START_PAUSE_MS);
      }
    }
  };
  const onExit = () => {
    if (!stopping) restarting = restart();
  };
  watch(first);

  return {
    url: urlOf(place),
    pid: () => child.pid!,
    stop: async () => {
      stopping = true;
      await restarting;
      await stop(child, place);
      lock.release();
    },
  };
}
