import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, statfsSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bringNode, presentNode } from './node24.mjs';
import { cleanEnvironment } from './npm.mjs';
import { installPackages, packagesPresent } from './packages.mjs';
import { Refusal, explain, explained, outOfSpace } from './refusal.mjs';
import { inTurn } from './turn.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What a first set-up writes, with room to work. */
const NEEDED_BYTES = 1_200_000_000;

/** A developer's commands: what each does, and its program. */
const DEV_COMMANDS = /** @type {Record<string, readonly [string, string]>} */ ({
  test: ['the test suites, ending in "N passed, N failed" (--long: the long ones)', 'scripts/dev/test.ts'],
  check: ['types, lint, format, unused code', 'scripts/dev/check.ts'],
  bench: ['the benchmarks, into docs/benchmarks.md (one section by its name)', 'scripts/bench/bench.ts'],
  sim: ['the simulator of a book, seed after seed', 'scripts/sim/sim.ts'],
  pack: ['the packages that others install, as plain JavaScript, into dist/', 'scripts/pack/pack.ts'],
  errors: ['write docs/errors.md from the registry of problems', 'scripts/dev/errors.ts'],
  schema: ['write docs/schema.sql from a freshly migrated database', 'scripts/dev/schema.ts'],
  openapi: ['write docs/openapi.json from the schemas that validate', 'scripts/dev/openapi.ts'],
  lock: ['complete package-lock.json after it was written by npm', 'scripts/dev/lock.ts'],
});

const SETUP_HELP = `cairn setup: brings what the clone needs and stops.

  Node 24 from the npm registry where the host's is older, into .cairn/toolchain; then the locked packages, into node_modules.
  Every other command does the same first; where everything is there already it takes no time.
`;

const DEV_HELP = `cairn dev NAME: a developer's command.

${Object.entries(DEV_COMMANDS)
  .map(([name, [what]]) => `  ${name.padEnd(8)}${what}`)
  .join('\n')}
`;

/** Brings whatever is missing and returns the Node 24 to run under. */
async function setUp() {
  const present = presentNode(ROOT);
  if (present && packagesPresent(ROOT)) return present;

  const own = join(ROOT, '.cairn');
  explained(ROOT, () => {
    mkdirSync(own, { recursive: true });
    for (const folder of [ROOT, own]) accessSync(folder, constants.W_OK | constants.X_OK);
  });
  const space = statfsSync(own);
  if (!existsSync(join(ROOT, 'node_modules')) && space.bavail * space.bsize < NEEDED_BYTES) throw new Refusal(outOfSpace(ROOT));
  return await inTurn(
    join(own, 'turns'),
    { onWait: (pid) => console.error(`cairn set-up: another one (process ${pid}) is at work in this clone; waiting for it.`) },
    async (turn) => {
      const ownCache = join(own, 'npm-cache');
      const node = presentNode(ROOT) ?? (await bringNode(ROOT, ownCache, turn));
      if (!packagesPresent(ROOT)) await installPackages(ROOT, node, ownCache, turn);
      return node;
    },
  );
}

/**
 * In megabytes. The writer of a book keeps the records of late, so much of what is young survives, and all of it is moved while every caller waits: with the space that Node takes
 * by itself that is 15 to 20 ms three times a second, with this one 3 to 4 ms a bit more often, and the book is no slower for it (docs/benchmarks.md).
 */
const SEMI_SPACE_MB = 4;

/**
 * Runs a program under Node 24 in our place: same terminal, its exit code, our signals.
 * @param {string} node
 * @param {string} program
 * @param {string[]} args
 * @returns {Promise<number>}
 */
function run(node, program, args) {
  const follow = pathToFileURL(join(ROOT, 'scripts', 'setup', 'follow.mjs')).href;
  const child = spawn(node, [`--max-semi-space-size=${SEMI_SPACE_MB}`, '--import', follow, join(ROOT, program), ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: cleanEnvironment(dirname(node)),
  });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to everybody in front of it, the program too; passing it on would make it two.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(signal ? 128 + osConstants.signals[signal] : (code ?? 1)));
  });
}

/**
 * @param {string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function launch(args) {
  const [command = '', name = ''] = args;
  const asksHelp = (/** @type {string | undefined} */ word) => word === '--help' || word === '-h' || word === 'help';
  if (command === 'setup' && asksHelp(name)) return tell(SETUP_HELP);
  if (command === 'dev') {
    if (asksHelp(name) || name === '') return tell(DEV_HELP);
    if (!DEV_COMMANDS[name]) return complain(`cairn dev has no command "${name}": it knows ${Object.keys(DEV_COMMANDS).join(', ')}.`);
  }
  try {
    const node = await setUp();
    if (command === 'setup') return tell('cairn is set up.\n');
    const [, program] = (command === 'dev' && DEV_COMMANDS[name]) || [];
    return program ? await run(node, program, args.slice(2)) : await run(node, 'src/cli.ts', args);
  } catch (error) {
    const refusal = error instanceof Refusal ? error : explain(String(error), ROOT);
    if (!refusal) throw error;
    return complain(refusal.message);
  }
}

/** @param {string} text */
function tell(text) {
  process.stdout.write(text);
  return 0;
}

/** @param {string} sentence */
function complain(sentence) {
  console.error(`cairn: ${sentence}`);
  return 1;
}
