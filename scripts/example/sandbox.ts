import { keccak_256 } from '@noble/hashes/sha3.js';
import { derivedId, mulDivUp, toHex, utf8, type Hex } from '#base';
import { minorUnits, parsePain001, parseRates, rationalOf, quotedRate, type ParsedOrderFile, type RateTable } from '#payments/core';
import { loadExample, type Example, type ExamplePayee } from './example.ts';

/**
 * A foreign order file made runnable: a sandbox merchant who owns every debtor account in it, and on request an invented payee for every creditor account.
 * Everything follows from the file, so that a second run names the same merchant and the same payees.
 */

function digest(...words: readonly string[]): Uint8Array {
  return keccak_256(utf8(JSON.stringify(['cairn.sandbox', ...words])));
}

function invent(file: ParsedOrderFile, merchant: string, symbols: ReadonlyMap<string, string>, fallback: string): readonly ExamplePayee[] {
  const byAccount = new Map<string, ExamplePayee>();
  for (const { creditor, creditorAccount, transferCurrency, defects } of file.payments) {
    if (defects.length > 0 || byAccount.has(creditorAccount.id)) continue;
    byAccount.set(creditorAccount.id, {
      id: derivedId(digest('payee', merchant, creditorAccount.id)),
      merchant: merchant as ExamplePayee['merchant'],
      name: creditor.name,
      account: creditorAccount.id,
      country: creditor.country,
      asset: symbols.get(transferCurrency) ?? fallback,
      settlementAddress: toHex(digest('address', merchant, creditorAccount.id).subarray(12)),
    });
  }
  return [...byAccount.values()];
}

/** Whole units of the pivot's stablecoin that pay for everything in the file with a fifth to spare, and 100 for fees. */
function funds(file: ParsedOrderFile, rates: RateTable): bigint {
  const payable = file.payments.filter(({ currency }) => currency === rates.pivot || Object.hasOwn(rates.rates, currency));
  const costs = payable.map(({ currency, amountMinor }) => {
    const { n, d } = rationalOf(quotedRate(rates, currency));
    return mulDivUp(amountMinor * 12n, n, d * 10n ** BigInt(1 + (minorUnits(currency) ?? 0)));
  });
  return costs.reduce((sum, cost) => sum + cost + 30n, 100n);
}

export interface SandboxOptions {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** 'invented' for every creditor account (--sandbox-payees), 'none' leaves the directory empty. */
  readonly payees: 'invented' | 'none';
}

/**
 * The example's assets, tariff, rates and lists with the given file as the only order. A published sample states a count that is not its own, so that one
 * discrepancy is accepted where the control sum is right; every other defect of the file throws as `parsePain001` does.
 */
export function sandboxExample({ path, bytes, payees }: SandboxOptions): Example {
  const example = loadExample();
  const file = parsePain001(bytes, ['payments/count-mismatch']);
  const accounts = [...new Set(file.groups.map((group) => group.debtorAccount.id))].sort();
  const id = derivedId<ExamplePayee['merchant']>(digest('merchant', ...accounts));
  const rates = parseRates(example.rates, 0);
  const home = example.assets.find((asset) => asset.peg === rates.pivot) ?? example.assets[0]!;
  const key = (purpose: string): Hex => toHex(digest('public test key', purpose, ...accounts));
  const merchant = {
    id,
    name: file.groups[0]?.debtor.name || 'Sandbox merchant',
    accounts,
    asset: home.symbol,
    deposit: { amount: `${funds(file, rates)}`, method: 'permit' as const },
    publicTestKey: key('orders'),
    publicTestWalletKey: key('wallet'),
  };
  const symbols = new Map(example.assets.map((asset) => [asset.peg, asset.symbol]));
  return {
    ...example,
    merchants: [merchant],
    payees: payees === 'invented' ? invent(file, id, symbols, home.symbol) : [],
    orders: [{ id: derivedId(digest('order', id, file.fileHash)), merchant: id, file: path, bytes, outcomes: null }],
  };
}
