import { Problem, type AssetNo, type Hex } from '#base';
import { parseCanonicalJson } from '#anchor/core';
import type { State } from '#ledger/core';
import type { Fault, Rule } from './rules.ts';

type Shape = Readonly<Record<string, 'string' | 'number' | 'boolean'>>;
type ValueOf<Kind> = Kind extends 'string' ? string : Kind extends 'number' ? number : boolean;
export type Shaped<S extends Shape> = { readonly [Member in keyof S]: ValueOf<S[Member]> };

/** The evidence with at least these members, or a sentence that says what it lacks: nobody vouches for its shape. */
export function readEvidence<const S extends Shape>(json: string | undefined, shape: S): Shaped<S> | string {
  if (json === undefined) return 'is not shown';
  const value = orFault('feed-readable', () => parseCanonicalJson(json));
  if (isFault(value)) return `cannot be read: ${value.reason}`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is no object';
  const lacking = Object.entries(shape).find(([member, kind]) => typeof (value as Record<string, unknown>)[member] !== kind);
  return lacking ? `has no ${lacking[1]} "${lacking[0]}"` : (value as Shaped<S>);
}

/** What the work gives, or the problem that it met as a fault of `rule`. Bugs of ours stay bugs. */
export function orFault<T>(rule: Rule | ((problem: Problem) => Rule), work: () => T): T | Fault {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { rule: typeof rule === 'string' ? rule : rule(error), reason: error.detail.replace(/\.$/, '') };
  }
}

export function isFault(value: unknown): value is Fault {
  return typeof value === 'object' && value !== null && 'rule' in value && 'reason' in value;
}

/** The token of an asset, as the asset's own record names it (CAIP-19: eip155:<chain>/erc20:<address>), on this chain; null where it has none. */
export function tokenOfAsset(state: State, chainId: bigint, asset: AssetNo): Hex | null {
  const record = state.keyed.get(`asset:${asset}`);
  if (record?.kind !== 'asset') return null;
  const [, chain, address] = /^eip155:(\d+)\/erc20:(0x[0-9a-f]{40})$/.exec(record.caip19 ?? '') ?? [];
  return chain === `${chainId}` ? (address as Hex) : null;
}
