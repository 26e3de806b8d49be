import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

export const ROOT = join(import.meta.dirname, '..', '..');

export interface Outcome {
  readonly code: number;
  /** Everything it printed, without colours. */
  readonly output: string;
  readonly seconds: number;
  readonly overtime: boolean;
}

/**
 * Runs a JavaScript program under this Node in the clone's root, showing its output as it comes, or at its end where `show` keeps it until then.
 * @param program path from the root, for example `node_modules/mocha/bin/mocha.js`
 * @param limitMs after which it is ended and reported as overtime
 */
export function runProgram(
  program: string,
  args: readonly string[],
  limitMs: number,
  show: (text: string, stream: NodeJS.WriteStream) => void = (text, stream) => void stream.write(text),
): Promise<Outcome> {
  const started = Date.now();
  const env = { ...process.env, ...(process.stdout.isTTY && { FORCE_COLOR: '1' }) };
  const child = spawn(process.execPath, [join(ROOT, program), ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    show(text, process.stdout);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    show(text, process.stderr);
  });
  let overtime = false;
  const timer = setTimeout(() => {
    overtime = true;
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 10_000).unref();
  }, limitMs);
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGINT', forward).on('SIGTERM', forward);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    // `exit` and not `close`: a server that outlives a suite keeps the pipe open, and must not keep us.
    child.on('exit', (code) => {
      clearTimeout(timer);
      process.off('SIGINT', forward).off('SIGTERM', forward);
      setImmediate(() => resolve({ code: code ?? 1, output: stripVTControlCharacters(output), seconds: (Date.now() - started) / 1000, overtime }));
    });
  });
}
