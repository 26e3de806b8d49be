/** The door of transfers between books: a coordinator that takes each to its end, and a reconciliation of what two books say they owe each other. */
export { coordinator, type Coordinator, type CoordinatorOptions, type InterbookRequest, type Recovered } from './coordinator.ts';
export { reconcileCommand, recoverCommand } from './command.ts';
export type { Desk, Journal } from './pair.ts';
export type { Outcome } from './run.ts';
export { reconcileBooks, type ClearingReport, type NamedTransfer } from './reconcile.ts';
