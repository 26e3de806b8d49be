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
  /** Any single operator can, but no key that the proposal removes, its name or itself: a captured key must not be able to keep itself. */
  | ({ readonly change: 'cancelled'; readonly proposal: Hex } & Signed)
  /** Any single operator, at once. Going on again is a change like any other, and a loosening. */
  | ({ readonly change: 'stopped' } & Signed);

export interface Proposal {
  readonly id: Hex;
  readonly policy: Policy;
  readonly direction: 'tightening' | 'loosening' | 'neither';
  readonly operators: readonly string[];
  readonly status: 'proposed' | 'approved';
  /** When the delay ends; only of an approved one. */
  readonly effectiveAtMs: TimeMs | undefined;
  /** How many stops there were when it was made: it ends the last of those, and no later one. */
  readonly stops: number;
}

export interface PolicyState {
  /** What decides, and whose hash stands in a session's id: the file, or, while the node is stopped, the file with `stop: everything`. */
  readonly inForce: Policy;
  /** What the operators agreed on last, and what proposals follow. A stop leaves it and its proposals alone, so that nobody can stop the change that removes him. */
  readonly file: Policy;
  /** How often an operator stopped the node. */
  readonly stops: number;
  readonly proposals: readonly Proposal[];
  /** Ids that are over, whatever became of them: none is opened twice. */
  readonly closed: readonly Hex[];
}

/** Of one operator. */
export const MAX_OPEN_PROPOSALS = 8;

const TAG = utf8('cairn/node-policy-change/v1');

function tagged(...parts: readonly Uint8Array[]): Uint8Array {
  return concat(...[TAG, ...parts].flatMap((part) => [uintBytes(part.length, 4), part]));
}

/** The id of a proposal: which file follows which. 32 bytes. */
export function proposalId(file: Policy, proposed: Policy, nonce: Hex): Hex {
  return toHex(sha256(tagged(utf8('proposal'), fromHex(policyHash(file)), fromHex(policyHash(proposed)), fromHex(nonce))));
}

/** What is stopped: this file, after so many stops, so that an old signature stops nothing again. 32 bytes. */
export function stopSubject({ file, stops }: PolicyState): Hex {
  return toHex(sha256(tagged(utf8('stopped'), fromHex(policyHash(file)), uintBytes(stops, 8))));
}

/** What an operator signs: `approve` and `cancel` over a proposal's id, `stop` over `stopSubject`. */
export function changeMessage(action: 'approve' | 'cancel' | 'stop', subject: Hex): Uint8Array {
  return tagged(utf8(action), fromHex(subject));
}

/** The state after one more change; a change that may not be is refused (policy/bad-signature, policy/stale, policy/unknown-proposal, policy/bad-file). Pure, and the same in the live node and in the replay. */
export function applyChange(state: PolicyState | undefined, change: PolicyChange): PolicyState {
  if (change.change === 'installed') {
    assert(state === undefined, 'a node is given its first policy once');
    const file = parsePolicy(change.policy);
    return { inForce: file, file, stops: 0, proposals: [], closed: [] };
  }
  assert(state !== undefined, 'a policy changes only where there is one');
  switch (change.change) {
    case 'proposed':
      return proposed(state, change);
    case 'approved': {
      const proposal = openProposal(state, change.proposal);
      demandOperator(state.file, change, changeMessage('approve', proposal.id));
      return withProposal(state, counted(state.file, { ...proposal, operators: [...new Set([...proposal.operators, change.operator])] }, change.atMs));
    }
    case 'effective': {
      const proposal = openProposal(state, change.proposal);
      assert(proposal.effectiveAtMs !== undefined && change.atMs >= proposal.effectiveAtMs, 'a change takes effect after its quorum and its delay');
      return replaced(state, proposal);
    }
    case 'cancelled': {
      const proposal = openProposal(state, change.proposal);
      const by = demandOperator(state.file, change, changeMessage('cancel', proposal.id));
      // By the key as well: a new key under the same name is how a stolen one is replaced.
      if (!proposal.policy.operators.keys.some(({ name, key }) => name === by.name && key === by.key)) {
        throw new Problem(
          'policy/bad-signature',
          `Proposal ${proposal.id} removes ${change.operator} or this key of the name, which therefore cannot cancel it.`,
          {
            operator: change.operator,
          },
        );
      }
      return { ...state, proposals: state.proposals.filter(({ id }) => id !== proposal.id), closed: [...state.closed, proposal.id] };
    }
    case 'stopped':
      demandOperator(state.file, change, changeMessage('stop', stopSubject(state)));
      return { ...state, inForce: { ...state.inForce, stop: 'everything' }, stops: state.stops + 1 };
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
  if (policy.version !== state.file.version + 1) {
    throw new Problem(
      'policy/stale',
      `The policy in force has version ${state.file.version}, so the next has ${state.file.version + 1}, not ${policy.version}.`,
    );
  }
  const id = proposalId(state.file, policy, change.nonce);
  if (state.closed.includes(id) || state.proposals.some((open) => open.id === id))
    throw new Problem('policy/stale', `Proposal ${id} was made before.`, { proposal: id });
  demandOperator(state.file, change, changeMessage('approve', id));
  // Of each operator, so that one whose key was stolen fills no disk and keeps nobody else from proposing.
  if (state.proposals.filter(({ operators: [first] }) => first === change.operator).length >= MAX_OPEN_PROPOSALS)
    throw new Problem('policy/too-many-proposals', `${change.operator} has ${MAX_OPEN_PROPOSALS} proposals open; one of them has to be cancelled first.`, {
      operator: change.operator,
    });
  const proposal: Proposal = {
    id,
    policy,
    direction: compare(state.inForce, policy),
    operators: [change.operator],
    status: 'proposed',
    effectiveAtMs: undefined,
    stops: state.stops,
  };
  return withProposal(state, counted(state.file, proposal, change.atMs));
}

/** With a quorum the delay begins: that of the file in force, never of the proposed one, and never again by later signatures. */
function counted(file: Policy, proposal: Proposal, atMs: TimeMs): Proposal {
  if (proposal.status === 'approved' || proposal.operators.length < file.operators.quorum) return proposal;
  const delayS = proposal.direction === 'loosening' ? file.changes.looseningDelayS : file.changes.tighteningDelayS;
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

/** Other proposals are over: they were signed against a file that is gone. A stop that came after this proposal stays. */
function replaced(state: PolicyState, { policy, stops }: Proposal): PolicyState {
  const isStopped = stops < state.stops;
  return {
    inForce: isStopped ? { ...policy, stop: 'everything' } : policy,
    file: policy,
    stops: state.stops,
    proposals: [],
    closed: [...state.closed, ...state.proposals.map(({ id }) => id)],
  };
}

function demandOperator(policy: Policy, { operator: named, signature }: OperatorSignature, message: Uint8Array): Policy['operators']['keys'][number] {
  const operator = policy.operators.keys.find(({ name }) => name === named);
  if (!operator) throw new Problem('policy/bad-signature', `Nobody called ${named} is an operator of the policy in force.`, { operator: named });
  if (!isEd25519(signature, message, operator.key))
    throw new Problem('policy/bad-signature', `The signature is not by ${named} over this change.`, { operator: named });
  return operator;
}
