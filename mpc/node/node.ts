/** The door of a signer node: its store, its audit log, its policy. */
export * from './audit/audit.ts';
export { lockFolder, writeDurably, type FolderLock } from './files/files.ts';
export * from './heads/heads.ts';
export * from './policy/policy.ts';
export * from './store/store.ts';
