/** What one node allows: the file, the decision, and how the file changes. Pure: no I/O, no clock, no randomness. */
export { approvalDigest, APPROVAL_STRUCT, validApprovers, type Approval } from './approvals.ts';
export {
  applyChange,
  changeMessage,
  dueProposals,
  MAX_OPEN_PROPOSALS,
  proposalId,
  stopSubject,
  type OperatorSignature,
  type PolicyChange,
  type PolicyState,
  type Proposal,
} from './changes.ts';
export { compare } from './compare.ts';
export { clockObjection, DAY_MS, evaluate, RULES, type Rule, type Verdict } from './evaluate.ts';
export { INTENT_KINDS, type ContractFact, type Counters, type Debit, type Facts, type IntentKind, type PaymentFact, type Spent } from './facts.ts';
export { parsePolicy, parsePolicyText, policyHash, type Policy } from './schema.ts';
