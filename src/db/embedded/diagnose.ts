import { Problem, type ProblemCode } from '#base';

/** What PostgreSQL's own last words mean, in the order they are looked for. */
const WORDS: readonly (readonly [RegExp, ProblemCode, string])[] = [
  [/No space left on device|Disk quota exceeded|Check free disk space/i, 'store/disk-full', 'The disk of the embedded database is full'],
  [/Read-only file system|Permission denied/i, 'store/read-only', 'The embedded database cannot write its files'],
  [/Address already in use|could not create any TCP\/IP sockets/i, 'store/port-busy', 'The port of the embedded database is taken'],
  [/database files are incompatible with server/i, 'store/other-version', 'The data directory was written by another major version of PostgreSQL'],
];

/** A failed initdb or postgres as a Problem: `output` is what it printed, `logFile` where the rest is. */
export function startProblem(output: string, logFile: string): Problem {
  for (const [words, code, sentence] of WORDS) {
    const line = lineWith(output, words);
    if (line !== undefined) return new Problem(code, `${sentence} (${line}).`, { logFile });
  }
  const reason = lineWith(output, /FATAL|PANIC|error/) ?? 'it gave no reason';
  return new Problem('store/start-failed', `PostgreSQL did not start: ${reason}; see ${logFile}.`, { logFile });
}

/** Without date, process number and severity. */
function lineWith(output: string, words: RegExp): string | undefined {
  const line = output.split('\n').find((each) => words.test(each));
  return line?.replace(/^.*?(FATAL|PANIC|LOG|HINT|error):\s*/, '').replace(/\.$/, '');
}

/** Processes of a postmaster that was killed still hold its shared memory; they notice and end within moments. */
export function isStillEnding(output: string): boolean {
  return /pre-existing shared memory block|lock file "postmaster\.pid" already exists/i.test(output);
}
