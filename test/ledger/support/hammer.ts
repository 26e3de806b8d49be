/**
 * A writer that a test kills or pauses: books transfers from many callers at once and prints each id once its answer is there, or the problem that it got. When another process has the
 * book it says so and ends with the exit code 3. Arguments: the database's URL, the book's id, and where told how many callers and how long its lease is.
 */
import { newId, Problem, systemClock, type AssetNo, type BookId, type TransferId } from '#base';
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { openDatabase } from '#db';
import { openBook } from '#ledger';
import { OPENING } from './commands.ts';
import { idOf } from './table.ts';

const [url = '', bookId = '', callers = '40', leaseMs = '5000'] = process.argv.slice(2);
const database = await openDatabase({ url });
const book = await openBook({ database, bookId: bookId as BookId, clock: systemClock, waitMs: 10_000, leaseMs: Number(leaseMs) });
await book.submit(OPENING);

/** Past process.stdout, which keeps in memory what a slow reader has no room for: that would die with us, and whoever reads must know of all that was asked. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

async function caller(): Promise<void> {
  for (;;) {
    const id = newId<TransferId>(Date.now(), (length) => new Uint8Array(randomBytes(length)));
    say(`asked ${id}`);
    try {
      const [result] = await book.submit([{ kind: 'transfer', id, debit: idOf('A'), credit: idOf('B'), asset: 1 as AssetNo, amount: 1n, code: 1 }]);
      say(`${result!.code} ${id}`);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return say(`${error.code} ${id}`);
    }
  }
}

const calling = Promise.all(Array.from({ length: Number(callers) }, caller));
say('ready');
const problem = await book.lost;
// Every caller has its answer before the process ends.
await calling;
say(`lost ${problem.code}`);
process.exit(3);
