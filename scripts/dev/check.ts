/** `npm run check`: everything that can be said about the code without running it. Each check runs even where an earlier one failed. */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ROOT, runProgram } from './child.ts';
import { closingLine } from './tally.ts';

interface Check {
  readonly name: string;
  readonly what: string;
  readonly program: string;
  readonly args: readonly string[];
}

/** oxlint is given explicit paths: its type-aware half finds its project from them. */
const TYPESCRIPT = ['src', 'mpc', 'scripts', 'test', 'hardhat.config.ts'].filter((path) => existsSync(`${ROOT}/${path}`));

const CHECKS: readonly Check[] = [
  { name: 'types', what: 'TypeScript', program: 'node_modules/typescript/bin/tsc', args: [] },
  {
    name: 'lint',
    what: 'oxlint with types: floating promises, exhaustive switches, import cycles',
    program: 'node_modules/oxlint/bin/oxlint',
    args: ['--type-aware', '--quiet', ...TYPESCRIPT],
  },
  {
    name: 'direction',
    what: 'who may import whom, and the habits of the house',
    program: 'node_modules/mocha/bin/mocha.js',
    args: ['--reporter', 'dot', 'test/style/*.test.ts'],
  },
  {
    name: 'format',
    what: 'prettier, for TypeScript and Solidity',
    program: 'node_modules/prettier/bin/prettier.cjs',
    args: ['--check', '--log-level', 'warn', '.'],
  },
  {
    name: 'solidity',
    what: 'solhint',
    program: 'node_modules/solhint/solhint.js',
    args: ['--disc', '--noPoster', '--max-warnings', '0', 'contracts/**/*.sol'],
  },
  { name: 'unused', what: 'knip: files, exports and dependencies that nothing uses', program: 'node_modules/knip/bin/knip.js', args: [] },
];

const HELP = `npm run check [-- NAME ...]

${CHECKS.map((check) => `  ${check.name.padEnd(10)}${check.what}`).join('\n')}
`;

const { values, positionals } = parseArgs({ options: { help: { type: 'boolean', short: 'h', default: false } }, allowPositionals: true });
const unknown = positionals.find((name) => !CHECKS.some((check) => check.name === name));
if (values.help) process.stdout.write(HELP);
else if (unknown !== undefined) {
  console.error(`npm run check has no check "${unknown}": it knows ${CHECKS.map((check) => check.name).join(', ')}.`);
  process.exitCode = 1;
} else {
  const results = [];
  for (const check of CHECKS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
    console.log(`\n== ${check.name}: ${check.what}`);
    const { code, seconds } = await runProgram(check.program, check.args, 10 * 60_000);
    results.push({ check, passed: code === 0, seconds });
  }
  console.log('');
  for (const { check, passed, seconds } of results) console.log(`${passed ? 'ok    ' : 'FAILED'} ${check.name} (${seconds.toFixed(1)} s)`);
  console.log(closingLine(results.map(({ passed }) => ({ passed: Number(passed), failed: Number(!passed) }))));
  process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
}
