/**
 * Completes package-lock.json after `npm install --package-lock-only`. npm leaves an optional package out of the lock file when the registry in use does not serve it (a mirror without the binaries of
 * other platforms), and `npm ci` then refuses the lock file everywhere. Such packages are binaries for one platform, pinned exactly by their parent, and their names say which; they are entered with
 * that platform, so that npm passes them over everywhere else. They carry no checksum until somebody locks them from a registry that has them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { assert } from '#base';

interface Entry {
  readonly version?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export type Packages = Record<string, Entry>;

/** Where Node would look for a package, from the folder of the one that asks up to the root: the lock file's own keys. */
function* lookups(from: string, name: string): Generator<string> {
  for (let folder = from; folder !== ''; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) yield `${folder}/node_modules/${name}`;
  yield `node_modules/${name}`;
}

/** The optional packages that the lock file needs and does not have: name and exact version. */
export function missingPackages(packages: Packages): { readonly name: string; readonly version: string }[] {
  return Object.entries(packages).flatMap(([path, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => ![...lookups(path, name)].some((key) => key in packages))
      .map(([name, version]) => ({ name, version })),
  );
}

/** The platform in a name such as `@oxlint/binding-linux-x64-musl`. */
export function platformOf(name: string): Entry {
  const words = name.split('/').at(-1)?.split('-') ?? [];
  const os = words.find((word) => ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'].includes(word));
  const cpu = words.find((word) => ['x64', 'amd64', 'arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x'].includes(word));
  assert(os !== undefined && cpu !== undefined, `${name} does not name its platform`);
  const libc = words.some((word) => word.startsWith('musl')) ? ['musl'] : words.some((word) => word.startsWith('gnu')) ? ['glibc'] : undefined;
  return { os: [os], cpu: [cpu === 'amd64' ? 'x64' : cpu], ...(libc && { libc }) };
}

if (import.meta.main) {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Packages };
  const missing = missingPackages(lock.packages);
  for (const { name, version } of missing) lock.packages[`node_modules/${name}`] = { version, optional: true, ...platformOf(name) };
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${missing.length} packages of other platforms entered.`);
}
