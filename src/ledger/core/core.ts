/** The door of the pure ledger: the one definition of what a book may do. No I/O, no clock, no randomness. */
export * from './apply.ts';
export * from './flags.ts';
export * from './commands/keys.ts';
export * from './replay.ts';
export * from './results.ts';
export { Draft, emptyState, type Changes, type Filed, type State, type WholeState } from './state.ts';
export * from './types.ts';
