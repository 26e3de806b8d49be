/** The door of base: what every other folder may lean on. It imports nothing of ours. */
export * from './bytes.ts';
export * from './clock.ts';
export * from './eip712.ts';
export { unreadable } from './files.ts';
export * from './ids.ts';
export * from './money.ts';
export { isOutage, overOutages, type Patience } from './outage.ts';
export * from './problem.ts';
