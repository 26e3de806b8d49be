import type { AssetNo, Hex } from '#base';
import type { State } from '#ledger/core';

/** The token of an asset, as the asset's own record names it (CAIP-19: eip155:<chain>/erc20:<address>); null where it has none. */
export function tokenOfAsset(state: State, asset: AssetNo): Hex | null {
  const record = state.keyed.get(`asset:${asset}`);
  if (record?.kind !== 'asset') return null;
  const address = /^eip155:\d+\/erc20:(0x[0-9a-f]{40})$/.exec(record.caip19 ?? '')?.[1];
  return (address as Hex | undefined) ?? null;
}

/** The other way round: which asset a token of the chain is. */
export function assetsByToken(state: State): ReadonlyMap<Hex, AssetNo> {
  const pairs = [...state.assets].map((asset) => [tokenOfAsset(state, asset), asset] as const);
  return new Map(pairs.filter((pair): pair is readonly [Hex, AssetNo] => pair[0] !== null));
}
