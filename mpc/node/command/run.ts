import { dirname, relative, resolve, sep } from 'node:path';
import { pino } from 'pino';
import { Problem, systemClock, type RandomBytes } from '#base';
import { lockFolder, type FolderLock } from '../files/files.ts';
import { startNode, type NodeConfig } from '../process/process.ts';
import { readConfig } from './folder.ts';
import { providerOf } from './provider.ts';

/** Exit code of a node that may not be started again by a machine: its disk failed, or is an older one than its peers remember. */
export const OLD_OR_BROKEN_DISK = 3;

export interface RunOptions {
  readonly folder: string;
  readonly level: 'info' | 'warn';
  /** Stops when its standard input ends: then whoever started it is gone. */
  readonly untilInputEnds: boolean;
  /** As root: the user that it runs as from then on. */
  readonly uid: number | undefined;
  readonly random: RandomBytes;
}

/** Runs the node of this folder until a signal stops it, or until it can go on no longer. */
export async function runCommand({ folder: given, level, untilInputEnds, uid, random }: RunOptions): Promise<number> {
  const { folder, config, lock } =
    uid === undefined ? { folder: given, config: await readConfig(given), lock: undefined } : await giveUpRoot(resolve(given), uid);
  const log = pino({ level, base: { node: config.party } }, pino.destination({ sync: true }));
  let end: (code: number) => void;
  const ended = new Promise<number>((resolve) => (end = resolve));
  // After a fatal refusal nothing is closed in order: closing would say goodbye to peers with a state that is not on the disk.
  const onFatal = (problem: Problem): void => {
    log.fatal({ code: problem.code, facts: problem.facts }, problem.detail);
    process.exit(OLD_OR_BROKEN_DISK);
  };
  const node = await startNode({ folder, config, lock, provider: await providerOf(config), clock: systemClock, random, log, onFatal });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => end(0));
  if (untilInputEnds) process.stdin.once('end', () => end(0)).resume();
  const code = await ended;
  // A pipe that somebody still holds would keep the process from ending.
  process.stdin.destroy();
  log.info('The node stops.');
  await node.close();
  return code;
}

/** The node as it looks to its own user. */
interface Own {
  readonly folder: string;
  readonly config: NodeConfig;
  readonly lock: FolderLock;
}

/**
 * Nothing is opened, listened on or unsealed by root. The user may not walk down to the folder by its long name, so the process stands in it, and what lies beside it is found from there. The lock comes before, because SQLite
 * insists on the long name; the kernel keeps it for the process, whoever that runs as. cli/bad-arguments where we are not root, node/no-os-user where this root may not become the user.
 */
async function giveUpRoot(folder: string, uid: number): Promise<Own> {
  if (process.getuid?.() !== 0 || uid === 0) throw new Problem('cli/bad-arguments', '--uid is how root becomes somebody else, and nobody else does.');
  const config = await readConfig(folder);
  const lock = await lockFolder(folder);
  process.chdir(folder);
  try {
    process.setgroups!([]);
    process.setgid!(uid);
    process.setuid!(uid);
  } catch (cause) {
    throw new Problem('node/no-os-user', `This root may not become user ${uid} (${String((cause as NodeJS.ErrnoException).code)}).`, { uid }, cause);
  }
  const beside = `${dirname(folder)}${sep}`;
  const near = (_: string, value: unknown): unknown => (typeof value === 'string' && value.startsWith(beside) ? relative(folder, value) : value);
  return { folder: '.', config: JSON.parse(JSON.stringify(config), near) as NodeConfig, lock };
}
