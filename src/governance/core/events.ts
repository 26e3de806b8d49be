import { decodeEventLog, encodeEventTopics } from 'viem';
import { isHex, Problem, type Hex } from '#base';
import { SAFE_ABI, TIMELOCK_ABI } from '#chain/abi';
import type { Contracts } from './contracts.ts';
import { lower, type Call } from './decode.ts';
import { ZERO_32, type Scheduling } from './operation.ts';

/** A log of the timelock or of the Safe, as a node of the chain gives it; hexadecimal in lower case. */
export interface GovernanceLog {
  readonly address: Hex;
  readonly topics: readonly Hex[];
  readonly data: Hex;
  readonly transactionHash: Hex;
}

/** One scheduling of an operation, and what became of it. What was cancelled and proposed again is another one with the same id. */
export interface TimelockOperation extends Scheduling {
  readonly id: Hex;
  readonly state: 'pending' | 'executed' | 'cancelled';
  /** The transaction of the chain that proposed it. */
  readonly transaction: Hex;
  /** The Safe's transaction that proposed it, and the signatures that it was sent with (Safe's encoding); null where it was no transaction of the Safe. */
  readonly proposedBy: { readonly safeTransaction: Hex; readonly signatures: Hex } | null;
}

const TIMELOCK_EVENTS = ['CallScheduled', 'CallSalt', 'CallExecuted', 'Cancelled'] as const;
const SAFE_EVENTS = ['SafeMultiSigTransaction', 'ExecutionSuccess'] as const;

/** topic 0 of every event that `timelockOperations` reads: what to ask a node for, at the addresses of the timelock and the Safe. */
export const GOVERNANCE_TOPICS: readonly Hex[] = [
  ...TIMELOCK_EVENTS.map((eventName) => encodeEventTopics({ abi: TIMELOCK_ABI, eventName })[0]),
  ...SAFE_EVENTS.map((eventName) => encodeEventTopics({ abi: SAFE_ABI, eventName })[0]),
];

type Draft = { -readonly [Member in keyof TimelockOperation]: TimelockOperation[Member] };

/**
 * Every scheduling in the order of the chain, from all logs of timelock and Safe since the deployment in that order. A scheduling belongs to the Safe's transaction whose ExecutionSuccess is the next
 * one of the Safe in the same transaction of the chain: Safe emits it after the call, so where one execution holds another, the inner one's comes first.
 */
export function timelockOperations(contracts: Contracts, logs: readonly GovernanceLog[]): TimelockOperation[] {
  const operations: Draft[] = [];
  const pending = new Map<Hex, Draft>();
  /** Of the transaction being read: schedulings that no ExecutionSuccess has followed yet, and signatures of executions that have begun. */
  let unclaimed: Draft[] = [];
  let signatures: Hex[] = [];
  let transaction: Hex | undefined;
  for (const log of logs) {
    if (log.transactionHash !== transaction) [unclaimed, signatures, transaction] = [[], [], log.transactionHash];
    if (log.address === contracts.safe) {
      const event = safeEvent(log);
      if (event?.eventName === 'SafeMultiSigTransaction') signatures.push(lower(event.args.signatures));
      if (event?.eventName !== 'ExecutionSuccess') continue;
      const proposedBy = { safeTransaction: lower(event.args.txHash), signatures: signatures.pop() ?? '0x' };
      for (const draft of unclaimed) draft.proposedBy = proposedBy;
      unclaimed = [];
    }
    if (log.address !== contracts.timelock) continue;
    const event = timelockEvent(log);
    if (!event) continue;
    const id = event.args.id;
    if (event.eventName === 'CallScheduled') {
      const { index, target, value, data, predecessor, delay } = event.args;
      const call: Call = { to: lower(target), value, data };
      if (index > 0n) {
        const draft = pending.get(id);
        if (!draft || BigInt(draft.calls.length) !== index)
          throw new Problem('chain/refused-by-node', `The node left out a log: call ${index} of operation ${id} comes without the one before it.`, { id });
        draft.calls = [...draft.calls, call];
        continue;
      }
      const draft: Draft = {
        id,
        calls: [call],
        predecessor,
        salt: ZERO_32,
        delayS: delay,
        state: 'pending',
        transaction: log.transactionHash,
        proposedBy: null,
      };
      operations.push(draft);
      pending.set(id, draft);
      unclaimed.push(draft);
    }
    const draft = pending.get(id);
    if (!draft) continue;
    if (event.eventName === 'CallSalt') draft.salt = event.args.salt;
    if (event.eventName === 'CallExecuted') draft.state = 'executed';
    if (event.eventName === 'Cancelled') {
      draft.state = 'cancelled';
      pending.delete(id);
    }
  }
  return operations;
}

function timelockEvent({ topics, data }: GovernanceLog) {
  if (!isKnown(topics)) return undefined;
  const event = decodeEventLog({ abi: TIMELOCK_ABI, topics: [...topics] as [Hex, ...Hex[]], data });
  return event.eventName === 'CallScheduled' || event.eventName === 'CallSalt' || event.eventName === 'CallExecuted' || event.eventName === 'Cancelled'
    ? event
    : undefined;
}

export function safeEvent({ topics, data }: GovernanceLog) {
  return isKnown(topics) ? decodeEventLog({ abi: SAFE_ABI, topics: [...topics] as [Hex, ...Hex[]], data }) : undefined;
}

function isKnown([topic]: readonly Hex[]): boolean {
  return topic !== undefined && isHex(topic, 32) && GOVERNANCE_TOPICS.includes(topic);
}
