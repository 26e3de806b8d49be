import { Problem, type BookId } from '#base';
import type { Database } from '#db';
import { insertOnce, lastBatch, type BatchEnd } from './batchStore.ts';
import { bookRecordHash, follows, merkleTree, NO_BATCH, sameHash, type Hash } from './core/core.ts';
import type { BatchSource, NewBatch } from './types.ts';

/** What a pass over the books brought in. */
export interface Gathered {
  /** Batches that are in the deployment's database now and wait for an anchor. */
  readonly taken: number;
  /** Books that could not be gathered, and why: they keep no other back. */
  readonly failed: readonly { readonly book: BookId; readonly error: unknown }[];
}

/** Of one book in one pass: a book that was away for long does not keep the others waiting. */
const MOST_A_PASS = 16;

/**
 * Copies the sealed batches of books that have databases of their own into the deployment's, where the next leaf takes the oldest of each. Safe at any time, in any number of processes
 * and after any crash: a batch is there whole or not at all, and is never taken a second time. A book that is sealed in its own database stays there (`cairn book move` refuses it): its
 * batches would not go along, and sealed anew from its first record it would be another history.
 */
export async function gatherBatches(database: Database, sources: readonly BatchSource[]): Promise<Gathered> {
  const failed: { book: BookId; error: unknown }[] = [];
  let taken = 0;
  for (const source of sources) {
    try {
      taken += await gatherBook(database, source);
    } catch (error) {
      failed.push({ book: source.bookId, error });
    }
  }
  return { taken, failed };
}

async function gatherBook(database: Database, source: BatchSource): Promise<number> {
  const { bookId } = source;
  let last: BatchEnd = (await lastBatch(database.pool, bookId)) ?? { ...NO_BATCH, batchNo: 0n };
  // Before it goes on behind it: a database with another history in the place of this one is found at once.
  if (last.batchNo > 0n) requireSame(bookId, last, await source.bookRecord(last.batchNo));
  const batches = await source.batches(last.batchNo, MOST_A_PASS);
  for (const batch of batches) {
    requireNext(bookId, batch, last);
    await insertOnce(database, batch);
    last = { batchNo: batch.batchNo, lastSeq: batch.lastSeq, bookRecord: batch.recordHash };
  }
  return batches.length;
}

function requireSame(bookId: BookId, { batchNo, bookRecord }: BatchEnd, there: Hash | null): void {
  if (there && sameHash(there, bookRecord)) return;
  const what = there ? 'is another one in its own database' : 'is not in its own database any more';
  throw new Problem('anchor/position-taken', `Batch ${batchNo} of book ${bookId}, which was gathered before, ${what}.`, {
    book: bookId,
    batchNo: batchNo.toString(),
  });
}

/** Of this book, behind the last one, and what its leaves and members make it: the database of a book is not believed. */
function requireNext(bookId: BookId, batch: NewBatch, last: BatchEnd): void {
  const facts = { book: bookId, batchNo: batch.batchNo.toString() };
  if (batch.book !== bookId || batch.batchNo !== last.batchNo + 1n || !follows(batch, last))
    throw new Problem(
      'anchor/position-taken',
      `Batch ${batch.batchNo} of book ${bookId} does not follow the records up to ${last.lastSeq}, which are gathered.`,
      facts,
    );
  const size = 32n * (batch.lastSeq - batch.firstSeq + 1n);
  const isWhole = BigInt(batch.leaves.length) === size && BigInt(batch.fieldsRoots.length) === size;
  if (!isWhole || !sameHash(merkleTree(batch.leaves).root, batch.batchRoot) || !sameHash(bookRecordHash(batch), batch.recordHash))
    throw new Problem('anchor/bad-batch', `Batch ${batch.batchNo} of book ${bookId} is not what its own leaves make of it.`, facts);
}
