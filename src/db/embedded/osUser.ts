import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Problem } from '#base';

export interface OsUser {
  readonly uid: number;
  readonly gid: number;
}

const NAME = 'postgres';

/** Whom PostgreSQL runs as: undefined means as ourselves. It refuses root, so as root it is the OS user postgres, made where there is none. */
export function unprivilegedUser(): OsUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return lookUp() ?? create();
}

function lookUp(): OsUser | undefined {
  try {
    const id = (flag: '-u' | '-g') => Number(execFileSync('id', [flag, NAME], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

function create(): OsUser {
  try {
    execFileSync('useradd', ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent', '--shell', '/usr/sbin/nologin', NAME], {
      stdio: 'pipe',
    });
  } catch (cause) {
    throw new Problem('store/no-os-user', 'Running as root, and the OS user postgres could not be created.', {}, cause);
  }
  const user = lookUp();
  if (!user) throw new Problem('store/no-os-user', 'Running as root, and there is no OS user postgres.');
  return user;
}

/** Whether another OS user can walk down to `path`: every folder on the way lets others through. A clone in root's home, or in a mktemp folder, does not. */
export function isReachable(path: string): boolean {
  for (let folder = path; ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}
