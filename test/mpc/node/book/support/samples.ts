import { randomBytes } from 'node:crypto';
import { newId, type Asset, type AssetNo, type BookId, type Hex, type MerchantId, type OrderId } from '#base';
import { canonicalJson } from '#anchor/core';
import type { AuthorisationJson, Messages } from '#identity/core';
import {
  ACCOUNT_CODES,
  chartAccount,
  CREDITS_MUST_NOT_EXCEED_DEBITS,
  DEBITS_MUST_NOT_EXCEED_CREDITS,
  type AccountRole,
  type Command,
  type TransferCommand,
} from '#ledger/core';
import type { OrderEvidence, PayeeEvidence, Quote, QuoteEvidence } from '#payments/core';
import { loadExample } from '../../../../../scripts/example/example.ts';
import type { Mined } from './fakeChain.ts';
import { addressOfKey } from '../../../../support/trade.ts';

export const START_MS = 1_800_000_000_000;
export const USD = 1 as AssetNo;
export const EUR = 2 as AssetNo;
export const TOKENS = new Map<AssetNo, Hex>([
  [USD, `0x${'01'.repeat(20)}`],
  [EUR, `0x${'02'.repeat(20)}`],
]);
export const ASSETS: readonly Asset[] = [
  { asset: USD, symbol: 'tUSD', decimals: 6, peg: 'USD', caip19: `eip155:31337/erc20:${TOKENS.get(USD)!}` },
  { asset: EUR, symbol: 'tEUR', decimals: 18, peg: 'EUR', caip19: `eip155:31337/erc20:${TOKENS.get(EUR)!}` },
];
/** Blocks on top that make one final. */
export const DEPTH = 2;
export const FAR_S = 4_000_000_000n;
export const EXAMPLE = loadExample();
export const random = (length: number) => new Uint8Array(randomBytes(length));

export function freshId<Id extends string>(): Id {
  return newId(START_MS, random) as string as Id;
}

export interface Person {
  readonly id: MerchantId;
  readonly key: Hex;
  readonly address: Hex;
}

export interface Entry {
  readonly message: Messages['Payee'];
  readonly digest: Hex;
}

export interface Placed {
  readonly order: OrderId;
  readonly digest: Hex;
  readonly file: Uint8Array;
}

/** Where an attack may put in something else than what the platform's own code would write. */
export interface HoldChanges {
  readonly order?: (evidence: OrderEvidence) => object;
  readonly payee?: (evidence: PayeeEvidence) => object;
  readonly quote?: (evidence: QuoteEvidence) => object;
  readonly priced?: (quoted: Quote) => Quote;
  readonly commands?: (commands: readonly TransferCommand[]) => readonly TransferCommand[];
  readonly position?: number;
}

/** Assets and the accounts of the operator, as settlement opens them. */
export function chartCommands(book: BookId): readonly Command[] {
  const roles: readonly AccountRole[] = ['vault', 'suspense', 'feeIncome', 'fxPosition', 'fxSpreadIncome', 'rounding'];
  return ASSETS.flatMap<Command>((asset) => [
    { kind: 'openAsset', ...asset },
    ...roles.map<Command>((role) => ({
      kind: 'openAccount',
      id: chartAccount(book, role, asset.asset),
      asset: asset.asset,
      code: ACCOUNT_CODES[role],
      flags: role === 'vault' ? CREDITS_MUST_NOT_EXCEED_DEBITS : DEBITS_MUST_NOT_EXCEED_CREDITS,
    })),
  ]);
}

/** The `deposit` field of a credit, as settlement writes it. */
export function depositField({ chainId, place, token, from, amount, reference }: DepositSaid): string {
  const { transaction: transactionHash, logIndex, block } = place;
  const at = { blockHash: `0x${'bb'.repeat(32)}`, blockNumber: `${block}`, chainId: `${chainId}`, logIndex, transactionHash };
  return canonicalJson({ ...at, amount: `${amount}`, from, kind: reference === null ? 'plain' : 'referenced', reference, token });
}

interface DepositSaid {
  readonly chainId: bigint;
  readonly place: Mined;
  readonly token: Hex;
  readonly from: Hex;
  readonly amount: bigint;
  readonly reference: Hex | null;
}

export function personOf(digits: string): Person {
  const key: Hex = `0x${digits.repeat(32)}`;
  return { id: freshId<MerchantId>(), key, address: addressOfKey(key) };
}

export function evidence(json: AuthorisationJson, subject: MerchantId) {
  return { fields: { authorisation: canonicalJson(json) }, subject };
}
