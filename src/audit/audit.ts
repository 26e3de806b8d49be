/** The door of audit: checks what we publish against the chain, with ethers and the pure cores and nothing else of ours. */
export { verifyCommand } from './command.ts';
export { verifyReceipt, type VerifiedReceipt } from './verify.ts';
