import { Problem, type ProblemCode } from '#base';

/** What PostgreSQL's own last words mean, in the order they are looked for. */
const WORDS: readonly (readonly [RegExp, ProblemCode, string])[] = [
  [/No space left on device|Disk quota exceeded/i, 'store/disk-full', 'The disk of the embedded database is full'],
  [/Read-only file system|Permission denied/i, 'store/read-only', 'The embedded database cannot write its files'],
  [/Address already in use|could not create any TCP\/IP sockets/i, 'store/port-busy', 'The port of the embedded database is taken'],
  [/database files are incompatible with server/i, 'store/other-version', 'The data directory was written by another major version of PostgreSQL'],
];

/** A failed initdb or postgres as a Problem: `output` is what it printed, `logFile` where the rest is. */
export function startProblem(output: string, logFile: string): Problem {
  const last =
    output
      .split('\n')
      .findLast((line) => /FATAL|PANIC|error|could not/i.test(line))
      ?.replace(/^.*?(FATAL|PANIC|error):\s*/i, '') ?? 'it gave no reason';
  for (const [words, code, sentence] of WORDS) if (words.test(output)) return new Problem(code, `${sentence} (${last}).`, { logFile });
  return new Problem('store/start-failed', `PostgreSQL did not start: ${last}; see ${logFile}.`, { logFile });
}

/** Processes of a postmaster that was killed still hold its shared memory; they notice and end within moments. */
export function isStillEnding(output: string): boolean {
  return /pre-existing shared memory block|lock file "postmaster\.pid" already exists/i.test(output);
}
