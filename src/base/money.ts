import { assert, Problem } from './problem.ts';

/** The number of an asset inside a deployment (TigerBeetle's `ledger`): an entry of the asset table, named by CAIP-19 there. */
export type AssetNo = number & { readonly __asset: 'asset' };

/** Minor units of one asset. Never a JavaScript number. */
export interface Money {
  readonly asset: AssetNo;
  readonly amount: bigint;
}

export interface Asset {
  readonly asset: AssetNo;
  /** Shown to people: tUSD. */
  readonly symbol: string;
  readonly decimals: number;
  /** CAIP-19 of the token, for example eip155:31337/erc20:0x...; an asset off the chain has none. */
  readonly caip19: string | null;
  /** ISO 4217 code of the currency it is pegged to. */
  readonly peg: string;
}

/** The largest amount a transfer or a balance can hold: 2^128 - 1. */
export const MAX_AMOUNT = (1n << 128n) - 1n;

/** "12.50" with 2 decimals is 1250n. More fraction digits than the asset has are refused, never rounded. */
export function parseDecimal(text: string, decimals: number): bigint {
  const match = /^(\d{1,38})(?:\.(\d{1,38}))?$/.exec(text);
  if (!match) throw new Problem('base/bad-amount', `"${text.slice(0, 60)}" is not a decimal amount.`);
  const fraction = (match[2] ?? '').replace(/0+$/, '');
  if (fraction.length > decimals) throw new Problem('base/bad-amount', `"${text.slice(0, 60)}" has more than ${decimals} decimals.`);
  return BigInt(match[1]! + fraction.padEnd(decimals, '0'));
}

/** 1250n with 2 decimals is "12.50". */
export function formatDecimal(amount: bigint, decimals: number): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const sign = amount < 0n ? '-' : '';
  return decimals === 0 ? sign + whole : `${sign}${whole}.${digits.slice(digits.length - decimals)}`;
}

/** a * b / c, rounded up: what a customer owes. */
export function mulDivUp(a: bigint, b: bigint, c: bigint): bigint {
  assert(a >= 0n && b >= 0n && c > 0n, 'mulDivUp takes no negative numbers');
  return (a * b + c - 1n) / c;
}

/** a * b / c, rounded down: what we may keep. */
export function mulDivDown(a: bigint, b: bigint, c: bigint): bigint {
  assert(a >= 0n && b >= 0n && c > 0n, 'mulDivDown takes no negative numbers');
  return (a * b) / c;
}
