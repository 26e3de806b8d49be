import { assert, type Asset, type AssetNo } from '#base';
import type { Deployment } from '#chain';

export interface AssetWanted {
  readonly asset: AssetNo;
  readonly symbol: string;
  readonly decimals: number;
  readonly peg: string;
}

/** One whole unit, in minor ones. */
export function wholeOf({ decimals }: Asset): bigint {
  return 10n ** BigInt(decimals);
}

/** What the vault pays at most of a token, in minor units: ten millions a transaction, a hundred millions a day. */
export function capsOf(decimals: number) {
  return { perTransaction: 10n ** BigInt(decimals + 7), perDay: 10n ** BigInt(decimals + 8) };
}

export function listAssets(wanted: readonly AssetWanted[], deployment: Deployment): ReadonlyMap<AssetNo, Asset> {
  return new Map(
    wanted.map(({ asset, symbol, decimals, peg }) => {
      const token = deployment.tokens.find((candidate) => candidate.symbol === symbol);
      assert(token, `no token was deployed for ${symbol}`);
      return [asset, { asset, symbol, decimals, peg, caip19: `eip155:${deployment.chainId}/erc20:${token.address}` }];
    }),
  );
}
