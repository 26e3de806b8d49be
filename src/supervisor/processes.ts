import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process and not merely a number that the system may have given to another one since. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the system's own words. */
  readonly started: string;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Appended to with everything the process prints. */
  readonly logFile: string;
  /** Whom to run as, where that is not ourselves. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

/**
 * Starts a process in a session of its own: Ctrl-C in the terminal reaches us only, who stop it in order. It outlives us where we are killed; whoever
 * starts next finds and ends it.
 */
export async function launchDetached({ command, args, cwd, env, logFile, user }: Launch): Promise<ChildProcess> {
  const log = openSync(logFile, 'a', 0o600);
  try {
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', log, log], ...user });
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    return child;
  } finally {
    closeSync(log);
  }
}

/** The running process of that number whose command line contains `mark` (the path of its data, say); undefined where there is none, or it is another's. */
export function findProcess(pid: number, mark: string): ProcessIdentity | undefined {
  const identity = identify(pid);
  return identity && commandLine(pid).includes(mark) ? identity : undefined;
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.started === identity.started;
}

/** Sends each signal in turn until the process is gone, giving it the stated time for each. False where it survived them all. */
export async function endProcess(identity: ProcessIdentity, signals: readonly (readonly [signal: NodeJS.Signals, waitMs: number])[]): Promise<boolean> {
  for (const [signal, waitMs] of signals) {
    if (!isAlive(identity)) return true;
    signalProcess(identity.pid, signal);
    for (let waited = 0; waited < waitMs && isAlive(identity); waited += 20) await sleep(20);
  }
  return !isAlive(identity);
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended between our look and our signal.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function identify(pid: number): ProcessIdentity | undefined {
  if (process.platform !== 'linux') return identifyByPs(pid);
  const stat = readProc(pid, 'stat');
  // proc(5): fields after the command's closing parenthesis are state (3rd) ... starttime (22nd). A zombie has ended; only its parent has not looked yet.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields?.[19] === undefined || fields[0] === 'Z' ? undefined : { pid, started: fields[19] };
}

function identifyByPs(pid: number): ProcessIdentity | undefined {
  const [state, ...started] = ps(pid, 'state=,lstart=').split(/\s+/);
  return !state || state.startsWith('Z') ? undefined : { pid, started: started.join(' ') };
}

function commandLine(pid: number): string {
  return process.platform === 'linux' ? (readProc(pid, 'cmdline') ?? '').replaceAll('\0', ' ') : ps(pid, 'command=');
}

function readProc(pid: number, file: 'stat' | 'cmdline'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}

function ps(pid: number, columns: string): string {
  return spawnSync('ps', ['-o', columns, '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
}
