import { assert, toHex, type BookId, type Hex, type TimeMs } from '#base';
import { execute, inTransaction, loadSql, query, violatedConstraint, type Database, type Queryable } from '#db';
import type { BookEnd, BookRecord, Hash } from './core/core.ts';
import type { AnchorState, BatchSource, NewBatch, SealedBatch } from './types.ts';

const SQL = loadSql(new URL('./sql/sealed.sql', import.meta.url), [
  'lastBatch',
  'insertBatch',
  'bookRecordOf',
  'batchesAfter',
  'addSubjectKeys',
  'subjectKeys',
  'batchOf',
  'anchorStateOf',
  'bookRecordsOf',
  'listBatches',
  'oldestUnanchored',
]);

/** 32-byte hashes laid out one behind the other. */
export function splitHashes(flat: Uint8Array): Hash[] {
  assert(flat.length % 32 === 0, 'hashes have 32 bytes each');
  return Array.from({ length: flat.length / 32 }, (_, i) => new Uint8Array(flat.subarray(32 * i, 32 * i + 32)));
}

/** Where a book's batches end so far. */
export interface BatchEnd extends BookEnd {
  readonly batchNo: bigint;
}

export async function lastBatch(client: Queryable, book: BookId): Promise<BatchEnd | null> {
  const [row] = await query<{ batch_no: bigint; last_seq: bigint; book_record: Buffer }>(client, SQL.lastBatch, [book]);
  return row ? { batchNo: row.batch_no, lastSeq: row.last_seq, bookRecord: new Uint8Array(row.book_record) } : null;
}

/** Another process may have stored the same position meanwhile: then its batch counts, and whoever comes next sees what it is. */
export async function insertOnce({ pool }: Database, batch: NewBatch): Promise<void> {
  try {
    await inTransaction(pool, (client) => insertBatch(client, batch));
  } catch (error) {
    if (!['batch_pk', 'batch_first_seq_once', 'batch_last_seq_once'].includes(violatedConstraint(error) ?? '')) throw error;
  }
}

async function insertBatch(client: Queryable, batch: NewBatch): Promise<void> {
  await execute(client, SQL.insertBatch, [
    batch.book,
    batch.batchNo,
    batch.firstSeq,
    batch.lastSeq,
    batch.previousHead,
    batch.batchRoot,
    batch.recordHash,
    batch.leaves,
    batch.fieldsRoots,
    batch.oldestMs,
    batch.sealedMs,
  ]);
}

export async function subjectKeys(client: Queryable, subjects: readonly string[]): Promise<Map<string, Uint8Array>> {
  const rows = await query<{ subject: string; key: Buffer }>(client, SQL.subjectKeys, [subjects]);
  return new Map(rows.map(({ subject, key }) => [subject, new Uint8Array(key)]));
}

/** Gives each subject a key of its own; one that has a key keeps it. */
export async function addSubjectKeys(client: Queryable, keys: ReadonlyMap<string, Uint8Array>): Promise<void> {
  await execute(client, SQL.addSubjectKeys, [[...keys.keys()], [...keys.values()]]);
}

interface SealedColumns {
  readonly batch_no: bigint;
  readonly first_seq: bigint;
  readonly last_seq: bigint;
  readonly previous_head: Buffer;
  readonly batch_root: Buffer;
  readonly book_record: Buffer;
  readonly leaves: Buffer;
  readonly fields_roots: Buffer;
  readonly oldest_ms: bigint;
  readonly sealed_ms: bigint;
}

/** The batches of a book that is sealed in this database, which is not the deployment's own. */
export function batchesOf({ pool }: Database, bookId: BookId): BatchSource {
  return {
    bookId,
    bookRecord: async (batchNo) => {
      const [row] = await query<{ book_record: Buffer }>(pool, SQL.bookRecordOf, [bookId, batchNo]);
      return row ? new Uint8Array(row.book_record) : null;
    },
    batches: async (after, limit) => {
      const rows = await query<SealedColumns>(pool, SQL.batchesAfter, [bookId, after, limit]);
      return rows.map((row) => ({
        book: bookId,
        batchNo: row.batch_no,
        firstSeq: row.first_seq,
        lastSeq: row.last_seq,
        previousHead: new Uint8Array(row.previous_head),
        batchRoot: new Uint8Array(row.batch_root),
        recordHash: new Uint8Array(row.book_record),
        leaves: new Uint8Array(row.leaves),
        fieldsRoots: new Uint8Array(row.fields_roots),
        oldestMs: Number(row.oldest_ms),
        sealedMs: Number(row.sealed_ms),
      }));
    },
  };
}

/** A batch as a proof needs it: with every leaf and fields root, and its place in the log once it has one. */
export interface StoredBatch extends BookRecord {
  readonly batchNo: bigint;
  readonly leaves: Uint8Array;
  readonly fieldsRoots: Uint8Array;
  readonly place: {
    readonly index: bigint;
    readonly bookIndex: number;
    readonly bookCount: number;
    readonly peaks: readonly Hash[];
    readonly state: AnchorState;
    readonly transactionHash: Hex | null;
  } | null;
}

interface StoredBatchColumns {
  readonly book: BookId;
  readonly batch_no: bigint;
  readonly first_seq: bigint;
  readonly last_seq: bigint;
  readonly previous_head: Buffer;
  readonly batch_root: Buffer;
  readonly leaves: Buffer;
  readonly fields_roots: Buffer;
  readonly book_index: number;
  readonly book_count: number;
  readonly log_index: bigint | null;
  readonly peaks: Buffer;
  readonly state: AnchorState;
  readonly transaction_hash: Buffer | null;
}

/** The batch that holds this record; null while it is not sealed. */
export async function batchOf(client: Queryable, book: BookId, seq: bigint): Promise<StoredBatch | null> {
  const [row] = await query<StoredBatchColumns>(client, SQL.batchOf, [book, seq]);
  if (!row) return null;
  return {
    book: row.book,
    batchNo: row.batch_no,
    firstSeq: row.first_seq,
    lastSeq: row.last_seq,
    previousHead: new Uint8Array(row.previous_head),
    batchRoot: new Uint8Array(row.batch_root),
    leaves: new Uint8Array(row.leaves),
    fieldsRoots: new Uint8Array(row.fields_roots),
    place:
      row.log_index === null
        ? null
        : {
            index: row.log_index,
            bookIndex: row.book_index,
            bookCount: row.book_count,
            peaks: splitHashes(row.peaks),
            state: row.state,
            transactionHash: row.transaction_hash && toHex(row.transaction_hash),
          },
  };
}

/** How far the anchor of this record's batch is; null while it has none. */
export async function anchorStateOf(client: Queryable, book: BookId, seq: bigint): Promise<AnchorState | null> {
  const [row] = await query<{ state: AnchorState }>(client, SQL.anchorStateOf, [book, seq]);
  return row?.state ?? null;
}

/** The book records of one anchor, in the order of its tree. */
export async function bookRecordsOf(client: Queryable, index: bigint): Promise<Hash[]> {
  const rows = await query<{ book_record: Buffer }>(client, SQL.bookRecordsOf, [index]);
  return rows.map((row) => new Uint8Array(row.book_record));
}

interface BatchColumns {
  readonly book: BookId;
  readonly batch_no: bigint;
  readonly first_seq: bigint;
  readonly last_seq: bigint;
  readonly batch_root: Buffer;
  readonly book_record: Buffer;
  readonly sealed_ms: bigint;
  readonly log_index: bigint | null;
  readonly state: AnchorState;
  readonly transaction_hash: Buffer | null;
}

/** Batches after this number, oldest first. */
export async function listBatches(client: Queryable, book: BookId, after: bigint, limit: number): Promise<SealedBatch[]> {
  const rows = await query<BatchColumns>(client, SQL.listBatches, [book, after, limit]);
  return rows.map((row) => ({
    book: row.book,
    batchNo: row.batch_no,
    firstSeq: row.first_seq,
    lastSeq: row.last_seq,
    batchRoot: toHex(row.batch_root),
    bookRecord: toHex(row.book_record),
    sealedMs: Number(row.sealed_ms),
    anchor: row.log_index === null ? null : { index: row.log_index, state: row.state, transactionHash: row.transaction_hash && toHex(row.transaction_hash) },
  }));
}

/** By book: when the oldest record that is sealed but in no block was written, and where the sealed records end. */
export async function sealedEnds(client: Queryable, books: readonly BookId[]): Promise<Map<BookId, { oldestMs: TimeMs | null; lastSeq: bigint }>> {
  const rows = await query<{ book: BookId; oldest_ms: bigint | null; last_seq: bigint }>(client, SQL.oldestUnanchored, [books]);
  return new Map(rows.map((row) => [row.book, { oldestMs: row.oldest_ms === null ? null : Number(row.oldest_ms), lastSeq: row.last_seq }]));
}
