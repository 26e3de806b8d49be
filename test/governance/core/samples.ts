import fc from 'fast-check';
import { encodeFunctionData, type Abi, type AbiFunction, type AbiParameter } from 'viem';
import { toHex, type Hex } from '#base';
import { CONTRACT_NAMES, CONTRACTS, type AbiValue, type ContractName, type GovernedDeployment } from '#governance/core';

export const address = (byte: string): Hex => `0x${byte.repeat(20)}`;

export const DEPLOYMENT: GovernedDeployment = {
  format: 'cairn-governance/1',
  chainId: '31337',
  rpcUrl: null,
  safe: address('5a'),
  timelock: address('71'),
  anchor: address('a0'),
  vault: address('f0'),
  safeContracts: {
    singleton: address('01'),
    factory: address('02'),
    fallbackHandler: address('03'),
    multiSend: address('04'),
    multiSendCallOnly: address('05'),
  },
  tokens: [
    {
      symbol: 'tUSD',
      decimals: 6,
      address: address('70'),
    },
  ],
  owner: address('0e'),
  guardian: address('06'),
  operators: [address('b1'), address('b2')],
  fromBlock: '1',
};

export interface Sample {
  readonly contract: ContractName;
  readonly function: string;
  readonly args: readonly AbiValue[];
  readonly data: Hex;
}

/** Every function of our ABIs, by contract. */
export const FUNCTIONS: readonly (readonly [ContractName, AbiFunction])[] = CONTRACT_NAMES.flatMap((contract) =>
  (CONTRACTS[contract] as Abi).flatMap((entry) => (entry.type === 'function' ? [[contract, entry] as const] : [])),
);

const hex = (min: number, max = min) => fc.uint8Array({ minLength: min, maxLength: max }).map(toHex);

function valueOf(parameter: AbiParameter & { readonly components?: readonly AbiParameter[] }): fc.Arbitrary<AbiValue> {
  const { type, components = [] } = parameter;
  if (type.endsWith('[]')) return fc.array(valueOf({ ...parameter, type: type.slice(0, -2) }), { maxLength: 4 });
  if (type === 'tuple') return fc.record(Object.fromEntries(components.map((member) => [member.name ?? '', valueOf(member)])), { noNullPrototype: true });
  if (type === 'address') return hex(20);
  if (type === 'bool') return fc.boolean();
  if (type === 'bytes') return hex(0, 70);
  if (type.startsWith('bytes')) return hex(Number(type.slice(5)));
  return fc.bigInt({ min: 0n, max: (1n << BigInt(type.slice(4))) - 1n });
}

const CARRIERS: Readonly<Record<string, 'one' | 'many'>> = { schedule: 'one', execute: 'one', scheduleBatch: 'many', executeBatch: 'many' };

/** A call of a function with any arguments; where the timelock is told what to call later, that is a call of ours too. */
export function sampleOf(contract: ContractName, abiFunction: AbiFunction): fc.Arbitrary<Sample> {
  const plain = fc.tuple(...abiFunction.inputs.map(valueOf));
  const carries = contract === 'timelock' ? CARRIERS[abiFunction.name] : undefined;
  const inner = fc.constantFrom(...FUNCTIONS.filter(([name]) => name !== 'timelock')).chain(([name, entry]) => sampleOf(name, entry));
  const args: fc.Arbitrary<readonly AbiValue[]> =
    carries === undefined
      ? plain
      : fc
          .tuple(plain, fc.array(inner, { minLength: 1, maxLength: carries === 'one' ? 1 : 3 }))
          .map(([[, , , ...rest], calls]) =>
            carries === 'one'
              ? [DEPLOYMENT[calls[0]!.contract], 0n, calls[0]!.data, ...rest]
              : [calls.map((call) => DEPLOYMENT[call.contract]), calls.map(() => 0n), calls.map(({ data }) => data), ...rest],
          );
  return args.map((values) => ({
    contract,
    function: abiFunction.name,
    args: values,
    data: encodeFunctionData({ abi: [abiFunction], functionName: abiFunction.name, args: values }),
  }));
}
