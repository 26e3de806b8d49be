/** The door of the pure part of transfers between books: what is booked in either, what comes next, and what two clearing accounts differ by. */
export * from './transfer.ts';
export * from './verdict.ts';
export * from './reconcile.ts';
