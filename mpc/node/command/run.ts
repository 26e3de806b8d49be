import { pino } from 'pino';
import { Problem, systemClock, type RandomBytes } from '#base';
import { startNode } from '../process/process.ts';
import { readConfig } from './folder.ts';
import { providerOf } from './provider.ts';

/** Exit code of a node that may not be started again by a machine: its disk failed, or is an older one than its peers remember. */
export const OLD_OR_BROKEN_DISK = 3;

export interface RunOptions {
  readonly folder: string;
  readonly level: 'info' | 'warn';
  /** Stops when its standard input ends: then whoever started it is gone. */
  readonly untilInputEnds: boolean;
  readonly random: RandomBytes;
}

/** Runs the node of this folder until a signal stops it, or until it can go on no longer. */
export async function runCommand({ folder, level, untilInputEnds, random }: RunOptions): Promise<number> {
  const config = await readConfig(folder);
  const log = pino({ level, base: { node: config.party } }, pino.destination({ sync: true }));
  let end: (code: number) => void;
  const ended = new Promise<number>((resolve) => (end = resolve));
  // After a fatal refusal nothing is closed in order: closing would say goodbye to peers with a state that is not on the disk.
  const onFatal = (problem: Problem): void => {
    log.fatal({ code: problem.code, facts: problem.facts }, problem.detail);
    process.exit(OLD_OR_BROKEN_DISK);
  };
  const node = await startNode({ folder, config, provider: await providerOf(config), clock: systemClock, random, log, onFatal });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => end(0));
  if (untilInputEnds) process.stdin.once('end', () => end(0)).resume();
  const code = await ended;
  // A pipe that somebody still holds would keep the process from ending.
  process.stdin.destroy();
  log.info('The node stops.');
  await node.close();
  return code;
}
