import { Problem, toHex } from '#base';
import { intentDigest, type GovernanceIntent, type TimelockCancelIntent } from '#custody/intents';
import {
  contractAt,
  judge,
  objections,
  signedBy,
  transactionOf,
  type Call,
  type GovernanceLog,
  type Objection,
  type TimelockOperation,
} from '#governance/core';
import { cancelFees, CANCEL_GAS, feeStage, MOST_TIMES } from './cancelFees.ts';
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

/** The account of the group's owner key, which pays for its cancellations itself: its next nonce by the newest block, its coin in wei by the final one. */
export interface OwnerAccount {
  readonly nonce: bigint;
  readonly balance: bigint;
}

/** What the timelock and the Safe were told, up to the final block, and what a transaction of the owner's account costs. */
export interface GovernanceView {
  readonly logs: readonly GovernanceLog[];
  readonly account: OwnerAccount;
  /** Of the final block, on which the endpoints agree: one that lies can neither raise nor lower it. */
  readonly baseFeePerGas: bigint;
  /** The chain's own clock, by its newest block. */
  readonly newestS: bigint;
  readonly witnessedMs: number;
}

/** An operation that waits in the timelock. */
export interface PendingOperation {
  readonly operation: TimelockOperation;
  /** Null: this node signed it, or the owner key did without this node. */
  readonly objection: Objection['reason'] | null;
  /** From when on anybody can execute it: seconds of the chain's clock. */
  readonly dueS: bigint;
  /** False where every endpoint has it cancelled or executed in its newest block, which is not final yet. */
  readonly isOpen: boolean;
}

/** What is wrong with each of these; a node that was not asked believes the signature of the owner key, which as many gave as must sign. */
export function objectionsIn(
  registration: Registration,
  agreed: readonly GovernanceIntent[],
  { logs }: GovernanceView,
  operations: readonly TimelockOperation[],
): ReadonlyMap<TimelockOperation, Objection['reason']> {
  if (operations.length === 0) return new Map();
  const known = [...agreed, ...signedBy(registration.owner, registration, logs)];
  return new Map(
    operations.flatMap((operation): [TimelockOperation, Objection['reason']][] =>
      objections(registration, [operation], known).map(({ reason }) => [operation, reason]),
    ),
  );
}

/** How far the time of an operation has run, for what its cancellation may cost. */
export function stageOf({ delayS }: TimelockOperation, dueS: bigint, { newestS }: Pick<GovernanceView, 'newestS'>, nowMs: number): number {
  const nowS = BigInt(Math.floor(nowMs / 1000));
  return feeStage({ delayS, leftS: dueS - (newestS > nowS ? newestS : nowS) });
}

/** Cancels only what this node did not agree to: otherwise whoever holds the coordinator could stop every change, also the one that takes the keys from him. */
export function judgeTimelockCancel(
  registration: Registration,
  agreed: readonly GovernanceIntent[],
  view: GovernanceView,
  { operation, dueS }: { readonly operation: TimelockOperation; readonly dueS: bigint },
  intent: TimelockCancelIntent,
  nowMs: number,
): TimelockCancelFacts | Refusal {
  const { account, baseFeePerGas, witnessedMs } = view;
  const objection = objectionsIn(registration, agreed, view, [operation]).get(operation);
  if (!objection) return refuse('operation-objected', `This node agreed to the operation ${intent.operation}, exactly as it is`);
  if (intent.nonce !== account.nonce)
    return refuse('account-nonce', `It is transaction ${intent.nonce} of the owner’s account, and ${account.nonce} comes next`);
  const fees = cancelFees(baseFeePerGas, stageOf(operation, dueS, view, nowMs));
  if (intent.gas > CANCEL_GAS) return refuse('cancel-fee', `It takes up to ${intent.gas} gas, and a cancellation ${CANCEL_GAS}`);
  for (const member of ['maxFeePerGas', 'maxPriorityFeePerGas'] as const)
    if (intent[member] > fees[member] * MOST_TIMES)
      return refuse(
        'cancel-fee',
        `It offers a ${member} of ${intent[member]} wei, and this node would offer ${fees[member]} now, ${MOST_TIMES} times that at most`,
      );
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
