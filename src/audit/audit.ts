/** The door of audit: checks what we publish against the chain, with ethers and the pure cores and nothing else of ours. */
export { auditCommand, verifyCommand } from './command.ts';
export { readChain } from './chain/client.ts';
export { readExport, type Exported } from './export/read.ts';
export { type Finding, type FindingKind } from './findings.ts';
export { auditExport, type AuditResult } from './run.ts';
export { verifyReceipt, type VerifiedReceipt } from './verify.ts';
