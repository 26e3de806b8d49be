import { keccak256, stringToBytes } from 'viem';
import { formatDecimal, type Hex } from '#base';
import type { GovernedDeployment } from './contracts.ts';
import type { AbiValue, DecodedArgument, DecodedCall } from './decode.ts';
import type { Judged } from './judge.ts';
import { ZERO_32, ZERO_ADDRESS } from './operation.ts';

const ROLES = new Map<Hex, string>([
  [ZERO_32, 'DEFAULT_ADMIN_ROLE'],
  ...['PROPOSER_ROLE', 'CANCELLER_ROLE', 'EXECUTOR_ROLE'].map((name): [Hex, string] => [keccak256(stringToBytes(name)), name]),
]);

/** Who is at an address, as far as the deployment says. */
export function nameOf(deployment: GovernedDeployment, address: Hex): string | undefined {
  const named: readonly (readonly [string, Hex])[] = [
    ...(['safe', 'timelock', 'anchor', 'vault', 'owner', 'guardian'] as const).map((name) => [`the ${name}`, deployment[name]] as const),
    ...deployment.operators.map((operator, i) => [`operator ${i + 1}`, operator] as const),
    ...deployment.tokens.map(({ symbol, address: token }) => [symbol, token] as const),
    ['anybody', ZERO_ADDRESS],
  ];
  return named.find(([, candidate]) => candidate === address)?.[0];
}

/** An address with whose it is. */
export function shownAddress(deployment: GovernedDeployment, address: Hex): string {
  const name = nameOf(deployment, address);
  return name === undefined ? `${address} (nobody of this deployment)` : `${address} (${name})`;
}

/** Seconds in words: 2 d 0 h, 3 h 20 min, 45 s. */
export function shownSeconds(seconds: bigint): string {
  if (seconds < 120n) return `${seconds} s`;
  if (seconds < 7_200n) return `${seconds / 60n} min ${seconds % 60n} s`;
  if (seconds < 172_800n) return `${seconds / 3_600n} h ${(seconds % 3_600n) / 60n} min`;
  return `${seconds / 86_400n} d ${(seconds % 86_400n) / 3_600n} h`;
}

const AMOUNTS = ['perTransaction', 'perDay', 'probe'];

/** A call as a person reads it: its function and every argument by name, nothing left out. What it carries is indented below it. */
export function describeCall(deployment: GovernedDeployment, call: DecodedCall, indent = '  '): string[] {
  const token = call.args.find(({ name }) => name === 'token')?.value;
  const decimals = deployment.tokens.find(({ address }) => address === token);
  const shown = ({ name, type, value }: DecodedArgument): string => {
    if (type === 'address') return shownAddress(deployment, value as Hex);
    if (name === 'role') return `${plain(value)} (${ROLES.get(value as Hex) ?? 'no role of the timelock'})`;
    if (AMOUNTS.includes(name) && decimals) return `${plain(value)} (${formatDecimal(value as bigint, decimals.decimals)} ${decimals.symbol})`;
    if (name === 'newDelay' || name === 'delay') return `${plain(value)} (${shownSeconds(value as bigint)})`;
    return plain(value);
  };
  const width = Math.max(0, ...call.args.map(({ name }) => name.length));
  return [
    `${indent}${call.contract}.${call.function}(${call.args.map(({ type, name }) => `${type} ${name}`).join(', ')})`,
    ...call.args.map((argument) => `${indent}  ${argument.name.padEnd(width)}  ${shown(argument)}`),
    ...call.inner.flatMap((inner) => describeCall(deployment, inner, `${indent}    `)),
  ];
}

function plain(value: AbiValue): string {
  return typeof value === 'object' ? JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? String(member) : member)) : String(value);
}

/** The whole of what is about to be signed, before anybody signs. */
export function describeJudged(deployment: GovernedDeployment, judged: Judged): string {
  if (judged.kind === 'owners')
    return ['The Safe would change its own owners, at once and without a delay:', ...describeCall(deployment, judged.call)].join('\n');
  const { id, scheduling, call } = judged;
  return [
    `The Safe would propose to the timelock, to be done ${shownSeconds(scheduling.delayS)} later unless it is cancelled:`,
    ...call.inner.flatMap((inner) => describeCall(deployment, inner)),
    `  operation ${id}, salt ${scheduling.salt}`,
  ].join('\n');
}
