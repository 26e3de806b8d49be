import { Problem, type BookId } from '#base';
import type { Seq } from '#ledger/core';

/** Where a book stands in one database. */
export interface Standing {
  readonly status: 'open' | 'arriving' | 'moving' | 'moved';
  readonly movedTo: string | null;
  readonly seq: Seq;
  readonly epoch: bigint;
}

/** `move`: all of it; `copy again`: the source was left for good, and the copy lost its end since; `open`: nothing but that; `is there`: it was opened before. */
export type Plan = 'move' | 'copy again' | 'open' | 'is there';

/**
 * What is left to do, by where the book stands at both ends (`here`: in the target, null where it has none). Throws where two books would come of it. Epochs tell the copies of a book
 * apart, however often it went round: whoever may write it has a higher one than all before, and only the copy of where it was left has the same.
 */
export function planOf(bookId: BookId, to: string, there: Standing, here: Standing | null): Plan {
  if (there.status === 'moved') return planAfterLeaving(bookId, to, there, here);
  if (here?.status === 'open' || here?.status === 'moving') throw new Problem('books/already-there', `${to} has a book ${bookId} of its own.`, { to });
  if (here && here.epoch > there.epoch) throw newerThere(bookId, to, there, here);
  return 'move';
}

function planAfterLeaving(bookId: BookId, to: string, there: Standing, here: Standing | null): Plan {
  if (here?.status !== 'open' && here?.status !== 'arriving')
    throw new Problem('ledger/no-such-book', `Book ${bookId} is not in ${to} any more.`, { book: bookId });
  if (here.status === 'open') {
    if (here.epoch > there.epoch) return 'is there';
    throw new Problem('books/already-there', `${to} has a book ${bookId} of its own, from before it was left here.`, { to });
  }
  if (here.epoch > there.epoch) throw newerThere(bookId, to, there, here);
  return here.epoch === there.epoch && here.seq === there.seq ? 'open' : 'copy again';
}

function newerThere(bookId: BookId, to: string, there: Standing, here: Standing): Problem {
  const what = `The source has book ${bookId} as of epoch ${there.epoch}, ${to} as of epoch ${here.epoch}.`;
  return new Problem('books/newer-there', what, { book: bookId, epoch: `${there.epoch}`, other: `${here.epoch}` });
}
