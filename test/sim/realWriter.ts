/** A writer that a test kills: answers what it is sent, each with the times between which it was decided. Arguments: the database's URL and the book's id. */
import { Problem, systemClock, type BookId } from '#base';
import { openDatabase } from '#db';
import { openBook } from '#ledger';
import type { Command, Result } from '#ledger/core';

export type Question = { readonly no: number; readonly commands: readonly Command[] };
export type Reply =
  | { readonly opened: bigint }
  | { readonly no: number; readonly fromMs: number; readonly toMs: number; readonly results: readonly Result[] }
  | { readonly no: number; readonly problem: string };

const EXPIRE_MS = 300;

function say(reply: Reply): void {
  process.send?.(reply);
}

if (import.meta.main) {
  const [url = '', bookId = ''] = process.argv.slice(2);
  const database = await openDatabase({ url });
  const book = await openBook({ database, bookId: bookId as BookId, clock: systemClock, waitMs: 20_000, leaseMs: 2_000 });
  process.on('message', ({ no, commands }: Question) => {
    const fromMs = Date.now();
    void book.submit(commands).then(
      (results) => say({ no, fromMs, toMs: Date.now(), results }),
      (error: unknown) => say({ no, problem: error instanceof Problem ? error.code : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  setInterval(() => void book.expireDue().catch(() => undefined), EXPIRE_MS);
  say({ opened: (await book.head()).seq });
}
