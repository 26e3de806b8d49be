import { NIL_UUID, type AccountId, type BookId, type TransferId } from '#base';
import type { BookReader } from '#ledger';
import { ACCOUNT_CODES, type Account, type LedgerRecord, type Seq } from '#ledger/core';
import { clearingAccount, explain, holdIdOf, partIdOf, passageOf, Tally, type Passed, type Side } from '#interbook/core';
import { assetOf, isSameAsset, Pair, placeOf } from './pair.ts';

/** A transfer that one clearing account shows and the other does not, and why; minor units. It accounts for `sent - received` of what the two differ by. */
export interface NamedTransfer extends Passed {
  readonly transfer: TransferId;
  readonly what: string;
}

/** What two books say that they owe each other in one asset, each as of its own last record; minor units. */
export interface ClearingReport {
  readonly symbol: string;
  readonly decimals: number;
  readonly caip19: string | null;
  /** What the first book owes the second, by the first one's clearing account: credits less debits, posted. */
  readonly owed: bigint;
  /** The same by the second one's: debits less credits. */
  readonly claimed: bigint;
  /** Transfers under way: they account for a difference that goes away by itself. */
  readonly moving: readonly NamedTransfer[];
  /** Transfers that are not what they have to be: one-sided, or touched by hand. */
  readonly wrong: readonly NamedTransfer[];
  /** What `owed` and `claimed` differ by beyond all that is named: never anything but 0 while the balances follow from the records. */
  readonly unexplained: bigint;
}

const PAGE = 1_000;

/** A clearing account and the book it is in, as of that book's last record. */
interface Place {
  readonly book: BookReader;
  readonly account: Account;
  readonly upTo: Seq;
  readonly asset: Extract<LedgerRecord, { kind: 'asset' }>;
}

/**
 * Compares what two books owe each other, asset by asset. Reads every record of both clearing accounts, so that no two errors hide each other, and asks both journals
 * about each transfer that does not show in both. Changes nothing; the books may be in use.
 */
export async function reconcileBooks(first: BookReader, second: BookReader): Promise<readonly ClearingReport[]> {
  const places = [...(await placesOf(first, second.bookId)), ...(await placesOf(second, first.bookId))];
  const holds = [...(await underWay(first, second.bookId)), ...(await underWay(second, first.bookId))];
  const reports: ClearingReport[] = [];
  for (let rest = places; rest[0];) {
    const { asset } = rest[0];
    // One book may have the asset under two numbers: then it has two clearing accounts for it.
    const group = rest.filter((place) => isSameAsset(place.asset, asset));
    rest = rest.filter((place) => !group.includes(place));
    reports.push(await reportOf(first, second, group, holds));
  }
  return reports;
}

async function placesOf(book: BookReader, other: BookId): Promise<Place[]> {
  const { seq: upTo } = await book.head();
  const places: Place[] = [];
  for (let after = NIL_UUID as AccountId; ;) {
    const page = await book.accountsOf(other, { after, limit: PAGE });
    for (const account of page) {
      const asset = await assetOf(book, account.asset);
      const isClearing = account.code === ACCOUNT_CODES.clearing && account.id === clearingAccount(book.bookId, account.asset, other);
      if (isClearing && asset) places.push({ book, account, upTo, asset });
    }
    const last = page.at(-1);
    if (!last || page.length < PAGE) return places;
    after = last.id;
  }
}

interface UnderWay {
  readonly transfer: TransferId;
  readonly sender: BookId;
  /** The clearing account that the hold is on. */
  readonly account: AccountId;
}

/** What a book holds open towards the other one. */
async function underWay(book: BookReader, other: BookId): Promise<UnderWay[]> {
  const found: UnderWay[] = [];
  for (let afterSeq: Seq = 0n; ;) {
    const holds = await book.interbookHolds({ afterSeq, limit: PAGE });
    for (const hold of holds) {
      const account = clearingAccount(book.bookId, hold.asset, other);
      if (hold.debit !== account && hold.credit !== account) continue;
      const { id: transfer, sender } = await placeOf(book, hold);
      found.push({ transfer, sender, account });
    }
    const last = holds.at(-1);
    if (!last || holds.length < PAGE) return found;
    afterSeq = last.seq;
  }
}

async function reportOf(first: BookReader, second: BookReader, places: readonly Place[], holds: readonly UnderWay[]): Promise<ClearingReport> {
  // A transfer is told apart by its direction as well: each book is free to use an id once.
  const tallies = { out: new Tally(), in: new Tally() };
  let walks = places.map((place) => ({ isFirst: place.book === first, pages: passages(place) }));
  // In step with each other, so that what is in both accounts is soon forgotten.
  while (walks.length > 0) {
    const ended = new Set<object>();
    for (const walk of walks) {
      const page = await walk.pages.next();
      if (page.done) ended.add(walk);
      // What comes into the second book left the first.
      else for (const passage of page.value) tallies[walk.isFirst === (passage.direction === 'out') ? 'out' : 'in'].add(passage);
    }
    walks = walks.filter((walk) => !ended.has(walk));
  }
  const rest = [
    { pair: new Pair(first, second), shown: withHolds(tallies.out, holds, first.bookId, places) },
    { pair: new Pair(second, first), shown: withHolds(tallies.in, holds, second.bookId, places) },
  ];
  const moving: NamedTransfer[] = [];
  const wrong: NamedTransfer[] = [];
  for (const { pair, shown } of rest)
    for (const [transfer, passed] of shown) {
      const booked = { sent: await bookedOf(pair, transfer, 'sender', places), received: await bookedOf(pair, transfer, 'receiver', places) };
      const { kind, what } = explain(await pair.observe(transfer), booked, passed);
      if (kind === 'done') continue;
      (kind === 'moving' ? moving : wrong).push({ transfer, ...passed, what });
    }
  const owed = await creditBalance(places.filter(({ book }) => book === first));
  const claimed = -(await creditBalance(places.filter(({ book }) => book === second)));
  const named = [...moving, ...wrong].reduce((sum, { sent, received }) => sum + sent - received, 0n);
  const { symbol, decimals, caip19 } = places[0]!.asset;
  return { symbol, decimals, caip19, owed, claimed, moving, wrong, unexplained: owed - claimed - named };
}

/** What passed through a clearing account, page by page, the latest first. */
async function* passages({ book, account: { id }, upTo }: Place) {
  for (let beforeSeq = upTo + 1n; ;) {
    const records = await book.entries(id, { beforeSeq, limit: PAGE });
    yield records.flatMap((record) => passageOf(record, id) ?? []);
    const last = records.at(-1);
    if (!last || records.length < PAGE) return;
    beforeSeq = last.seq;
  }
}

/** What a tally has left, and whatever is held open on the same accounts and has not moved anything yet. */
function withHolds(tally: Tally, holds: readonly UnderWay[], sender: BookId, places: readonly Place[]): ReadonlyMap<TransferId, Passed> {
  const accounts = new Set(places.map(({ account }) => account.id));
  const waiting = holds.filter((hold) => hold.sender === sender && accounts.has(hold.account));
  return new Map([...waiting.map(({ transfer }) => [transfer, { sent: 0n, received: 0n }] as const), ...tally.rest]);
}

/** What the transfer's own records moved through the clearing accounts of a book until those were read. */
async function bookedOf(pair: Pair<BookReader>, transfer: TransferId, side: Side, places: readonly Place[]): Promise<bigint> {
  const { [side]: book, sender } = pair;
  const hold = await book.hold(holdIdOf(sender.bookId, transfer, side));
  const ids = [...(hold?.closedBy ? [hold.closedBy] : []), ...(side === 'receiver' ? [partIdOf(sender.bookId, transfer, 'suspense')] : [])];
  let sum = 0n;
  for (const id of ids) {
    const record = await book.transfer(id);
    for (const place of places) if (record && place.book === book && record.seq <= place.upTo) sum += passageOf(record, place.account.id)?.amount ?? 0n;
  }
  return sum;
}

/** Of all these accounts as they were when they were read. */
async function creditBalance(places: readonly Place[]): Promise<bigint> {
  let sum = 0n;
  for (const { book, account, upTo } of places) {
    const at = await book.balanceAt(account.id, { seq: upTo });
    sum += at ? at.creditsPosted - at.debitsPosted : 0n;
  }
  return sum;
}
