import { sha256 } from '@noble/hashes/sha2.js';
import { assert, concat, fromHex, isHex, Problem, toHex, uintBytes, utf8, type Hex, type TimeMs } from '#base';
import { isEd25519 } from './approvals.ts';
import { compare } from './compare.ts';
import { parsePolicy, policyHash, type Policy } from './schema.ts';

/** By an operator of the policy in force, ed25519 over `changeMessage`. */
export interface OperatorSignature {
  readonly operator: string;
  readonly signature: Hex;
}

interface Signed extends OperatorSignature {
  readonly atMs: TimeMs;
}

/** Everything that happens to a node's policy, in the order in which it happened; folded by `applyChange`. */
export type PolicyChange =
  /** The first policy, by whoever sets the node up. */
  | { readonly change: 'installed'; readonly policy: Policy; readonly atMs: TimeMs }
  /** The proposer's signature is the first of the quorum. `nonce`: 16 random bytes, so that a proposal which was cancelled cannot be revived with its old signatures. */
  | ({ readonly change: 'proposed'; readonly policy: Policy; readonly nonce: Hex } & Signed)
  | ({ readonly change: 'approved'; readonly proposal: Hex } & Signed)
  | { readonly change: 'effective'; readonly proposal: Hex; readonly atMs: TimeMs }
  /** Any single operator can; as can the next, who then proposes it again. */
  | ({ readonly change: 'cancelled'; readonly proposal: Hex } & Signed)
  /** Any single operator, at once. Going on again is a loosening like any other. */
  | ({ readonly change: 'stopped' } & Signed);

export interface Proposal {
  readonly id: Hex;
  readonly policy: Policy;
  readonly direction: 'tightening' | 'loosening' | 'neither';
  readonly operators: readonly string[];
  readonly status: 'proposed' | 'approved';
  /** When the delay ends; only of an approved one. */
  readonly effectiveAtMs: TimeMs | undefined;
}

export interface PolicyState {
  readonly inForce: Policy;
  readonly proposals: readonly Proposal[];
  /** Ids that are over, whatever became of them: none is opened twice. */
  readonly closed: readonly Hex[];
}

const TAG = utf8('cairn/node-policy-change/v1');

function tagged(...parts: readonly Uint8Array[]): Uint8Array {
  return concat(...[TAG, ...parts].flatMap((part) => [uintBytes(part.length, 4), part]));
}

/** The id of a proposal: which policy follows which. 32 bytes. */
export function proposalId(inForce: Policy, proposed: Policy, nonce: Hex): Hex {
  return toHex(sha256(tagged(utf8('proposal'), fromHex(policyHash(inForce)), fromHex(policyHash(proposed)), fromHex(nonce))));
}

/** What an operator signs: `approve` and `cancel` over a proposal's id, `stop` over the hash of the policy in force, so that an old stop stops nothing later. */
export function changeMessage(action: 'approve' | 'cancel' | 'stop', subject: Hex): Uint8Array {
  return tagged(utf8(action), fromHex(subject));
}

/** The state after one more change; a change that may not be is refused (policy/bad-signature, policy/stale, policy/unknown-proposal, policy/bad-file). Pure, and the same in the live node and in the replay. */
export function applyChange(state: PolicyState | undefined, change: PolicyChange): PolicyState {
  if (change.change === 'installed') {
    assert(state === undefined, 'a node is given its first policy once');
    return { inForce: parsePolicy(change.policy), proposals: [], closed: [] };
  }
  assert(state !== undefined, 'a policy changes only where there is one');
  switch (change.change) {
    case 'proposed':
      return proposed(state, change);
    case 'approved': {
      const proposal = openProposal(state, change.proposal);
      demandOperator(state.inForce, change, changeMessage('approve', proposal.id));
      return withProposal(state, counted(state.inForce, { ...proposal, operators: [...new Set([...proposal.operators, change.operator])] }, change.atMs));
    }
    case 'effective': {
      const proposal = openProposal(state, change.proposal);
      assert(proposal.effectiveAtMs !== undefined && change.atMs >= proposal.effectiveAtMs, 'a change takes effect after its quorum and its delay');
      return replaced(state, proposal.policy);
    }
    case 'cancelled': {
      const proposal = openProposal(state, change.proposal);
      demandOperator(state.inForce, change, changeMessage('cancel', proposal.id));
      return { ...state, proposals: state.proposals.filter(({ id }) => id !== proposal.id), closed: [...state.closed, proposal.id] };
    }
    case 'stopped':
      demandOperator(state.inForce, change, changeMessage('stop', policyHash(state.inForce)));
      return replaced(state, { ...state.inForce, stop: 'everything', version: state.inForce.version + 1 });
  }
}

/** The proposals whose delay is over, oldest first. `nowMs` should be the earlier of the clock and of what the chain shows, so that a clock set forward shortens no delay. */
export function dueProposals(state: PolicyState, nowMs: TimeMs): Hex[] {
  const due = state.proposals.filter(({ effectiveAtMs }) => effectiveAtMs !== undefined && effectiveAtMs <= nowMs);
  return due.sort((a, b) => a.effectiveAtMs! - b.effectiveAtMs!).map(({ id }) => id);
}

function proposed(state: PolicyState, change: Extract<PolicyChange, { change: 'proposed' }>): PolicyState {
  const policy = parsePolicy(change.policy);
  if (!isHex(change.nonce, 16)) throw new Problem('policy/bad-file', 'The nonce of a proposal has 16 bytes.');
  if (policy.version !== state.inForce.version + 1) {
    throw new Problem(
      'policy/stale',
      `The policy in force has version ${state.inForce.version}, so the next has ${state.inForce.version + 1}, not ${policy.version}.`,
    );
  }
  const id = proposalId(state.inForce, policy, change.nonce);
  if (state.closed.includes(id) || state.proposals.some((open) => open.id === id))
    throw new Problem('policy/stale', `Proposal ${id} was made before.`, { proposal: id });
  demandOperator(state.inForce, change, changeMessage('approve', id));
  const proposal: Proposal = {
    id,
    policy,
    direction: compare(state.inForce, policy),
    operators: [change.operator],
    status: 'proposed',
    effectiveAtMs: undefined,
  };
  return withProposal(state, counted(state.inForce, proposal, change.atMs));
}

/** With a quorum the delay begins: of the policy in force, never of the proposed one, and never again by later signatures. */
function counted(inForce: Policy, proposal: Proposal, atMs: TimeMs): Proposal {
  if (proposal.status === 'approved' || proposal.operators.length < inForce.operators.quorum) return proposal;
  const delayS = proposal.direction === 'loosening' ? inForce.changes.looseningDelayS : inForce.changes.tighteningDelayS;
  return { ...proposal, status: 'approved', effectiveAtMs: atMs + delayS * 1000 };
}

function openProposal(state: PolicyState, id: Hex): Proposal {
  const proposal = state.proposals.find((open) => open.id === id);
  if (!proposal) throw new Problem('policy/unknown-proposal', `No proposal ${id} is open.`, { proposal: id });
  return proposal;
}

function withProposal(state: PolicyState, proposal: Proposal): PolicyState {
  return { ...state, proposals: [...state.proposals.filter(({ id }) => id !== proposal.id), proposal] };
}

/** Proposals made for the policy that is gone are over: they were signed against something else. */
function replaced(state: PolicyState, inForce: Policy): PolicyState {
  return { inForce, proposals: [], closed: [...state.closed, ...state.proposals.map(({ id }) => id)] };
}

function demandOperator(policy: Policy, { operator: named, signature }: OperatorSignature, message: Uint8Array): void {
  const operator = policy.operators.keys.find(({ name }) => name === named);
  if (!operator) throw new Problem('policy/bad-signature', `Nobody called ${named} is an operator of the policy in force.`, { operator: named });
  if (!isEd25519(signature, message, operator.key))
    throw new Problem('policy/bad-signature', `The signature is not by ${named} over this change.`, { operator: named });
}
