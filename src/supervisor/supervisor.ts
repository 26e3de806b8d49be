/** The door of supervisor: child processes that may outlive us (PostgreSQL, the local chain), the lock that says who minds them, and files that survive a power cut. */
export { fileProblem, writeFileDurably } from './files.ts';
export { acquireLock, type Lock } from './lock.ts';
export { endProcess, findProcess, isAlive, launchDetached, type ProcessIdentity } from './processes.ts';
export { findFreePort, isPortFree } from './ports.ts';
