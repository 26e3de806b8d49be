import { MAX_AMOUNT, Problem, type AccountId, type AssetNo, type BookId, type TransferId } from '#base';
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
  /** What could not be finished now, each with the reason: a book that is away (`transfer` null where not even its holds can be listed), or one that contradicts the other. */
  readonly left: readonly Left[];
}

export interface CoordinatorOptions {
  /** The books that are open here. May change while the coordinator is in use. */
  readonly books: ReadonlyMap<BookId, Desk>;
  /** How long the debtor's money waits for the receiving book at most; after that his own book gives it back. 300 seconds unless told. */
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

/** How many open holds are read, and finished together, at a time. */
const PAGE = 256;

export function coordinator({ books, holdTimeoutS = 300 }: CoordinatorOptions): Coordinator {
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
    const creditor = await pair.creditorEnd(asset, to.account);
    await pair.openAccounts(asset, creditor.asset);
    return new Run(pair, id, holdTimeoutS).begin({ id, from: { ...from, asset }, to: creditor, amount });
  }

  async function recover(): Promise<Recovered> {
    const left: Left[] = [];
    let ended = 0;
    for (const desk of books.values()) {
      try {
        ended += await recoverFrom(desk, left);
      } catch (error) {
        left.push({ book: desk.bookId, transfer: null, why: problem(error) });
      }
    }
    return { ended, left };
  }

  async function recoverFrom(desk: Desk, left: Left[]): Promise<number> {
    let ended = 0;
    for (let afterSeq: Seq = 0n; ;) {
      const holds = await desk.interbookHolds({ afterSeq, limit: PAGE });
      const reasons = await Promise.all(holds.map((hold) => finish(desk, hold)));
      for (const reason of reasons) {
        if (reason) left.push(reason);
        else ended += 1;
      }
      const last = holds.at(-1);
      if (!last || holds.length < PAGE) return ended;
      afterSeq = last.seq;
    }
  }

  /** Null where the transfer that an open hold belongs to has ended. */
  async function finish(desk: Desk, hold: Hold): Promise<Left | null> {
    const { id, sender, receiver } = await placeOf(desk, hold);
    try {
      await new Run(pairOf(sender, receiver), id, holdTimeoutS).resume();
      return null;
    } catch (error) {
      return { book: desk.bookId, transfer: id, why: problem(error) };
    }
  }

  return { transfer, recover };
}

function problem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  throw error;
}
