/** npm as set-up uses it: its own JavaScript, run under a Node of our choice, told everything that a user's settings could otherwise change. */
import { accessSync, constants, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { Refusal, explain } from './refusal.mjs';

/** Where npm's own JavaScript is. `npm start` and `npx` say it in npm_execpath; otherwise it is found beside node, or behind the `npm` on the PATH. */
export function npmCli() {
  const told = process.env.npm_execpath;
  const candidates = [
    told && /^np[mx]-cli\.js$/.test(basename(told)) ? join(dirname(told), 'npm-cli.js') : '',
    join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    ...(process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'npm')),
  ];
  for (const candidate of candidates) {
    if (candidate && existsSync(candidate)) {
      const real = realpathSync(candidate);
      if (basename(real) === 'npm-cli.js') return real;
    }
  }
  throw new Refusal('npm was not found beside Node or on the PATH: install it (it comes with Node), then run the same command again.');
}

/**
 * The environment without what npm sets for the script that it is running now: a second npm must not take it for its own.
 * @param {string} nodeFolder goes first on the PATH, so that install scripts run under the same Node
 */
export function cleanEnvironment(nodeFolder) {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (
      /^npm_(lifecycle|package)_|^npm_(command|execpath|node_execpath|config_local_prefix|config_prefix|config_global_prefix|config_node_gyp|config_npm_version)$|^INIT_CWD$/i.test(
        name,
      )
    )
      delete env[name];
  }
  env.PATH = [nodeFolder, env.PATH].filter(Boolean).join(delimiter);
  return env;
}

/** npm's cache, or one of our own where the user's cannot be written (a service user without a home, `su` that kept root's HOME). @param {string} fallback @returns {string[]} */
function cacheArguments(fallback) {
  const cache = process.env.npm_config_cache ?? join(process.env.HOME ?? homedir(), '.npm');
  try {
    mkdirSync(cache, { recursive: true });
    accessSync(cache, constants.W_OK | constants.X_OK);
    return [];
  } catch {
    return ['--cache', fallback];
  }
}

/**
 * Runs npm in `folder` to its end. It gets a process group of its own, so that an interrupted set-up can end it with everything that it started.
 * @param {{ node: string, folder: string, ownCache: string, args: string[], turn: { child(pid: number | undefined): void }, tick: () => void }} options
 * @returns {Promise<void>}
 */
export function runNpm({ node, folder, ownCache, args, turn, tick }) {
  const fixed = [
    '--prefix',
    folder,
    '--no-global',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
    '--no-progress',
    '--loglevel=error',
    '--install-strategy=hoisted',
    // A registry that cannot be reached is told within seconds, not after npm's minute.
    '--fetch-retries=3',
    '--fetch-retry-mintimeout=2000',
    '--fetch-retry-maxtimeout=8000',
  ];
  const child = spawn(node, [npmCli(), ...args, ...fixed, ...cacheArguments(ownCache)], {
    cwd: folder,
    env: cleanEnvironment(dirname(node)),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  turn.child(child.pid);
  const end = (/** @type {NodeJS.Signals} */ signal) => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    process.stderr.write(`\ncairn set-up: stopped by ${signal}; the same command goes on from here.\n`);
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.on('SIGINT', end).on('SIGTERM', end).on('SIGHUP', end);
  const timer = setInterval(tick, 500);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output = (output + text).slice(-20_000)));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(timer);
      process.off('SIGINT', end).off('SIGTERM', end).off('SIGHUP', end);
      turn.child(undefined);
      if (code === 0) resolve();
      else
        reject(
          explain(output, folder) ??
            new Refusal(`npm ${args[0]} failed with exit code ${code}. Its last words:\n${output.trim().split('\n').slice(-12).join('\n')}`),
        );
    });
  });
}
