import { decodeFunctionData, encodeAbiParameters, encodeFunctionData, keccak256, parseAbiParameters } from 'viem';
import type { Hex } from '#base';
import { TIMELOCK_ABI } from '#chain/abi';
import { lower, type Call } from './decode.ts';

export const ZERO_32: Hex = `0x${'00'.repeat(32)}`;
export const ZERO_ADDRESS: Hex = `0x${'00'.repeat(20)}`;

/** What the timelock does at once, or not at all. */
export interface Operation {
  /** One or more, all or none. */
  readonly calls: readonly Call[];
  /** Id of an operation that has to be done before; zero where there is none. */
  readonly predecessor: Hex;
  /** So that the same calls can be proposed again. */
  readonly salt: Hex;
}

/** An operation and how long it has to wait from its proposal, in seconds. */
export interface Scheduling extends Operation {
  readonly delayS: bigint;
}

const SINGLE = parseAbiParameters('address, uint256, bytes, bytes32, bytes32');
const BATCH = parseAbiParameters('address[], uint256[], bytes[], bytes32, bytes32');

/** hashOperation and hashOperationBatch (OpenZeppelin TimelockController): which of them, the number of calls says. */
export function operationId({ calls, predecessor, salt }: Operation): Hex {
  const [only] = calls;
  if (calls.length === 1) return keccak256(encodeAbiParameters(SINGLE, [only!.to, only!.value, only!.data, predecessor, salt]));
  return keccak256(encodeAbiParameters(BATCH, [...batchOf(calls), predecessor, salt]));
}

function batchOf(calls: readonly Call[]): [Hex[], bigint[], Hex[]] {
  return [calls.map(({ to }) => to), calls.map(({ value }) => value), calls.map(({ data }) => data)];
}

/** Calldata that proposes it to the timelock. */
export function scheduleData({ calls, predecessor, salt, delayS }: Scheduling): Hex {
  const [only] = calls;
  if (calls.length === 1)
    return encodeFunctionData({ abi: TIMELOCK_ABI, functionName: 'schedule', args: [only!.to, only!.value, only!.data, predecessor, salt, delayS] });
  return encodeFunctionData({ abi: TIMELOCK_ABI, functionName: 'scheduleBatch', args: [...batchOf(calls), predecessor, salt, delayS] });
}

/** Calldata that executes it once it is due. */
export function executeData({ calls, predecessor, salt }: Operation): Hex {
  const [only] = calls;
  if (calls.length === 1)
    return encodeFunctionData({ abi: TIMELOCK_ABI, functionName: 'execute', args: [only!.to, only!.value, only!.data, predecessor, salt] });
  return encodeFunctionData({ abi: TIMELOCK_ABI, functionName: 'executeBatch', args: [...batchOf(calls), predecessor, salt] });
}

/** What a call of the timelock would schedule; undefined where it schedules nothing. */
export function schedulingOf(data: Hex): Scheduling | undefined {
  try {
    const { functionName, args } = decodeFunctionData({ abi: TIMELOCK_ABI, data });
    if (functionName === 'schedule') {
      const [to, value, payload, predecessor, salt, delayS] = args;
      return { calls: [{ to: lower(to), value, data: payload }], predecessor, salt, delayS };
    }
    if (functionName === 'scheduleBatch') {
      const [targets, values, payloads, predecessor, salt, delayS] = args;
      return { calls: targets.map((to, i) => ({ to: lower(to), value: values[i]!, data: payloads[i]! })), predecessor, salt, delayS };
    }
  } catch {
    // Not a call of the timelock at all: it schedules nothing.
  }
  return undefined;
}
