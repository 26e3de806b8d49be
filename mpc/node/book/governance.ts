import { Problem, toHex } from '#base';
import { intentDigest, type GovernanceIntent, type TimelockCancelIntent } from '#custody/intents';
import { contractAt, judge, objections, timelockOperations, transactionOf, type Call, type GovernanceLog } from '#governance/core';
import { refuse, type ContractFact, type GovernanceFacts, type Refusal, type Registration, type TimelockCancelFacts } from './core/core.ts';

/** What the Safe is to do, decoded to the last byte by the same functions that the operators' tool has. What of it may be is the policy's business; what cannot be read is refused. */
export function judgeGovernance(
  registration: Registration,
  intent: GovernanceIntent,
  witnessed: Pick<GovernanceFacts, 'witnessedMs'>,
): GovernanceFacts | Refusal {
  try {
    const judged = judge(registration, transactionOf(intent));
    const called: readonly Call[] = judged.kind === 'owners' ? [intent] : [intent, ...judged.scheduling.calls];
    const { chainId, safe } = registration;
    const contracts: ContractFact[] = [{ role: 'safe', address: safe }];
    for (const { to } of called) {
      const role = contractAt(registration, to);
      if (role && !contracts.some(({ address }) => address === to)) contracts.push({ role, address: to });
    }
    return { kind: 'governance', chainId, contracts, payments: [], digest: toHex(intentDigest(intent)), ...witnessed, nonce: intent.nonce, judged };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return refuse(error.code === 'governance/undecodable' ? 'call-decoded' : 'call-governable', error.detail.replace(/\.$/, ''));
  }
}

/** What the timelock was told, up to the final block, and the number of transactions of the owner's account. */
export interface GovernanceView {
  readonly logs: readonly GovernanceLog[];
  readonly ownerNonce: bigint;
  readonly witnessedMs: number;
}

/** Cancels only what this node did not agree to: otherwise whoever holds the coordinator could stop every change, also the one that takes the keys from him. */
export function judgeTimelockCancel(
  registration: Registration,
  agreed: readonly GovernanceIntent[],
  { logs, ownerNonce, witnessedMs }: GovernanceView,
  intent: TimelockCancelIntent,
): TimelockCancelFacts | Refusal {
  const operations = timelockOperations(registration, logs);
  const operation = operations.findLast(({ id, state }) => id === intent.operation && state === 'pending');
  if (!operation) return refuse('operation-pending', `No operation ${intent.operation} is pending at the timelock`);
  const objection = objections(registration, [operation], agreed)[0]?.reason;
  if (!objection) return refuse('operation-objected', `This node agreed to the operation ${intent.operation}, exactly as it is`);
  if (intent.nonce !== ownerNonce) return refuse('account-nonce', `It is transaction ${intent.nonce} of the owner’s account, and ${ownerNonce} comes next`);
  const { chainId, timelock } = registration;
  return {
    kind: 'timelockCancel',
    chainId,
    contracts: [{ role: 'timelock', address: timelock }],
    payments: [],
    digest: toHex(intentDigest(intent)),
    witnessedMs,
    operation,
    objection,
    mostFee: intent.gas * intent.maxFeePerGas,
  };
}
