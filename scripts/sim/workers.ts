import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Report } from '#sim';

/** What a seed that never ends is reported as. */
const HANGS = 'everything goes on';
/** Longer than any seed takes, for each of its operations; a second for the beginning. */
const MS_AN_OPERATION = 4;
const MS_A_SEED = 30_000;

export interface Job {
  readonly seed: number;
  readonly operations: number;
}

export interface Team {
  /** The clone whose sources are run. */
  readonly root: string;
  readonly workers: number;
  /** The next seed, or null when there are no more. */
  readonly next: () => Job | null;
  readonly onReport: (report: Report) => void;
}

/** Runs seeds in processes of their own until there are no more, one a process at a time. */
export async function runSeeds({ root, workers, next, onReport }: Team): Promise<void> {
  const work = async (): Promise<void> => {
    for (let job = next(), child = start(root); ; job = next()) {
      if (!job) {
        child.disconnect();
        return;
      }
      const report = await runOne(child, job);
      if (!child.connected) child = start(root);
      onReport(report);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
}

function start(root: string): ReturnType<typeof fork> {
  return fork(join(root, 'test', 'sim', 'child.ts'), [], {
    cwd: root,
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
}

function runOne(child: ReturnType<typeof fork>, job: Job): Promise<Report> {
  return new Promise((resolve) => {
    const failed = (what: string): Report => {
      const finding = { check: HANGS, what: `${HANGS}: ${what}`, step: 0, lately: [] };
      return { ...job, records: 0, steps: 0, counts: {}, digest: '', finding };
    };
    const done = (report: Report): void => {
      clearTimeout(timer);
      child.removeAllListeners('message').removeAllListeners('exit');
      resolve(report);
    };
    const timer = setTimeout(
      () => {
        child.kill('SIGKILL');
        done(failed('the seed does not end'));
      },
      MS_A_SEED + MS_AN_OPERATION * job.operations,
    );
    child.once('message', (report) => done(report as Report));
    child.once('exit', (code, signal) => done(failed(`the process ended by ${signal ?? code}`)));
    child.send(job);
  });
}
