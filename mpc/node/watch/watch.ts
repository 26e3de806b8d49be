/** The door of the watch over the timelock: what a node cancels on its own. */
export { CANCEL, CANCELLED, Watcher, type WatchEvent, type WatchStatus } from './watcher.ts';
