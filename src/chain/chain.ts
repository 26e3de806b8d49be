/** The door of chain: the client, the outbox, deposits, reads and the deployment. viem stays behind it. */
export { SETTLEMENT_VAULT_ABI } from './abi/settlement-vault.ts';
export { TEST_STABLECOIN_ABI } from './abi/test-stablecoin.ts';
export { connectChain, type ConnectOptions } from './client/client.ts';
export { describeRevert, revertInWords } from './client/reverts.ts';
export type { BlockRef, ChainClient, ChainLog, Finality, SendResult } from './client/types.ts';
export { depositDigest } from './deposits/match.ts';
export { createDepositScanner, type DepositScannerOptions } from './deposits/scan.ts';
export { DEPOSIT_TRANSITIONS, type DepositState } from './deposits/states.ts';
export type { Deposit, DepositChange, DepositIdentity, DepositPlace, DepositScanner, ScanReport } from './deposits/types.ts';
export { startLocalChain, type LocalChain, type LocalChainEvent, type LocalChainOptions } from './local/local.ts';
export { checkDeployment } from './deploy/check.ts';
export { deploy } from './deploy/deploy.ts';
export { requireDeployment } from './deploy/store.ts';
export type { DeployedToken, Deployment, DeployOptions, DeployProgress, SafeContracts, TokenWanted } from './deploy/types.ts';
export { createOutbox, type OutboxOptions } from './outbox/outbox.ts';
export type { OutboxPoint, OutboxPolicy } from './outbox/send.ts';
export { OUTBOX_TRANSITIONS, type OutboxState } from './outbox/states.ts';
export type {
  Attempt,
  MinedReceipt,
  Outbox,
  OutboxId,
  OutboxProgress,
  OutboxTransaction,
  Rebuild,
  Rebuilt,
  TickReport,
  TransactionFailure,
  TransactionRequest,
} from './outbox/types.ts';
export { governanceLogs, readGovernance, type Governance, type SafeState, type TimelockRole } from './reads/governance.ts';
export { createAnchorChain, type AnchoredLeaf, type AnchorReader } from './reads/anchored.ts';
export { pausedContracts } from './reads/paused.ts';
export { createStrayReader, encodeSweep, type StrayReader } from './reads/stray.ts';
export {
  createVaultReader,
  encodeCancel,
  encodePay,
  encodeRetry,
  type FailedPayment,
  type InstructionState,
  type PayCall,
  type PayOutcome,
  type RecordProof,
  type VaultReader,
} from './reads/vault.ts';
