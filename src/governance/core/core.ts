/** The pure part of governance: what a proposal would do, who signed it, what became of it, and what the nodes cancel. No chain, no clock, no key. */
export * from './contracts.ts';
export * from './decode.ts';
export * from './describe.ts';
export * from './events.ts';
export * from './judge.ts';
export * from './operation.ts';
export * from './proposal.ts';
export * from './request.ts';
export * from './watch.ts';
