import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

/** The folders whose contents are ours to keep in order. */
const TOP = ['contracts', 'docs', 'mpc', 'scripts', 'src', 'test'];

/** What tools write and nobody reads line by line. */
const GENERATED =
  /^(contracts\/.*\/(artifacts|cache)\/|src\/chain\/(abi|artifacts)\/|test\/vectors\/|test\/.*\/snapshots\/|docs\/(schema\.sql|errors\.md|benchmarks\.md)$|scripts\/example\/)/;

/** Folders that grow by one file a case by their nature. */
const GROWING = ['src/db/migrations'];

export interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly folder: string;
  readonly name: string;
  text(): string;
}

/** Every file of the repository's own folders, in order. */
export function sourceFiles(): SourceFile[] {
  return TOP.filter((top) => existsSync(join(ROOT, top))).flatMap((top) =>
    readdirSync(join(ROOT, top), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const folder = entry.parentPath.slice(ROOT.length + 1).replaceAll('\\', '/');
        return { path: `${folder}/${entry.name}`, folder, name: entry.name, text: () => readFileSync(join(entry.parentPath, entry.name), 'utf8') };
      })
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
  );
}

export function isGenerated(file: SourceFile): boolean {
  return GENERATED.test(file.path);
}

export function isCode(file: SourceFile): boolean {
  return /\.(ts|mjs|sol|sql)$/.test(file.name);
}

export function mayGrow(folder: string): boolean {
  return GROWING.includes(folder);
}

export function folderExists(folder: string): boolean {
  return existsSync(join(ROOT, folder));
}

/** The doors of package.json: `#x/y` to the file behind it. */
export function doors(): ReadonlyMap<string, string> {
  const { imports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { imports: Record<string, string> };
  return new Map(Object.entries(imports).map(([door, file]) => [door, file.replace(/^\.\//, '')]));
}
