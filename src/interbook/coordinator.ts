import { assert, MAX_AMOUNT, Problem, type AccountId, type AssetNo, type BookId, type TransferId } from '#base';
import type { Hold, Seq } from '#ledger/core';
import { Pair, placeOf, type Desk } from './pair.ts';
import { Run, type Outcome } from './run.ts';

/** What is asked: `amount` minor units of `asset` (as the sending book numbers it) from an account of one book to an account of another. */
export interface InterbookRequest {
  /** Given by whoever asks, kept for a retry: the same id again is the same transfer, for ever. */
  readonly id: TransferId;
  readonly from: { readonly book: BookId; readonly account: AccountId };
  readonly to: { readonly book: BookId; readonly account: AccountId };
  readonly asset: AssetNo;
  readonly amount: bigint;
}

interface Left {
  readonly book: BookId;
  readonly transfer: TransferId | null;
  readonly why: Problem;
}

export interface Recovered {
  /** Transfers that were under way and have ended now. */
  readonly ended: number;
  /** What could not be finished now, each with the reason: a book that is away (`transfer` null where its holds cannot be listed, or whose they are), or one that contradicts the other. */
  readonly left: readonly Left[];
}

export interface CoordinatorOptions {
  /** The books that are open here. May change while the coordinator is in use. */
  readonly books: ReadonlyMap<BookId, Desk>;
  /** How long the debtor's money waits for the receiving book at most, in whole seconds from 1 on; after that his own book gives it back. 300 unless told. */
  readonly holdTimeoutS?: number;
}

/** Moves money between books. Any number of them at once, in any number of processes, do no harm to each other's transfers. */
export interface Coordinator {
  /**
   * Takes a transfer to its end. A refusal of a book is an outcome; an outage is thrown (`store/...`), and what was begun then is finished by the same request again, or
   * by `recover`. Throws `interbook/...` where nothing was or could be booked.
   */
  transfer(request: InterbookRequest): Promise<Outcome>;
  /** Finishes whatever is under way in the books that are open here, whoever began it; what cannot be finished keeps nothing else from it. */
  recover(): Promise<Recovered>;
}

/** The longest time that a hold can have: the ledger counts it in 32 bits, and takes 0 for no time at all. */
const MAX_TIMEOUT_S = 2 ** 32 - 1;
/** How many open holds are read, and finished together, at a time. */
const PAGE = 256;

export function coordinator({ books, holdTimeoutS = 300 }: CoordinatorOptions): Coordinator {
  assert(Number.isInteger(holdTimeoutS) && holdTimeoutS >= 1 && holdTimeoutS <= MAX_TIMEOUT_S, `no hold lasts ${holdTimeoutS} seconds`);
  const pairs = new Map<string, Pair>();

  function deskOf(book: BookId): Desk {
    const desk = books.get(book);
    if (!desk) throw new Problem('interbook/unknown-book', `Book ${book} is not open here.`, { book });
    return desk;
  }

  function pairOf(from: BookId, to: BookId): Pair {
    const key = `${from} ${to}`;
    const [sender, receiver] = [deskOf(from), deskOf(to)];
    const known = pairs.get(key);
    if (known?.sender === sender && known.receiver === receiver) return known;
    const pair = new Pair(sender, receiver);
    pairs.set(key, pair);
    return pair;
  }

  async function transfer({ id, from, to, asset, amount }: InterbookRequest): Promise<Outcome> {
    if (from.book === to.book) throw new Problem('interbook/same-book', `Both accounts are in book ${from.book}.`, { book: from.book });
    if (amount <= 0n || amount > MAX_AMOUNT)
      throw new Problem('interbook/bad-amount', `${amount} minor units cannot pass between books.`, { amount: `${amount}` });
    const pair = pairOf(from.book, to.book);
    await pair.requireDebtor(from.account);
    const creditor = await pair.creditorEnd(asset, to.account);
    await pair.openAccounts(asset, creditor.asset);
    return new Run(pair, id, holdTimeoutS).begin({ id, from: { ...from, asset }, to: creditor, amount });
  }

  async function recover(): Promise<Recovered> {
    const found: Found = { left: [], bugs: [], ended: 0 };
    for (const desk of books.values()) {
      try {
        await recoverFrom(desk, found);
      } catch (error) {
        note(found, { book: desk.bookId, transfer: null }, error);
      }
    }
    // Last, so that what a bug stands in the way of is no other's transfer.
    if (found.bugs.length > 0) throw found.bugs[0];
    return { ended: found.ended, left: found.left };
  }

  async function recoverFrom(desk: Desk, found: Found): Promise<void> {
    for (let afterSeq: Seq = 0n; ;) {
      const holds = await desk.interbookHolds({ afterSeq, limit: PAGE });
      await Promise.all(holds.map((hold) => finish(desk, hold, found)));
      const last = holds.at(-1);
      if (!last || holds.length < PAGE) return;
      afterSeq = last.seq;
    }
  }

  /** Takes the transfer that an open hold belongs to to its end, or notes what keeps it from there. Never throws. */
  async function finish(desk: Desk, hold: Hold, found: Found): Promise<void> {
    let transfer: TransferId | null = null;
    try {
      const { id, sender, receiver } = await placeOf(desk, hold);
      transfer = id;
      await new Run(pairOf(sender, receiver), id, holdTimeoutS).resume();
      found.ended += 1;
    } catch (error) {
      note(found, { book: desk.bookId, transfer }, error);
    }
  }

  return { transfer, recover };
}

/** What a recovery has come to so far. */
interface Found {
  readonly left: Left[];
  /** What no book and no network says: ours to mend. */
  readonly bugs: unknown[];
  ended: number;
}

function note({ left, bugs }: Found, where: Omit<Left, 'why'>, error: unknown): void {
  if (error instanceof Problem) left.push({ ...where, why: error });
  else bugs.push(error);
}
