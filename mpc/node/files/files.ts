/** Bytes that survive a SIGKILL: whole files, append-only lines, and the lock that keeps a second process out; and files of the operators' that are followed while the node runs. */
export { AppendFile } from './appendFile.ts';
export { eraseFile, isPresent, readIfPresent, syncFolder, writeDurably } from './durable.ts';
export { lockFolder, type FolderLock } from './lock.ts';
export { RegisteredFile } from './registered.ts';
