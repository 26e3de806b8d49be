import { spawn } from 'node:child_process';
import { join } from 'node:path';

export interface Ended {
  /** What the child told before it ended, line by line. */
  readonly told: readonly string[];
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly stderr: string;
}

export interface Child {
  /** Resolves when the child has told this. */
  saw(line: string): Promise<void>;
  kill(): void;
  readonly ended: Promise<Ended>;
}

const CHILD = join(import.meta.dirname, 'child.ts');

/** A scenario of child.ts in a process of its own. `shell` is put before the command, to limit what the process may do. */
export function start(root: string, scenario: string, point = '', shell = ''): Child {
  const child = spawn('bash', ['-c', `${shell} exec "$0" "$@"`, process.execPath, CHILD, root, scenario, point], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, stderr] = ['', ''];
  const waiting = new Map<string, () => void>();
  const lines = () => out.split('\n').slice(0, -1);
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString();
    for (const line of lines()) waiting.get(line)?.();
  });
  const ended = new Promise<Ended>((resolve) => child.on('close', (code, signal) => resolve({ told: lines(), code, signal, stderr })));
  return {
    ended,
    kill: () => void child.kill('SIGKILL'),
    async saw(line) {
      const seen = new Promise<void>((resolve) => waiting.set(line, resolve));
      if (lines().includes(line)) return;
      await Promise.race([seen, ended]);
    },
  };
}
