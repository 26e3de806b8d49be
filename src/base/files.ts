import { Problem } from './problem.ts';

const WHY: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `There is no file ${path} (ENOENT).`,
  EISDIR: (path) => `${path} is a folder, not a file.`,
  ENOTDIR: (path) => `${path} leads through a file as if it were a folder.`,
  EACCES: (path) => `This user may not read ${path}.`,
  EPERM: (path) => `This user may not read ${path}.`,
  ERR_FS_FILE_TOO_LARGE: (path) => `${path} is larger than anything we read.`,
  ERR_STRING_TOO_LONG: (path) => `${path} is larger than anything we read.`,
};

/** What the file system answered about a file that was to be read, as `cli/bad-file` with one sentence; an error without a code of it is our own bug and comes back as it is. */
export function unreadable(path: string, cause: unknown): unknown {
  const { code } = cause as NodeJS.ErrnoException;
  if (typeof code !== 'string') return cause;
  return new Problem('cli/bad-file', WHY[code]?.(path) ?? `${path} cannot be read (${code}).`, { path }, cause);
}
