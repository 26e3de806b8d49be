import { open, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Problem } from '#base';

/**
 * Replaces a file so that after a crash at any instant the old content is there or the new, whole: written beside it, fsync, renamed, and the folder
 * fsynced too, without which the rename itself may be lost (POSIX promises nothing less than that).
 */
export async function writeFileDurably(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = `${path}.new`;
  await withFile(await open(temporary, 'w', mode), async (file) => {
    await file.writeFile(content);
    await file.sync();
  });
  await rename(temporary, path);
  await withFile(await open(dirname(path), 'r'), (folder) => folder.sync());
}

async function withFile(file: FileHandle, work: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    await work(file);
  } finally {
    await file.close();
  }
}

/** An error of the file system as a Problem; anything else as it is. */
export function fileProblem(error: unknown, path: string): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new Problem('store/disk-full', `There is no space left to write ${path}.`, { path }, error);
  if (['EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'EEXIST'].includes(code ?? ''))
    return new Problem('store/read-only', `${path} cannot be written (${code}).`, { path }, error);
  return error;
}
