import { encodeFunctionData, isAddress, keccak256, stringToBytes, type Abi, type AbiFunction, type AbiParameter } from 'viem';
import { Problem, type Hex } from '#base';
import { CONTRACT_NAMES, CONTRACTS, GOVERNABLE, type ContractName, type GovernedDeployment } from './contracts.ts';
import { lower, type AbiValue, type Call } from './decode.ts';
import { ZERO_32 } from './operation.ts';

function functionOf(contract: ContractName, name: string): AbiFunction {
  const abi: Abi = CONTRACTS[contract];
  return abi.find((entry): entry is AbiFunction => entry.type === 'function' && entry.name === name)!;
}

/** Everything that can be asked for, a line each: `vault.setCaps token=ADDRESS perTransaction=UINT96 perDay=UINT96`. */
export function governableLines(): string[] {
  return CONTRACT_NAMES.flatMap((contract) =>
    GOVERNABLE[contract].map((name) =>
      [`${contract}.${name}`, ...functionOf(contract, name).inputs.map((input) => `${nameOf(input)}=${input.type.toUpperCase()}`)].join(' '),
    ),
  );
}

/** Solidity's leading underscore is no part of a name that people type. */
function nameOf({ name }: AbiParameter): string {
  return (name ?? '').replace(/^_/, '');
}

function wrong(detail: string): Problem {
  return new Problem('cli/bad-arguments', detail);
}

/** The calls that the words ask for: `CONTRACT.FUNCTION NAME=VALUE ...`, once or more. cli/bad-arguments with one sentence where they do not say exactly one thing. */
export function readRequest(deployment: GovernedDeployment, words: readonly string[]): Call[] {
  const requests: { readonly head: string; readonly values: string[] }[] = [];
  for (const word of words) {
    if (!word.includes('=')) requests.push({ head: word, values: [] });
    else if (requests.length === 0) throw wrong(`"${word.slice(0, 60)}" stands before any function.`);
    else requests.at(-1).values.push(word);
  }
  if (requests.length === 0) throw wrong('No change was asked for: CONTRACT.FUNCTION NAME=VALUE ….');
  return requests.map(({ head, values }) => callOf(deployment, head, values));
}

function callOf(deployment: GovernedDeployment, head: string, values: readonly string[]): Call {
  const [contract, name = '', ...rest] = head.split('.') as [ContractName, string?, ...string[]];
  if (!CONTRACT_NAMES.includes(contract) || rest.length > 0 || !GOVERNABLE[contract].includes(name))
    throw wrong(`"${head.slice(0, 60)}" is nothing that governance does.`);
  const { inputs } = functionOf(contract, name);
  const given = new Map<string, string>();
  for (const value of values) {
    const key = value.slice(0, value.indexOf('='));
    if (!inputs.some((input) => nameOf(input) === key)) throw wrong(`${head} takes no "${key.slice(0, 60)}".`);
    if (given.has(key)) throw wrong(`${head} was given "${key}" twice.`);
    given.set(key, value.slice(key.length + 1));
  }
  const args = inputs.map((input) => {
    const text = given.get(nameOf(input));
    if (text === undefined) throw wrong(`${head} needs ${nameOf(input)}=${input.type.toUpperCase()}.`);
    return argumentOf(deployment, `${head} ${nameOf(input)}`, input.type, text);
  });
  const abi: Abi = CONTRACTS[contract];
  return { to: deployment[contract], value: 0n, data: encodeFunctionData({ abi, functionName: name, args }) };
}

function argumentOf(deployment: GovernedDeployment, what: string, type: string, text: string): AbiValue {
  if (type === 'address') return addressOf(deployment, what, text);
  if (type === 'bytes32') return roleOf(what, text);
  const bits = /^uint(\d+)$/.exec(type)?.[1];
  if (bits === undefined || !/^\d{1,78}$/.test(text) || BigInt(text) >= 1n << BigInt(bits))
    throw wrong(`${what} takes a whole number of ${type}, in minor units or seconds, not "${text.slice(0, 60)}".`);
  return BigInt(text);
}

/** An address, or the symbol of a token, or who somebody is: safe, timelock, anchor, vault, owner, guardian, operator-1, operator-2. */
function addressOf(deployment: GovernedDeployment, what: string, text: string): Hex {
  const names: Readonly<Record<string, Hex>> = {
    ...Object.fromEntries(deployment.tokens.map(({ symbol, address }) => [symbol, address])),
    ...Object.fromEntries(deployment.operators.map((operator, i) => [`operator-${i + 1}`, operator])),
    ...Object.fromEntries((['safe', 'timelock', 'anchor', 'vault', 'owner', 'guardian'] as const).map((name) => [name, deployment[name]])),
  };
  if (Object.hasOwn(names, text)) return names[text]!;
  // In mixed case the spelling is a checksum (EIP-55): a mistyped digit does not pass.
  if (!isAddress(text)) throw wrong(`${what} takes an address, or the name of one, not "${text.slice(0, 60)}".`);
  return lower(text);
}

function roleOf(what: string, text: string): Hex {
  if (text === 'DEFAULT_ADMIN_ROLE') return ZERO_32;
  if (!/^(?:PROPOSER|CANCELLER|EXECUTOR)_ROLE$/.test(text))
    throw wrong(`${what} takes PROPOSER_ROLE, CANCELLER_ROLE, EXECUTOR_ROLE or DEFAULT_ADMIN_ROLE, not "${text.slice(0, 60)}".`);
  return keccak256(stringToBytes(text));
}
