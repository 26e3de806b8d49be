/** `npm test`: every suite that is not long, in TypeScript and in Solidity, ending in one line for both. */
import { existsSync, globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { ROOT, runProgram, type Outcome } from './child.ts';
import { closingLine, failures, leftOut, tally, type Tally } from './tally.ts';

const HELP = `npm test [-- OPTIONS] [-- PATTERN ...]

  Runs the mocha suites and the Solidity tests and ends in "N passed, N failed". With patterns, only the mocha suites that match
  (npm test -- 'test/ledger/**').

  --long        the long suites instead (test/long, *.long.test.ts): kills, reorgs, simulations, the whole job
  --grep WORDS  only the mocha tests whose names hold these words
  --help        this text
`;

const MINUTE = 60_000;
const MOCHA = 'node_modules/mocha/bin/mocha.js';
const LONG = ['test/long/**/*.test.ts', 'test/**/*.long.test.ts'];

/** The longest of the long suites, so that they start first and no single one is left to wait for at the end. */
const LONGEST = [
  'test/long/crash.test.ts',
  'test/mpc/node/drill/drills.long.test.ts',
  'test/long/signers.test.ts',
  'test/mpc/node/store/everyPoint.long.test.ts',
  'test/long/secrets.test.ts',
  'test/long/audit.test.ts',
  'test/mpc/protocol/sign/honest.long.test.ts',
  'test/contracts/smt.long.test.ts',
];
/** Most of their time the long suites wait for blocks, processes and deadlines: two at once need little more than one. */
const LONG_AT_ONCE = Math.min(2, availableParallelism());
const TELL_MS = MINUTE;

interface Suite {
  readonly title: string;
  run(): Promise<Outcome>;
}

interface Done {
  readonly title: string;
  readonly outcome: Outcome;
  readonly tally: Tally;
}

function plan(args: { readonly long: boolean; readonly grep: string | undefined; readonly patterns: readonly string[] }): Suite[] {
  const grep = args.grep === undefined ? [] : ['--grep', args.grep];
  if (args.patterns.length > 0) return [{ title: 'mocha', run: () => runProgram(MOCHA, [...grep, ...args.patterns], 60 * MINUTE) }];
  if (args.long && args.grep !== undefined) {
    const present = LONG.filter((pattern) => globSync(pattern, { cwd: ROOT }).length > 0);
    return [{ title: 'long mocha suites', run: () => runProgram(MOCHA, [...grep, '--timeout', String(10 * MINUTE), ...present], 48 * MINUTE) }];
  }
  const mocha = {
    title: 'mocha',
    run: () => runProgram(MOCHA, [...grep, ...LONG.flatMap((pattern) => ['--ignore', pattern]), 'test/**/*.test.ts'], 17 * MINUTE),
  };
  if (args.grep !== undefined || !existsSync(`${ROOT}/hardhat.config.ts`)) return [mocha];
  return [mocha, { title: 'Solidity', run: () => runProgram('node_modules/hardhat/dist/src/cli.js', ['test', 'solidity'], 14 * MINUTE) }];
}

/** One after the other, each showing what it does. */
async function inTurn(suites: readonly Suite[]): Promise<Done[]> {
  const done: Done[] = [];
  for (const suite of suites) {
    console.log(`\n== ${suite.title}`);
    const outcome = await suite.run();
    done.push({ title: suite.title, outcome, tally: tally(outcome) });
  }
  return done;
}

function longFiles(): string[] {
  const files = globSync(LONG, { cwd: ROOT }).sort();
  return [...LONGEST.filter((file) => files.includes(file)), ...files.filter((file) => !LONGEST.includes(file))];
}

/** The long suites, a process each and some at once: what one prints is shown whole when it ends, and meanwhile which ones run. */
async function longInParallel(): Promise<Done[]> {
  const waiting = longFiles();
  const running = new Map<string, number>();
  const done: Done[] = [];
  const tell = setInterval(() => {
    const now = [...running].map(([file, started]) => `${file} for ${Math.round((Date.now() - started) / 1000)} s`);
    console.log(`-- ${done.length} suites done, ${waiting.length} to come; running: ${now.join(', ')}`);
  }, TELL_MS);
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      running.set(file, Date.now());
      console.log(`-- started ${file}`);
      const outcome = await runProgram(MOCHA, ['--timeout', String(10 * MINUTE), file], 25 * MINUTE, () => undefined);
      running.delete(file);
      console.log(`\n== ${file}\n${outcome.output}`);
      done.push({ title: file, outcome, tally: tally(outcome) });
    }
  };
  await Promise.all(Array.from({ length: LONG_AT_ONCE }, work));
  clearInterval(tell);
  return done;
}

const { values, positionals } = parseArgs({
  options: { long: { type: 'boolean', default: false }, grep: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
  allowPositionals: true,
});
if (values.help) process.stdout.write(HELP);
else {
  const allLong = values.long && values.grep === undefined && positionals.length === 0;
  const done = allLong ? await longInParallel() : await inTurn(plan({ long: values.long, grep: values.grep, patterns: positionals }));

  console.log('');
  for (const one of done) {
    const { passed, failed, remark } = one.tally;
    console.log(`${one.title}: ${passed} of ${passed + failed} in ${one.outcome.seconds.toFixed(0)} s${remark ? `; ${remark}` : ''}`);
  }
  for (const reason of done.flatMap((one) => leftOut(one.outcome.output))) console.log(`left out: ${reason}`);
  for (const line of done.flatMap((one) => failures(one.outcome.output))) console.log(`failed: ${line}`);
  const tallies = done.map((one) => one.tally);
  console.log(closingLine(tallies));
  process.exitCode = tallies.some((one) => one.failed > 0) ? 1 : 0;
}
