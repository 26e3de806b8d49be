/** The locked dependencies: `npm ci` under Node 24 (under Node 20 npm silently leaves out packages that Hardhat needs), then only those install scripts that package.json allows. */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, renameSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { progress } from './progress.mjs';
import { runNpm } from './npm.mjs';
import { Refusal, outOfSpace } from './refusal.mjs';

/** Changes when set-up itself installs differently, so that older clones install again. */
const RECIPE = 1;

/** @type {string | undefined} */
let libc;

/** The C library as npm tells them apart: only glibc has a version to report. */
function hostLibc() {
  return (libc ??= /glibcVersionRuntime/.test(JSON.stringify(process.report.getReport())) ? 'glibc' : 'musl');
}

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
 * Whether npm has to install a package of the lock file on this machine. (What is optional without naming a platform comes only with something else that is, so it may be left out.)
 * @param {{ optional?: boolean, os?: string[] | string, cpu?: string[] | string, libc?: string[] | string }} entry
 */
function isNeededHere(entry) {
  if (entry.optional && entry.os === undefined && entry.cpu === undefined) return false;
  /** @param {string[] | string | undefined} list @param {string} here */
  const fits = (list, here) => list === undefined || [list].flat().includes(here);
  return fits(entry.os, process.platform) && fits(entry.cpu, process.arch) && (entry.libc === undefined || fits(entry.libc, hostLibc()));
}

/**
 * npm takes an optional package that it could not write or fetch for one that is not needed here, and says nothing. Among ours are the compiler's, the chain's and the database's binaries.
 * @param {string} root
 * @param {readonly string[]} missing
 */
function refuseGaps(root, missing) {
  const space = statfsSync(root);
  if (space.bavail * space.bsize < 20_000_000) throw new Refusal(outOfSpace(root));
  if (missing.length > 0)
    throw new Refusal(
      `npm left out ${missing.map((path) => path.replace(/^.*node_modules\//, '')).join(', ')}: look whether the registry in use serves them, then run the same command again.`,
    );
  if (!existsSync(paths(root).tree)) throw new Refusal('npm did not finish its work: run the same command again.');
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
  const awaited = new Set(locked.filter(([path, entry]) => path !== '' && isNeededHere(entry)).map(([path]) => path));
  const all = awaited.size;
  const shown = progress(`${all} packages from the npm registry, as locked`);
  const tick = () => {
    for (const path of awaited) if (existsSync(join(root, path, 'package.json'))) awaited.delete(path);
    shown.at(`${all - awaited.size} of ${all}`);
  };
  try {
    await runNpm({ node, folder: root, ownCache, args: ['ci', '--ignore-scripts'], turn, tick });
    tick();
    refuseGaps(root, [...awaited]);
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
