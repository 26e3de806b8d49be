import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Problem, utf8 } from '#base';
import { endProcess, findProcess, isAlive, type ProcessIdentity } from '#supervisor';
import { openDesk } from '../command/desk.ts';
import { OLD_OR_BROKEN_DISK } from '../command/run.ts';
import { readIfPresent, writeDurably } from '../files/files.ts';
import type { Folders } from './folders.ts';
import { handOver } from './users.ts';

export type NodeEvent =
  /** Its process was left over by a start that was killed. */
  | { readonly kind: 'orphan-stopped'; readonly party: number }
  | { readonly kind: 'restarted'; readonly party: number }
  /** It ended too often, or by a failure that nobody may start it over; its log has the reason. */
  | { readonly kind: 'lost'; readonly party: number; readonly log: string };

const SOURCES = fileURLToPath(new URL('../../../', import.meta.url));
const CLI = 'src/cli.ts';
/**
 * A node with a user of its own may not walk down to a clone in somebody's home. It is handed the folder of the sources, already open, as descriptor 3, and finds all of them below that; without the flags Node would put
 * the long name back.
 */
const BY_DESCRIPTOR = ['--preserve-symlinks', '--preserve-symlinks-main', `/proc/self/fd/3/${CLI}`];
const POLL_MS = 50;
/** A node that ends by itself is started again after so long, so often at most. */
const RESTART_PAUSE_MS = 1_000;
const MOST_STARTS = 5;
/** Exit code of a node that refused its folder, its key or a file: it would do so again. */
const REFUSED = 1;
/** Where the reason of a node that ended is looked for: at the end of its log. */
const REASON_BYTES = 16_384;
/** A node closes its store in order when it is asked to. */
const END_SIGNALS = [
  ['SIGTERM', 10_000],
  ['SIGKILL', 5_000],
] as const;

/** One process of a node: started, started again, and ended. */
export class MindedNode {
  readonly party: number;
  readonly #folders: Folders;
  readonly #uid: number | undefined;
  readonly #onEvent: (event: NodeEvent) => void;
  #child: ChildProcess | undefined;
  #identity: ProcessIdentity | undefined;
  #isWanted = false;
  #hasAnswered = false;
  #isLost = false;
  #starts = 0;

  /** `uid`: of the OS user that it runs as, and of his group; undefined: as ourselves. */
  constructor(folders: Folders, party: number, uid: number | undefined, onEvent: (event: NodeEvent) => void) {
    this.#folders = folders;
    this.#uid = uid;
    this.party = party;
    this.#onEvent = onEvent;
  }

  /** It ended, and is not started again. */
  get isLost(): boolean {
    return this.#isLost;
  }

  get pid(): number {
    return this.#identity?.pid ?? 0;
  }

  /** A process that a killed start left behind has nobody: the lock of the folder above is ours. */
  async stopOrphan(): Promise<void> {
    const text = (await readIfPresent(this.#folders.process(this.party)))?.toString('utf8');
    if (text === undefined) return;
    const identity = JSON.parse(text) as ProcessIdentity;
    if (!isAlive(identity)) return;
    await endProcess(identity, END_SIGNALS);
    this.#onEvent({ kind: 'orphan-stopped', party: this.party });
  }

  /** Its environment is its own: nothing that the platform was given is in it. */
  async start(): Promise<void> {
    this.#isWanted = true;
    this.#starts++;
    const folder = this.#folders.node(this.party);
    if (this.#uid !== undefined) await handOver(this.#folders, this.party, this.#uid);
    const log = openSync(this.#folders.log(this.party), 'a', 0o600);
    const sources = openSync(SOURCES, 'r');
    try {
      const run = ['node', 'run', '--folder', folder, '--until-input-ends'];
      const args = this.#uid === undefined ? [join(SOURCES, CLI), ...run] : [...BY_DESCRIPTOR, ...run, '--uid', `${this.#uid}`];
      // In a session of its own, so that Ctrl-C reaches only us, who end it in order; and on a leash, so that it ends when we are killed.
      const child = spawn(process.execPath, args, {
        cwd: folder,
        env: { PATH: process.env['PATH'] ?? '', HOME: folder },
        detached: true,
        stdio: ['pipe', log, log, ...(this.#uid === undefined ? [] : [sources])],
      });
      await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
      this.#child = child;
      child.once('exit', () => void this.#ended(child));
    } finally {
      closeSync(log);
      closeSync(sources);
    }
    this.#identity = findProcess(this.#child.pid!, folder);
    if (this.#identity) await writeDurably(this.#folders.process(this.party), utf8(JSON.stringify(this.#identity)));
  }

  /**
   * Waits until it answers and all its peers have told it what they remember of it; where `isAnyLost`, until it answers, since a lost one tells it nothing. False after `patienceMs`, and where it ended for good.
   */
  async isReady(patienceMs: number, isAnyLost: () => boolean = () => false): Promise<boolean> {
    const desk = await openDesk(this.#folders.node(this.party));
    try {
      for (let waitedMs = 0; waitedMs < patienceMs && this.#isWanted && !this.#isLost; waitedMs += POLL_MS) {
        const status = await desk.ask('node/status', {}).catch((error: unknown) => {
          if (error instanceof Problem) return undefined;
          throw error;
        });
        if (status) this.#hasAnswered = true;
        if (status && (status['peersReady'] === true || isAnyLost())) return true;
        await sleep(POLL_MS);
      }
      return false;
    } finally {
      desk.close();
    }
  }

  /** What a node that ended said last of why, in one sentence that names the node. */
  async lastWords(): Promise<string> {
    const log = this.#folders.log(this.party);
    const handle = await open(log, 'r');
    try {
      const { size } = await handle.stat();
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(REASON_BYTES), 0, REASON_BYTES, Math.max(0, size - REASON_BYTES));
      const said = buffer
        .subarray(0, bytesRead)
        .toString('utf8')
        .split('\n')
        .findLast((line) => line.startsWith('cairn: '));
      return `Signer node ${this.party} ended at its start${said ? `: ${said.slice('cairn: '.length)}` : '.'} Its log is ${log}.`;
    } finally {
      await handle.close();
    }
  }

  async stop(): Promise<void> {
    this.#isWanted = false;
    this.#isLost = false;
    this.#starts = 0;
    const [child, identity] = [this.#child, this.#identity];
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    if (identity) await endProcess(identity, END_SIGNALS);
    else child.kill('SIGKILL');
    await ended;
  }

  async #ended(child: ChildProcess): Promise<void> {
    if (!this.#isWanted || child !== this.#child) return;
    const isRefused = child.exitCode === OLD_OR_BROKEN_DISK || (child.exitCode === REFUSED && !this.#hasAnswered);
    if (isRefused || this.#starts >= MOST_STARTS) {
      this.#isLost = true;
      return this.#onEvent({ kind: 'lost', party: this.party, log: this.#folders.log(this.party) });
    }
    await sleep(RESTART_PAUSE_MS);
    if (!this.#isWanted) return;
    await this.start();
    this.#onEvent({ kind: 'restarted', party: this.party });
  }
}
