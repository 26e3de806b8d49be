/**
 * A writer that a test kills: books transfers from many callers at once and prints each id once its answer is there.
 * Arguments: the database's URL and the book's id.
 */
import { newId, systemClock, type AssetNo, type BookId, type TransferId } from '#base';
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { openDatabase } from '#db';
import { openBook } from '#ledger';
import { OPENING } from './commands.ts';
import { idOf } from './table.ts';

const [url = '', bookId = ''] = process.argv.slice(2);
const database = await openDatabase({ url });
const book = await openBook({ database, bookId: bookId as BookId, clock: systemClock, waitMs: 10_000 });
await book.submit(OPENING);

/** Past process.stdout, which keeps in memory what a slow reader has no room for: that would die with us, and whoever reads must know of all that was asked. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

async function caller(): Promise<never> {
  for (;;) {
    const id = newId<TransferId>(Date.now(), (length) => new Uint8Array(randomBytes(length)));
    say(`asked ${id}`);
    const [result] = await book.submit([{ kind: 'transfer', id, debit: idOf('A'), credit: idOf('B'), asset: 1 as AssetNo, amount: 1n, code: 1 }]);
    say(`${result!.code} ${id}`);
  }
}

await Promise.all(Array.from({ length: 40 }, caller));
