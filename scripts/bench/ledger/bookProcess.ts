/** A process that writes one book and books batches in it when it is told to: two of them are two books side by side. Started by `startHelper`. */
import { systemClock, type AccountId } from '#base';
import { openDatabase, type Database } from '#db';
import { openBook, type Book } from '#ledger';
import { answerOrders } from './child.ts';
import { batches } from './clients.ts';
import type { Measured } from './report.ts';
import { accountsOf, fresh, requests, transfers } from './work.ts';

export type BookOrder =
  | { readonly open: string; readonly accounts: number }
  /** Makes the work up, so that all processes begin at the same moment when they are told to run. */
  | { readonly prepare: number; readonly size: number }
  | { readonly run: true; readonly outstanding: number };

let database: Database;
let book: Book;
let accounts: AccountId[];
let work: ReturnType<typeof transfers>[] = [];

answerOrders<BookOrder, Measured>(
  async (order) => {
    if ('open' in order) {
      database = await openDatabase({ url: order.open });
      book = await openBook({ database, bookId: fresh(), clock: systemClock });
      accounts = await accountsOf(book, order.accounts);
    } else if ('prepare' in order) {
      work = requests(order.prepare, () => transfers(accounts, order.size));
    } else {
      return batches(book, work, order.outstanding);
    }
    return { perSecond: 0 };
  },
  async () => {
    await book.close();
    await database.close();
  },
);
