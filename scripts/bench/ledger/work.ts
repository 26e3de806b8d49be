import { randomFillSync } from 'node:crypto';
import { assert, newId, type AccountId, type AssetNo, type BookId, type TransferId } from '#base';
import type { Book } from '#ledger';
import type { TransferCommand } from '#ledger/core';

/** A program's own generator is enough: what is measured is the store. The seed keeps runs alike. */
let seed = 42;
export function random(below: number): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

/** Random bytes by the page: a call of the system for each id would be a part of what is measured. */
const page = new Uint8Array(65_536);
let used = page.length;
function bytes(length: number): Uint8Array {
  if (used + length > page.length) {
    randomFillSync(page);
    used = 0;
  }
  used += length;
  return page.slice(used - length, used);
}

export function fresh<Id extends TransferId | AccountId | BookId>(): Id {
  return newId<Id>(Date.now(), bytes);
}

/** Between accounts drawn uniformly, no account with itself. */
export function transfers(accounts: readonly AccountId[], count: number): TransferCommand[] {
  return Array.from({ length: count }, () => {
    const debit = random(accounts.length);
    const credit = (debit + 1 + random(accounts.length - 1)) % accounts.length;
    const amount = BigInt(1 + random(1_000_000));
    return { kind: 'transfer', id: fresh<TransferId>(), debit: accounts[debit]!, credit: accounts[credit]!, asset: 1 as AssetNo, amount, code: 99 };
  });
}

/** One side of every transfer is the same account. */
export function hotTransfers(hot: AccountId, others: readonly AccountId[], count: number): TransferCommand[] {
  return transfers(others, count).map((transfer, i) => (i % 2 === 0 ? { ...transfer, debit: hot } : { ...transfer, credit: hot }));
}

export function requests(count: number, make: () => TransferCommand[]): TransferCommand[][] {
  return Array.from({ length: count }, make);
}

/** Opens the asset, where the book is new, and so many accounts without limits. */
export async function accountsOf(book: Book, count: number): Promise<AccountId[]> {
  await book.submit([{ kind: 'openAsset', asset: 1 as AssetNo, decimals: 6, caip19: null, peg: 'USD', symbol: 'tUSD' }]);
  const ids = Array.from({ length: count }, () => fresh<AccountId>());
  for (let i = 0; i < count; i += 5_000) {
    const results = await book.submit(ids.slice(i, i + 5_000).map((id) => ({ kind: 'openAccount', id, asset: 1 as AssetNo, code: 20 })));
    assert(
      results.every((result) => result.code === 'created'),
      'the accounts of the benchmark are opened',
    );
  }
  return ids;
}
