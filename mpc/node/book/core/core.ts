/** The pure half of a signer's book: what was replayed, and what follows from it. No I/O, no clock, no randomness. */
export { isUnpaid, type VaultBits, type WaitingClaim } from './backing.ts';
export * from './deposits.ts';
export * from './instruction.ts';
export * from './log.ts';
export * from './replica.ts';
export * from './rules.ts';
export * from './types.ts';
