/** `npm test`: every suite that is not long, in TypeScript and in Solidity, ending in one line for both. */
import { existsSync, globSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ROOT, runProgram, type Outcome } from './child.ts';
import { closingLine, failures, leftOut, tally } from './tally.ts';

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

interface Suite {
  readonly title: string;
  run(): Promise<Outcome>;
}

function plan(args: { readonly long: boolean; readonly grep: string | undefined; readonly patterns: readonly string[] }): Suite[] {
  const grep = args.grep === undefined ? [] : ['--grep', args.grep];
  if (args.patterns.length > 0) return [{ title: 'mocha', run: () => runProgram(MOCHA, [...grep, ...args.patterns], 60 * MINUTE) }];
  if (args.long) {
    const present = LONG.filter((pattern) => globSync(pattern, { cwd: ROOT }).length > 0);
    return present.length === 0
      ? []
      : [{ title: 'long mocha suites', run: () => runProgram(MOCHA, [...grep, '--timeout', String(10 * MINUTE), ...present], 48 * MINUTE) }];
  }
  const mocha = {
    title: 'mocha',
    run: () => runProgram(MOCHA, [...grep, ...LONG.flatMap((pattern) => ['--ignore', pattern]), 'test/**/*.test.ts'], 14 * MINUTE),
  };
  if (args.grep !== undefined || !existsSync(`${ROOT}/hardhat.config.ts`)) return [mocha];
  return [mocha, { title: 'Solidity', run: () => runProgram('node_modules/hardhat/dist/src/cli.js', ['test', 'solidity'], 14 * MINUTE) }];
}

const { values, positionals } = parseArgs({
  options: { long: { type: 'boolean', default: false }, grep: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
  allowPositionals: true,
});
if (values.help) process.stdout.write(HELP);
else {
  const done = [];
  for (const suite of plan({ long: values.long, grep: values.grep, patterns: positionals })) {
    console.log(`\n== ${suite.title}`);
    const outcome = await suite.run();
    done.push({ suite, outcome, tally: tally(outcome) });
  }

  console.log('');
  for (const one of done) {
    const { passed, failed, remark } = one.tally;
    console.log(`${one.suite.title}: ${passed} of ${passed + failed} in ${one.outcome.seconds.toFixed(0)} s${remark ? `; ${remark}` : ''}`);
  }
  for (const reason of done.flatMap((one) => leftOut(one.outcome.output))) console.log(`left out: ${reason}`);
  for (const line of done.flatMap((one) => failures(one.outcome.output))) console.log(`failed: ${line}`);
  const tallies = done.map((one) => one.tally);
  console.log(closingLine(tallies));
  process.exitCode = tallies.some((one) => one.failed > 0) ? 1 : 0;
}
