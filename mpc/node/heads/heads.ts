/** Heads of append-only logs: how one is known to extend another, how a node signs its own and notices that its disk is older than what its peers remember. */
export { isBehind, type Lag, type LocalHeads } from './behind.ts';
export { extendsHead, type Extension } from './extension.ts';
export { beginning, HashChain, linked, sha256, type Head, type Past } from './hashChain.ts';
export { signHeads, verifyHeads, type Heads, type HeadStatement } from './statement.ts';
