import { Problem, type Hex } from '#base';
import type { GovernanceIntent } from '#custody/intents';
import { GOVERNABLE, type Contracts } from './contracts.ts';
import { decodeCall, type DecodedCall } from './decode.ts';
import { operationId, schedulingOf, ZERO_32, ZERO_ADDRESS, type Scheduling } from './operation.ts';

/** Every member of Safe's own SafeTx (Safe.sol, getTransactionHash): all of it is signed, so all of it is looked at. */
export interface SafeTransaction {
  readonly to: Hex;
  /** Wei. */
  readonly value: bigint;
  readonly data: Hex;
  /** 0 calls; 1 delegatecalls: runs foreign code as the Safe itself. */
  readonly operation: number;
  readonly safeTxGas: bigint;
  readonly baseGas: bigint;
  readonly gasPrice: bigint;
  readonly gasToken: Hex;
  readonly refundReceiver: Hex;
  readonly nonce: bigint;
}

/** What a transaction of the Safe would do. */
export type Judged =
  /** Through the timelock: proposed now, done by anybody after the delay unless it is cancelled. */
  | { readonly kind: 'proposal'; readonly call: DecodedCall; readonly id: Hex; readonly scheduling: Scheduling }
  /** At once: a change of the Safe's own owners. */
  | { readonly kind: 'owners'; readonly call: DecodedCall };

function refused(rule: string, detail: string, facts: Readonly<Record<string, unknown>> = {}): Problem {
  return new Problem('governance/transaction-refused', detail, { rule, ...facts });
}

/** What may be signed, in the order in which it is asked: governance/transaction-refused names the rule, governance/undecodable what cannot be shown. */
export function judge(contracts: Contracts, transaction: SafeTransaction): Judged {
  const { to, value, data, operation, safeTxGas, baseGas, gasPrice, gasToken, refundReceiver } = transaction;
  if (operation !== 0) throw refused('delegatecall', 'The transaction would run foreign code as the Safe itself (operation 1, delegatecall).');
  if (safeTxGas !== 0n || baseGas !== 0n || gasPrice !== 0n || gasToken !== ZERO_ADDRESS || refundReceiver !== ZERO_ADDRESS)
    throw refused('refund', 'The transaction would pay whoever sends it out of the Safe, or limit its gas: these members are all zero.');
  if (to !== contracts.timelock && to !== contracts.safe)
    throw refused('target', `The Safe only proposes to the timelock and changes its own owners; this calls ${to}.`, { to });
  const call = decodeCall(contracts, { to, value, data });
  if (call.contract === 'safe') {
    requireGovernable(call);
    return { kind: 'owners', call };
  }
  const scheduling = schedulingOf(data);
  if (!scheduling)
    throw refused('function', `The Safe proposes to the timelock (schedule, scheduleBatch); this calls ${call.function}.`, { function: call.function });
  if (call.function === 'scheduleBatch' && scheduling.calls.length < 2) throw refused('batch', 'A batch has two calls or more.');
  if (scheduling.predecessor !== ZERO_32) throw refused('predecessor', 'A proposal waits for its delay and for no other proposal.');
  for (const inner of call.inner) requireGovernable(inner);
  return { kind: 'proposal', call, id: operationId(scheduling), scheduling };
}

function requireGovernable({ contract, function: name }: DecodedCall): void {
  if (!GOVERNABLE[contract].includes(name)) throw refused('function', `${contract}.${name} is nothing that governance does.`, { contract, function: name });
}

/** What the group's owner key is asked to sign for it. Only after `judge`: the intent has no room for a delegatecall or a refund. */
export function intentOf(chainId: bigint, contracts: Contracts, { to, value, data, nonce }: SafeTransaction): GovernanceIntent {
  return { kind: 'governance', chainId, safe: contracts.safe, to, value, data, nonce };
}

/** The same as a transaction, for `judge`: how a signer node looks at what it is asked to sign. */
export function transactionOf({ to, value, data, nonce }: GovernanceIntent): SafeTransaction {
  const zero = { operation: 0, safeTxGas: 0n, baseGas: 0n, gasPrice: 0n, gasToken: ZERO_ADDRESS, refundReceiver: ZERO_ADDRESS };
  return { ...zero, to, value, data, nonce };
}
