import type { Outcome } from './child.ts';

/** What a run of tests came to. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Why the numbers are not the runner's own, where they are not. */
  readonly remark?: string;
}

/** The last number that the runner's own summary gives for a word: mocha and Hardhat both print "  12 passing (3s)" and "  1 failing". */
function summary(output: string, word: string): number | undefined {
  const found = [...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}\\b`, 'gm'))].at(-1)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Reads a run's summary. A run that broke off, ran nothing or did not end in time counts as one failure: green is only what said so. */
export function tally(outcome: Outcome): Tally {
  const passed = summary(outcome.output, 'passing') ?? 0;
  const failed = summary(outcome.output, 'failing') ?? 0;
  if (outcome.overtime) return { passed, failed: failed + 1, remark: `stopped after ${Math.round(outcome.seconds)} s: it did not end in time` };
  if (outcome.code !== 0 && failed === 0) return { passed, failed: 1, remark: `ended with exit code ${outcome.code} without a failing test: it broke off` };
  if (passed + failed === 0) return { passed, failed: 1, remark: 'ran no test' };
  return { passed, failed };
}

/** The cases that tests said they left out ("left out: ..." on a line of its own), each once, in order. */
export function leftOut(output: string): string[] {
  return [...new Set([...output.matchAll(/^\s*left out: *(.+?)\s*$/gim)].map((match) => match[1] ?? ''))];
}

const LINES_OF_FAILURES = 60;

/** The runner's own words on what failed, from its last "N failing" on: said again at the end of a log, of which readers may only have kept the end. */
export function failures(output: string): string[] {
  const at = [...output.matchAll(/^\s*\d+ failing\b.*$/gm)].at(-1)?.index;
  if (at === undefined) return [];
  const lines = output
    .slice(at)
    .split('\n')
    .map((line) => line.trimEnd());
  return lines.filter((line) => line !== '').slice(0, LINES_OF_FAILURES);
}

/** The closing line that every reader of logs understands. */
export function closingLine(tallies: readonly Tally[]): string {
  const sum = (of: (one: Tally) => number): number => tallies.reduce((total, one) => total + of(one), 0);
  return `${sum((one) => one.passed)} passed, ${sum((one) => one.failed)} failed`;
}
