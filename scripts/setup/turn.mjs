/**
 * One set-up at a time in a clone. Turns are numbered files `turn-<n>` in a folder; the greatest number is the current one, and it is free when it says "done" or when the process it names is gone
 * (a crash leaves no lock behind that somebody has to delete). The next turn is taken by creating n + 1 with link(2), which exactly one process can do, content and all.
 */
import { linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 300;

/** @typedef {{ pid: number, born: string }} Identity a process, told apart from a later one with the same number by its start time */
/** @typedef {{ holder: Identity, child?: Identity | undefined, done?: boolean }} Ticket */

/**
 * The start time of a process as the system tells it, or undefined where there is no such process.
 * @param {number} pid
 * @returns {string | undefined}
 */
function bornAt(pid) {
  try {
    if (process.platform !== 'linux') return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
    // proc_pid_stat(5): state is field 3 and starttime field 22; the name in field 2 may hold spaces, so counting starts after its closing parenthesis.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** @param {number} pid @returns {Identity} */
function identify(pid) {
  return { pid, born: bornAt(pid) ?? 'gone' };
}

/** @param {Identity | undefined} identity */
function lives(identity) {
  return identity !== undefined && bornAt(identity.pid) === identity.born;
}

/**
 * The greatest turn taken so far; 0 before the first.
 * @param {string} folder
 */
function greatest(folder) {
  return Math.max(0, ...readdirSync(folder).map((name) => Number(/^turn-(\d+)$/.exec(name)?.[1] ?? 0)));
}

/** @param {string} folder @param {number} turn @returns {Ticket | undefined} */
function read(folder, turn) {
  try {
    return JSON.parse(readFileSync(join(folder, `turn-${turn}`), 'utf8'));
  } catch {
    return undefined;
  }
}

/** @param {string} folder @param {number} turn @param {Ticket} ticket */
function rewrite(folder, turn, ticket) {
  const fresh = join(folder, `fresh-${process.pid}`);
  writeFileSync(fresh, JSON.stringify(ticket));
  renameSync(fresh, join(folder, `turn-${turn}`));
}

/**
 * Writes down what only shortens the wait of the next one: on a full disk it is left out, and the ticket's process being gone says the same.
 * @param {string} folder @param {number} turn @param {Ticket} ticket
 */
function note(folder, turn, ticket) {
  try {
    rewrite(folder, turn, ticket);
  } catch (error) {
    if (!/ENOSPC|EDQUOT|EROFS/.test(String(error))) throw error;
  }
}

/** Tries to take the turn after `turn`. @param {string} folder @param {number} turn @param {Ticket} ticket */
function take(folder, turn, ticket) {
  const fresh = join(folder, `fresh-${process.pid}`);
  writeFileSync(fresh, JSON.stringify(ticket));
  try {
    linkSync(fresh, join(folder, `turn-${turn + 1}`));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(fresh, { force: true });
  }
  // Whoever was slow may have created a number below the current one, already swept away: that one is not a turn.
  if (greatest(folder) !== turn + 1) {
    rmSync(join(folder, `turn-${turn + 1}`), { force: true });
    return false;
  }
  for (let old = turn; old > 0 && read(folder, old); old--) rmSync(join(folder, `turn-${old}`), { force: true });
  return true;
}

/** Ends the children of a set-up that was killed: they would go on writing into the folders that the next one fills. @param {Identity} child */
async function endOrphan(child) {
  while (lives(child)) {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It ended by itself in between.
    }
    await sleep(50);
  }
}

/**
 * Waits for its turn, runs `act` in it, and gives the turn back.
 * @template T
 * @param {string} folder
 * @param {{ onWait: (pid: number) => void }} options
 * @param {(turn: { child(pid: number | undefined): void }) => Promise<T>} act `child` names the process group that writes on our behalf
 * @returns {Promise<T>}
 */
export async function inTurn(folder, options, act) {
  mkdirSync(folder, { recursive: true });
  const holder = identify(process.pid);
  let told = false;
  for (;;) {
    const turn = greatest(folder);
    const current = read(folder, turn);
    if (current && !current.done && lives(current.holder)) {
      if (!told) options.onWait(current.holder.pid);
      told = true;
      await sleep(POLL_MS);
      continue;
    }
    if (current?.child && !current.done) await endOrphan(current.child);
    if (!take(folder, turn, { holder })) continue;
    try {
      return await act({ child: (pid) => note(folder, turn + 1, { holder, child: pid === undefined ? undefined : identify(pid) }) });
    } finally {
      note(folder, turn + 1, { holder, done: true });
    }
  }
}
