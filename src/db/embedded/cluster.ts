import { spawn, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { assert, Problem } from '#base';
import { endProcess, fileProblem, findProcess, launchDetached } from '#supervisor';
import { toProblem } from '../errors.ts';
import { isStillEnding, startProblem } from './diagnose.ts';
import type { OsUser } from './osUser.ts';
import { DATABASE, dataOf, logOf, OWNER, urlOf, type Place } from './place.ts';

/** The major version of the binaries we ship: data of another one is refused, never converted in passing. */
const MAJOR = '18';

/** Of warnings and errors only, a long time's worth. */
const LOG_BYTES = 10_000_000;

/** SIGINT is PostgreSQL's fast shutdown: transactions are rolled back, a checkpoint is written. SIGQUIT leaves that to the next start, SIGKILL to luck with shared memory. */
const STOP = [
  ['SIGINT', 30_000],
  ['SIGQUIT', 10_000],
  ['SIGKILL', 5_000],
] as const;

export interface Cluster {
  readonly binaries: string;
  readonly user: OsUser | undefined;
  /** Settings of postgresql.conf, given on the command line. */
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * Only our own machine may connect, by password; a commit is on the disk when it is answered; logical decoding is possible, and a consumer that stands still
 * loses its slot before it fills the disk.
 */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  wal_level: 'logical',
  max_replication_slots: '20',
  max_wal_senders: '20',
  max_slot_wal_keep_size: '1GB',
  max_connections: '200',
  log_min_messages: 'warning',
};

/** The data directory exists, is ours, and is of our version. initdb works beside it and the result is renamed: a killed start leaves nothing half made. */
export async function ensureData(cluster: Cluster, place: Place): Promise<void> {
  const data = dataOf(place);
  if (!existsSync(data)) await initialise(cluster, place);
  const version = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  if (version !== MAJOR) {
    throw new Problem('store/other-version', `${data} was written by PostgreSQL ${version}; this is ${MAJOR}.`, { data, version });
  }
}

async function initialise(cluster: Cluster, place: Place): Promise<void> {
  const fresh = `${dataOf(place)}.new`;
  const passwordFile = join(place.folder, 'password.new');
  try {
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { mode: 0o700 });
    writeFileSync(passwordFile, place.password, { mode: 0o600 });
    if (cluster.user) for (const path of [fresh, passwordFile]) chownSync(path, cluster.user.uid, cluster.user.gid);
    const output = await run(cluster, 'initdb', [
      `--pgdata=${fresh}`,
      `--username=${OWNER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // Sorting by code point, the same on every machine and in every release; messages in English, because we read them.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
    ]);
    if (output !== undefined) throw startProblem(output, logOf(place));
    renameSync(fresh, dataOf(place));
  } catch (error) {
    throw fileProblem(error, place.folder);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/** undefined when it went well, else what it printed. */
async function run({ binaries, user }: Cluster, program: string, args: readonly string[]): Promise<string | undefined> {
  const child = spawn(join(binaries, 'bin', program), args, { cwd: '/', env: environment(), stdio: ['ignore', 'pipe', 'pipe'], ...user });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise((resolve) => child.once('close', resolve).once('error', (error) => ((output += error.message), resolve(-1))));
  return code === 0 ? undefined : output;
}

/** Nothing of the caller's PG* variables; the folder we stand in may be unreadable to the server's user, so neither that. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' };
}

/** Ends a server that an earlier, killed process of ours left on this data directory. */
export async function stopOrphan(place: Place): Promise<boolean> {
  const pidFile = join(dataOf(place), 'postmaster.pid');
  const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8').split('\n')[0]) : NaN;
  const orphan = Number.isInteger(pid) && pid > 1 ? findProcess(pid, dataOf(place)) : undefined;
  if (!orphan) {
    // After a reboot the number in it may be another program's, which PostgreSQL would take for its own server still running.
    rmSync(pidFile, { force: true });
    return false;
  }
  assert(await endProcess(orphan, STOP), `the PostgreSQL left behind as process ${pid} cannot be ended`);
  return true;
}

/** Starts the server and waits until it answers; recovery after a crash is waited for. */
export async function launch(cluster: Cluster, place: Place): Promise<ChildProcess> {
  rotateLog(place);
  for (let waitedMs = 0; ; waitedMs += 200) {
    const logged = logSize(place);
    const child = await launchOnce(cluster, place);
    if (await answers(child, place)) return child;
    const output = readFileSync(logOf(place), 'utf8').slice(logged);
    if (!isStillEnding(output) || waitedMs > 10_000) throw startProblem(output, logOf(place));
    await sleep(200);
  }
}

async function launchOnce({ binaries, user, settings }: Cluster, place: Place): Promise<ChildProcess> {
  const args = Object.entries({ ...SETTINGS, ...settings, port: String(place.port) }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  try {
    return await launchDetached({
      command: join(binaries, 'bin', 'postgres'),
      args: ['-D', dataOf(place), ...args],
      cwd: '/',
      env: environment(),
      logFile: logOf(place),
      user,
    });
  } catch (error) {
    throw fileProblem(error, logOf(place));
  }
}

/** The log before this one is kept; what came before that is not. */
function rotateLog(place: Place): void {
  if (logSize(place) > LOG_BYTES) renameSync(logOf(place), `${logOf(place)}.1`);
}

function logSize(place: Place): number {
  return existsSync(logOf(place)) ? statSync(logOf(place)).size : 0;
}

/** True once it takes a connection, false when it ended first. */
async function answers(child: ChildProcess, place: Place): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    if (await connects(place)) return true;
    await sleep(25);
  }
  return false;
}

async function connects(place: Place): Promise<boolean> {
  const client = new pg.Client({ connectionString: urlOf(place, 'postgres'), connectionTimeoutMillis: 2000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (rows.length === 0) await client.query(`create database ${DATABASE}`);
    return true;
  } catch (error) {
    // Refused, "starting up", too slow or cut off in the middle will pass, and where the server has ended that is seen by itself; anything else will not.
    const problem = toProblem(error);
    if (problem instanceof Problem && problem.code === 'store/unreachable') return false;
    throw problem;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Fast shutdown: open transactions are rolled back, what was committed is on the disk. */
export async function stop(child: ChildProcess, place: Place): Promise<void> {
  const server = child.pid === undefined ? undefined : findProcess(child.pid, dataOf(place));
  if (server) assert(await endProcess(server, STOP), `PostgreSQL, process ${server.pid}, cannot be ended`);
}
