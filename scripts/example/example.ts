import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Hex, MerchantId, OrderId, PayeeId } from '#base';
import { parseTariff, type Tariff } from '#payments/core';

/** What `npm start` runs on: the repository's own example, or a foreign file dressed up as one (./sandbox.ts). */

export interface ExampleAsset {
  /** Asset number in the book. */
  readonly asset: number;
  readonly symbol: string;
  /** The stablecoin calls itself "Test token " and this. */
  readonly label: string;
  readonly decimals: number;
  readonly peg: string;
  /** Addresses its issuer has block-listed before the job starts. */
  readonly blockListed: readonly Hex[];
}

export type DepositMethod = 'permit' | 'authorization' | 'transfer';

export interface ExampleMerchant {
  readonly id: MerchantId;
  readonly name: string;
  /** Debtor accounts his order files name. */
  readonly accounts: readonly string[];
  /** Symbol of the stablecoin he holds and pays in. */
  readonly asset: string;
  /** Whole units, as a plain decimal. */
  readonly deposit: { readonly amount: string; readonly method: DepositMethod };
  /** Signs payees and orders. Public: worth nothing but on a local chain. */
  readonly publicTestKey: Hex;
  /** Holds his stablecoins and signs deposits. Public like the other. */
  readonly publicTestWalletKey: Hex;
}

export interface ExamplePayee {
  readonly id: PayeeId;
  /** In whose directory he is. */
  readonly merchant: MerchantId;
  readonly name: string;
  /** As the order file names the creditor's account. */
  readonly account: string;
  /** ISO 3166-1 alpha-2, null where the file does not say. */
  readonly country: string | null;
  readonly asset: string;
  readonly settlementAddress: Hex;
}

/** What is meant to become of a payment of the repository's example. */
export type ExampleOutcome = 'paid' | 'duplicate' | 'sanctioned' | 'own-block-list' | 'token-block-listed' | 'cannot-afford' | 'payee-not-in-directory';

export interface ExampleOrder {
  readonly id: OrderId;
  readonly merchant: MerchantId;
  /** Path of the file, for people. */
  readonly file: string;
  readonly bytes: Uint8Array;
  /** By index of the payment; null where nobody promised anything (a foreign file). */
  readonly outcomes: readonly ExampleOutcome[] | null;
}

export interface Example {
  readonly assets: readonly ExampleAsset[];
  readonly merchants: readonly ExampleMerchant[];
  readonly payees: readonly ExamplePayee[];
  readonly orders: readonly ExampleOrder[];
  readonly tariff: Tariff;
  /** For `parseRates(rates, nowMs)`: the example's feed delivers when it is asked. */
  readonly rates: unknown;
  /** Folder of sdn.csv, alt.csv, add.csv and sdn_comments.csv; fictitious, in OFAC's format. */
  readonly sanctionsFolder: string;
  readonly blockListFile: string;
}

interface Manifest {
  readonly assets: readonly ExampleAsset[];
  readonly merchants: string;
  readonly payees: string;
  readonly tariff: string;
  readonly rates: string;
  readonly sanctions: string;
  readonly blockList: string;
  readonly orders: readonly Omit<ExampleOrder, 'bytes'>[];
}

const MANIFEST = new URL('./example.json', import.meta.url);

function json<Shape>(path: string | URL): Shape {
  return JSON.parse(readFileSync(new URL(path, MANIFEST), 'utf8')) as Shape;
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(name, MANIFEST));
}

/** The repository's own example. */
export function loadExample(): Example {
  const manifest = json<Manifest>(MANIFEST);
  return {
    assets: manifest.assets,
    merchants: json<{ merchants: readonly ExampleMerchant[] }>(manifest.merchants).merchants,
    payees: json(manifest.payees),
    orders: manifest.orders.map((order) => ({ ...order, file: pathOf(order.file), bytes: new Uint8Array(readFileSync(pathOf(order.file))) })),
    tariff: parseTariff(json(manifest.tariff)),
    rates: json(manifest.rates),
    sanctionsFolder: pathOf(manifest.sanctions),
    blockListFile: pathOf(manifest.blockList),
  };
}
