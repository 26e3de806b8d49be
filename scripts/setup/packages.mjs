/** The locked dependencies: `npm ci` under Node 24 (under Node 20 npm silently leaves out packages that Hardhat needs), then only those install scripts that package.json allows. */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { progress } from './progress.mjs';
import { runNpm } from './npm.mjs';

/** Changes when set-up itself installs differently, so that older clones install again. */
const RECIPE = 1;

/** @param {string | Buffer} content */
function digest(content) {
  return createHash('sha256').update(content).digest('hex');
}

/** @param {string} root */
function paths(root) {
  const modules = join(root, 'node_modules');
  return { modules, stamp: join(modules, '.cairn-installed.json'), tree: join(modules, '.package-lock.json'), lock: join(root, 'package-lock.json') };
}

/**
 * What an installation of this clone on this machine looks like. npm's own record of the tree is part of it, so an `npm install` by hand is noticed.
 * @param {string} root
 */
function fingerprint(root) {
  const { tree, lock } = paths(root);
  return { recipe: RECIPE, platform: `${process.platform}-${process.arch}`, lock: digest(readFileSync(lock)), tree: digest(readFileSync(tree)) };
}

/**
 * Whether the packages are there as the lock file wants them: one read of the stamp, no look at the packages. A linked node_modules belongs to somebody else, and is used as it is.
 * @param {string} root
 */
export function packagesPresent(root) {
  const { modules, stamp } = paths(root);
  try {
    if (lstatSync(modules).isSymbolicLink()) return existsSync(modules);
    return readFileSync(stamp, 'utf8') === JSON.stringify(fingerprint(root));
  } catch {
    return false;
  }
}

/** Says that the packages are whole: written last, in one step. @param {string} root */
function stampPackages(root) {
  const { stamp } = paths(root);
  writeFileSync(`${stamp}.new`, JSON.stringify(fingerprint(root)));
  renameSync(`${stamp}.new`, stamp);
}

/**
 * Whether npm will install a package of the lock file on this machine.
 * @param {{ os?: string[] | string, cpu?: string[] | string, libc?: string[] | string }} entry
 */
function isForHere(entry) {
  const glibc = process.platform === 'linux' && existsSync('/lib/ld-musl-x86_64.so.1') ? 'musl' : 'glibc';
  /** @param {string[] | string | undefined} list @param {string} here */
  const fits = (list, here) => list === undefined || [list].flat().includes(here);
  return fits(entry.os, process.platform) && fits(entry.cpu, process.arch) && fits(entry.libc, glibc);
}

/**
 * Installs everything anew. Whatever a killed set-up left is removed first by `npm ci`, and the stamp with it.
 * @param {string} root
 * @param {string} node the Node 24 to run npm under
 * @param {string} ownCache
 * @param {{ child(pid: number | undefined): void }} turn
 */
export async function installPackages(root, node, ownCache, turn) {
  const { lock } = paths(root);
  const locked = Object.entries(JSON.parse(readFileSync(lock, 'utf8')).packages);
  const awaited = new Set(locked.filter(([path, entry]) => path !== '' && isForHere(entry)).map(([path]) => path));
  const all = awaited.size;
  const shown = progress(`${all} packages from the npm registry, as locked`);
  const tick = () => {
    for (const path of awaited) if (existsSync(join(root, path, 'package.json'))) awaited.delete(path);
    shown.at(`${all - awaited.size} of ${all}`);
  };
  try {
    await runNpm({ node, folder: root, ownCache, args: ['ci', '--ignore-scripts'], turn, tick });
    tick();
    const allowed = Object.entries(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).allowScripts ?? {})
      .filter(([name, yes]) => yes === true && existsSync(join(root, 'node_modules', name)))
      .map(([name]) => name);
    await runNpm({
      node,
      folder: root,
      ownCache,
      args: ['rebuild', ...allowed, '--ignore-scripts=false'],
      turn,
      tick: () => shown.at(`install scripts of ${allowed.join(', ')}`),
    });
    stampPackages(root);
  } catch (error) {
    shown.broken();
    throw error;
  }
  shown.done('ready');
}
