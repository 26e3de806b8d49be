import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, derivedId, fromHex, utf8, type AssetNo, type Hex, type MerchantId, type TransferId } from '#base';
import type { DepositPlace, DepositScanner } from '#chain';
import type { Book } from '#ledger';
import { chartAccount, CLOSED, TRANSFER_CODES } from '#ledger/core';

/** How far the deposits are looked at that came from a wallet before it was registered: up to a log of a block of the chain. */
interface WalletSearch extends DepositPlace {
  readonly wallet: Hex;
}

export interface ClaimDependencies {
  readonly book: Book;
  readonly scanner: Pick<DepositScanner, 'plain'>;
  /** Of wallets in the book whose earlier deposits are not all looked at, at most `limit`. */
  readonly openSearches: (limit: number) => Promise<readonly WalletSearch[]>;
  readonly moveSearch: (search: WalletSearch, isWhole: boolean) => Promise<void>;
}

/** A deposit that left suspense. */
export interface ClaimedDeposit {
  readonly merchant: MerchantId;
  readonly asset: AssetNo;
  readonly amount: bigint;
  readonly seq: bigint;
}

/** Of one pass, so that nobody holds up the others by many small transfers from a wallet that he registers then. */
const WALLETS = 20;
const DEPOSITS = 50;

/** Looks for what came from the wallets that were registered since, a page of each. A deposit that is handed over to be credited later is claimed there. */
export async function claimOfWallets(
  { book, scanner, openSearches, moveSearch }: ClaimDependencies,
  report: (claimed: ClaimedDeposit) => void,
): Promise<number> {
  const searches = await openSearches(WALLETS);
  let count = 0;
  for (const search of searches) {
    const deposits = await scanner.plain(search.wallet, search, DEPOSITS);
    for (const { digest } of deposits) {
      const claimed = await claimDeposit(book, digest);
      if (!claimed) continue;
      report(claimed);
      count++;
    }
    const last = deposits.at(-1);
    const reached = last ? { block: last.blockNumber, logIndex: last.identity.logIndex } : search;
    await moveSearch({ ...reached, wallet: search.wallet }, deposits.length < DEPOSITS);
  }
  return count;
}

/**
 * Books the way of a plain deposit out of suspense to the merchant whose wallet has signed since that it is his: all of it, once. A signer node and an auditor find the
 * same by themselves, and take nothing else out of suspense. Undefined where nothing is to be booked.
 */
export function claimDeposit(book: Book, digest: Hex): Promise<ClaimedDeposit | undefined> {
  return book.exclusively(() => claimOnce(book, digest));
}

async function claimOnce(book: Book, digest: Hex): Promise<ClaimedDeposit | undefined> {
  // One that waits under another id could not be credited to its owner's account, which was closed: that is a person's to look at.
  const credited = await book.transfer(derivedId<TransferId>(fromHex(digest)));
  if (credited?.kind !== 'transfer' || credited.code !== TRANSFER_CODES.suspense) return undefined;
  const { asset, amount, fields } = credited;
  const evidence = fields?.deposit ?? '{}';
  const { from, reference } = JSON.parse(evidence) as { readonly from?: Hex; readonly reference?: Hex | null };
  // A reference says whose it was to be, or that it lay at the address of a key of ours: whose wallet it came from says nothing against that.
  if (from === undefined || reference !== null) return undefined;
  const wallet = await book.byKey(`wallet:${from}`);
  if (wallet?.kind !== 'wallet') return undefined;
  const { merchant } = wallet;
  const [debit, credit] = [chartAccount(book.bookId, 'suspense', asset), chartAccount(book.bookId, 'merchant', asset, merchant)];
  const account = await book.account(credit);
  if (!account || (account.flags & CLOSED) !== 0) return undefined;
  const id = derivedId<TransferId>(keccak_256(concat(utf8('cairn.deposit.claimed'), fromHex(digest))));
  const [result] = await book.submit([
    { kind: 'transfer', id, debit, credit, asset, amount, code: TRANSFER_CODES.claimed, subject: merchant, fields: { deposit: evidence } },
  ]);
  // It exists where a crash came between the record and the mark; it is refused where the account was closed in this moment, and then it stays.
  return result?.code === 'created' ? { merchant, asset, amount, seq: result.record.seq } : undefined;
}
