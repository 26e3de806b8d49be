import { decodeFunctionData, encodeFunctionData, type Abi, type AbiFunction, type AbiParameter } from 'viem';
import { Problem, type Hex } from '#base';
import { CONTRACT_NAMES, CONTRACTS, type ContractName, type Contracts } from './contracts.ts';

export interface Call {
  readonly to: Hex;
  /** Wei. */
  readonly value: bigint;
  readonly data: Hex;
}

/** A value of the ABI: hexadecimal in lower case, every integer a bigint. */
export type AbiValue = Hex | string | bigint | boolean | readonly AbiValue[] | { readonly [name: string]: AbiValue };

export interface DecodedArgument {
  readonly name: string;
  /** Solidity's, as in the ABI. */
  readonly type: string;
  readonly value: AbiValue;
}

export interface DecodedCall {
  readonly contract: ContractName;
  readonly function: string;
  readonly args: readonly DecodedArgument[];
  /** The calls that this one carries: what the timelock is told to do later. */
  readonly inner: readonly DecodedCall[];
}

/** viem spells addresses in mixed case (EIP-55); here each has one spelling. */
export function lower(hex: string): Hex {
  return hex.toLowerCase() as Hex;
}

/** Which of our contracts is at this address. */
export function contractAt(contracts: Contracts, address: Hex): ContractName | undefined {
  return CONTRACT_NAMES.find((name) => contracts[name] === address);
}

/**
 * A call in words that a person can judge. governance/undecodable for what is not exactly a call of a known function of one of our contracts: an unknown address or selector, bytes that the function
 * does not read, native coin. What cannot be shown whole is not signed.
 */
export function decodeCall(contracts: Contracts, { to, value, data }: Call): DecodedCall {
  const contract = contractAt(contracts, to);
  if (!contract) throw new Problem('governance/undecodable', `${to} is none of the contracts of this deployment.`, { to });
  if (value !== 0n) throw new Problem('governance/undecodable', `The call sends ${value} wei, and none of our contracts takes native coin.`, { to });
  const { name, inputs, args } = decoded(contract, data);
  const shown = inputs.map((input, i): DecodedArgument => ({ name: input.name ?? '', type: input.type, value: valueOf(args[i]) }));
  return { contract, function: name, args: shown, inner: innerCalls(contract, name, shown).map((call) => decodeCall(contracts, call)) };
}

function decoded(contract: ContractName, data: Hex): { name: string; inputs: readonly AbiParameter[]; args: readonly unknown[] } {
  const abi: Abi = CONTRACTS[contract];
  try {
    const { functionName, args = [] } = decodeFunctionData({ abi, data });
    // Bytes that the decoder skips (dirty padding, a tail) would be signed without being shown.
    if (encodeFunctionData({ abi, functionName, args }) === data) {
      const { inputs } = abi.find((entry): entry is AbiFunction => entry.type === 'function' && entry.name === functionName)!;
      return { name: functionName, inputs, args };
    }
  } catch {
    // Unknown selectors and broken encodings alike: viem has an error for each, and none of them tells the operator more.
  }
  throw new Problem('governance/undecodable', `${data.slice(0, 10)}… is not exactly a call of any known function of the ${contract}.`, { contract, data });
}

/** viem gives integers of up to 48 bits as numbers. */
function valueOf(value: unknown): AbiValue {
  if (typeof value === 'number') return BigInt(value);
  if (typeof value === 'string') return /^0x[0-9a-fA-F]*$/.test(value) ? lower(value) : value;
  if (Array.isArray(value)) return value.map(valueOf);
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, valueOf(member)]));
  return value as AbiValue;
}

function innerCalls(contract: ContractName, name: string, args: readonly DecodedArgument[]): readonly Call[] {
  if (contract !== 'timelock') return [];
  const values = args.map(({ value }) => value);
  if (name === 'schedule' || name === 'execute') {
    const [to, value, data] = values as [Hex, bigint, Hex];
    return [{ to, value, data }];
  }
  if (name === 'scheduleBatch' || name === 'executeBatch') {
    const [targets, amounts, payloads] = values as [readonly Hex[], readonly bigint[], readonly Hex[]];
    if (targets.length !== amounts.length || targets.length !== payloads.length)
      throw new Problem('governance/undecodable', 'The lists of targets, values and payloads are not of one length.', { contract, function: name });
    return targets.map((to, i) => ({ to, value: amounts[i]!, data: payloads[i]! }));
  }
  return [];
}
