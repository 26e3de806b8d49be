import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, derivedId, toHex, utf8, uuidBytes, type Asset, type AssetNo, type BookId, type Hex } from '#base';
import { canonicalJson } from '#anchor/core';
import type { Book } from '#ledger';
import { ACCOUNT_CODES, chartAccount, CREDITS_MUST_NOT_EXCEED_DEBITS, DEBITS_MUST_NOT_EXCEED_CREDITS, type AccountRole, type Command } from '#ledger/core';

/** The reference under which the operator deposits his own liquidity: the book itself. */
export function liquidityReference(bookId: BookId): Hex {
  return toHex(concat(uuidBytes(bookId), new Uint8Array(16)));
}

const CHART: readonly AccountRole[] = ['vault', 'suspense', 'feeIncome', 'fxPosition', 'fxSpreadIncome', 'rounding'];

/** Our own accounts of every asset. The vault is what we have, so it is on the debit side; whatever we owe or own may never be overdrawn. */
export async function openChart(book: Book, assets: ReadonlyMap<AssetNo, Asset>): Promise<void> {
  const commands = [...assets.values()].flatMap<Command>((asset) => [
    { kind: 'openAsset', ...asset },
    ...CHART.map<Command>((role) => ({
      kind: 'openAccount',
      id: chartAccount(book.bookId, role, asset.asset),
      asset: asset.asset,
      code: ACCOUNT_CODES[role],
      flags: role === 'vault' ? CREDITS_MUST_NOT_EXCEED_DEBITS : DEBITS_MUST_NOT_EXCEED_CREDITS,
    })),
  ]);
  const bad = (await book.submit(commands)).find(({ code }) => code !== 'created' && code !== 'exists');
  assert(!bad, `the chart of accounts could not be opened: ${bad?.code}`);
}

/** The fee and FX schedule stands in the book before anything is priced by it, so that an auditor need not take it from a quote. */
export async function publishTariff(book: Book, tariff: object): Promise<void> {
  const schedule = canonicalJson(tariff);
  const [result] = await book.submit([{ kind: 'tariff', tariff: derivedId(keccak_256(utf8(schedule))), schedule }]);
  assert(result?.code === 'created' || result?.code === 'exists', `the tariff could not be published: ${result?.code}`);
}
