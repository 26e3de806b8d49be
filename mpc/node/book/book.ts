/** The door of a signer's book: its own copy of the records, and whether it would sign an intent because of them. */
export type { ChainOptions } from './chain/endpoints.ts';
export * from './core/types.ts';
export { RULES, type Refusal, type Rule } from './core/rules.ts';
export { affordable, cancelFees, CANCEL_GAS, raised, reserveOf, type CancelFees } from './cancelFees.ts';
export { stageOf, type PendingOperation } from './governance.ts';
export { openNodeBook } from './nodeBook.ts';
export type { NodeBook, NodeBookOptions, TimelockWatch } from './types.ts';
export { bandsAround, readMerchants, readRateBands } from './registry.ts';
