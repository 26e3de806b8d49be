import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { assert } from '#base';
import { ROOT } from '../dev/child.ts';
import { npmCli } from '../setup/npm.mjs';

/** A package that others install, made of entry points of ours and whatever these import. */
export interface PackageSpec {
  readonly name: string;
  readonly description: string;
  /** Its `exports`: subpath to source file, for example `.` to `src/audit/audit.ts`. */
  readonly entries: Readonly<Record<string, string>>;
  /** Its commands: name to source file, which must begin with `#!/usr/bin/env node`. */
  readonly bin?: Readonly<Record<string, string>>;
  /** The versions of Node that it runs on; from 22 where nothing is said. */
  readonly node?: string;
  /** npm packages that it may depend on. Anything else that comes in by an import stops the build. */
  readonly allowed: readonly string[];
  readonly readme: string;
}

export interface BuiltPackage {
  readonly folder: string;
  readonly tarball: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly imports: Readonly<Record<string, string>>;
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

/** Every emitted file below `folder`, relative to it, with forward slashes. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
}

/** TypeScript's own emit: JavaScript and declarations, at the sources' own paths below `folder`, for the entries and all that they import. */
function emit(entries: readonly string[], folder: string): void {
  const own = join(ROOT, '.cairn');
  const config = join(own, `pack-${process.pid}.json`);
  mkdirSync(own, { recursive: true });
  writeFileSync(
    config,
    JSON.stringify({
      extends: '../tsconfig.json',
      compilerOptions: {
        noEmit: false,
        allowJs: false,
        checkJs: false,
        declaration: true,
        rewriteRelativeImportExtensions: true,
        rootDir: ROOT,
        outDir: folder,
        types: ['node'],
      },
      // Declarations that no module imports belong to the program all the same.
      include: [join(ROOT, 'src/**/*.d.ts')],
      files: entries.map((entry) => join(ROOT, entry)),
    }),
  );
  try {
    execFileSync(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', config], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
    });
  } catch (error) {
    assert(false, `TypeScript refuses to emit: ${(error as { stdout: string }).stdout.trim()}`);
  } finally {
    rmSync(config, { force: true });
  }
}

/** What the emitted modules import, and which files they read beside themselves (`new URL('./x', import.meta.url)`). */
function scan(folder: string): { readonly specifiers: ReadonlySet<string>; readonly assets: readonly string[] } {
  const specifiers = new Set<string>();
  const assets: string[] = [];
  for (const file of filesBelow(folder).filter((name) => name.endsWith('.js'))) {
    const code = readFileSync(join(folder, file), 'utf8');
    for (const match of code.matchAll(/^(?:import|export)\b[^'"=();]*?['"]([^'".][^'"]*)['"]|\bimport\(\s*['"]([^'".][^'"]*)['"]\s*\)/gm))
      specifiers.add(match[1] ?? match[2] ?? '');
    for (const match of code.matchAll(/new URL\(\s*['"](\.[^'"]*)['"]\s*,\s*import\.meta\.url/g)) assets.push(join(dirname(file), match[1] ?? ''));
  }
  return { specifiers, assets };
}

/** The npm packages among the specifiers, each in exactly the version that our lock file has. */
function dependenciesOf(spec: PackageSpec, specifiers: ReadonlySet<string>): Record<string, string> {
  const lock = readJson<{ packages: Record<string, { version: string }> }>(join(ROOT, 'package-lock.json'));
  const names = [...specifiers]
    .filter((specifier) => !specifier.startsWith('#') && !specifier.startsWith('node:') && !builtinModules.includes(specifier))
    .map((specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/'));
  return Object.fromEntries(
    [...new Set(names)].sort().map((name) => {
      assert(spec.allowed.includes(name), `${spec.name} would depend on ${name}, which it must not`);
      const version = lock.packages[`node_modules/${name}`]?.version;
      assert(version !== undefined, `${name} is not in the lock file`);
      return [name, version];
    }),
  );
}

function emitted(source: string): { readonly types: string; readonly default: string } {
  return { types: `./${source.replace(/\.ts$/, '.d.ts')}`, default: `./${source.replace(/\.ts$/, '.js')}` };
}

/** Builds one package into `folder`, which is emptied first, and packs it beside it. */
export function buildPackage(spec: PackageSpec, folder: string): BuiltPackage {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const bins = Object.entries(spec.bin ?? {});
  emit([...Object.values(spec.entries), ...bins.map(([, source]) => source)], folder);

  const ours = readJson<Manifest>(join(ROOT, 'package.json'));
  const { specifiers, assets } = scan(folder);
  for (const asset of assets) if (existsSync(join(ROOT, asset))) cpSync(join(ROOT, asset), join(folder, asset), { recursive: true });
  const dependencies = dependenciesOf(spec, specifiers);
  const doors = Object.entries(ours.imports).filter(([, source]) => existsSync(join(folder, source.replace(/\.ts$/, '.js'))));
  const manifest = {
    name: spec.name,
    version: ours.version,
    description: spec.description,
    license: ours.license,
    type: 'module',
    engines: { node: spec.node ?? '>=22' },
    exports: Object.fromEntries(Object.entries(spec.entries).map(([subpath, source]) => [subpath, emitted(source)])),
    ...(bins.length > 0 && { bin: Object.fromEntries(bins.map(([name, source]) => [name, emitted(source).default])) }),
    imports: Object.fromEntries(doors.map(([door, source]) => [door, emitted(source.replace(/^\.\//, ''))])),
    files: ['mpc', 'src'].filter((top) => existsSync(join(folder, top))),
    dependencies,
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(folder, 'README.md'), `# ${spec.name}\n\n${spec.readme.trim()}\n`);

  const packed = execFileSync(process.execPath, [npmCli(), 'pack', '--json', '--loglevel=error', '--pack-destination', dirname(folder)], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [made] = Object.values(JSON.parse(packed) as { filename: string }[]);
  assert(made, 'npm pack names its tarball');
  return { folder, tarball: join(dirname(folder), made.filename), dependencies };
}
