import { assert, type BookId, type OrderId } from '#base';
import type { RecordSource } from '#anchor';
import { recordSalt, type Hash } from '#anchor/core';
import { loadSql, query, type Database } from '#db';
import { encodePage, type FeedItem } from '#feed/core';
import type { LedgerRecord } from '#ledger/core';

const SQL = loadSql(new URL('./sql/feed.sql', import.meta.url), ['sealedFrom', 'sealedTo', 'subjectKeys', 'orderFiles']);

export interface FeedOptions {
  readonly database: Database;
  /** The book whose records are fed; a Book is one. */
  readonly source: RecordSource;
  readonly chainId: bigint;
}

/** What a signer node replays, page by page. It believes none of it, so that nothing here has to be true. */
export interface Feed {
  /** The sealed records from `fromSeq` on, as many as one page takes: `cairn-feed/1` of docs/formats.md. Empty where all are sealed before it. */
  page(fromSeq: bigint): Promise<Uint8Array>;
}

const PAGE_RECORDS = 1_000;
/** Behind so many bytes of files no further record is taken into the page. */
const PAGE_FILE_BYTES = 4 * 1024 * 1024;

interface SealedRow {
  readonly first_seq: bigint;
  readonly last_seq: bigint;
  readonly fields_roots: Buffer;
}

export function createFeed({ database, source, chainId }: FeedOptions): Feed {
  const book: BookId = source.bookId;
  return {
    page: async (fromSeq) => {
      const [end] = await query<{ last_seq: bigint }>(database.pool, SQL.sealedTo, [book]);
      const sealedTo = end!.last_seq;
      const sealed = await query<SealedRow>(database.pool, SQL.sealedFrom, [book, fromSeq, fromSeq + BigInt(PAGE_RECORDS)]);
      const wanted = sealedTo < fromSeq ? 0n : sealedTo - fromSeq + 1n;
      const limit = wanted < BigInt(PAGE_RECORDS) ? Number(wanted) : PAGE_RECORDS;
      const records = limit === 0 ? [] : await source.records({ fromSeq, limit });
      const items = await itemsOf(database, book, records, sealed);
      const lastSeq = items.at(-1)?.record.seq ?? fromSeq - 1n;
      const ends = sealed.map(({ last_seq }) => last_seq).filter((seq) => seq >= fromSeq && seq <= lastSeq);
      return encodePage({ chainId, book, sealedTo, ends, items });
    },
  };
}

async function itemsOf(database: Database, book: BookId, records: readonly LedgerRecord[], sealed: readonly SealedRow[]): Promise<FeedItem[]> {
  const subjects = [...new Set(records.flatMap(({ subject, fields }) => (subject && fields ? [subject as string] : [])))];
  const keys = new Map((await query<{ subject: string; key: Buffer }>(database.pool, SQL.subjectKeys, [subjects])).map(({ subject, key }) => [subject, key]));
  const orders = records.flatMap((record) => (record.kind === 'order' ? [record.order] : []));
  const files = new Map(
    (await query<{ order_id: OrderId; file: Buffer }>(database.pool, SQL.orderFiles, [orders])).map(({ order_id, file }) => [order_id, new Uint8Array(file)]),
  );
  const items: FeedItem[] = [];
  let fileBytes = 0;
  for (const record of records) {
    const file = record.kind === 'order' ? (files.get(record.order) ?? null) : null;
    if (items.length > 0 && file && fileBytes + file.length > PAGE_FILE_BYTES) break;
    fileBytes += file?.length ?? 0;
    items.push({ ...evidenceOf(book, record, keys, sealed), file });
  }
  return items;
}

/** The salt instead of the subject's key: a node can recompute this record, and learns nothing that it is not shown. */
function evidenceOf(book: BookId, record: LedgerRecord, keys: ReadonlyMap<string, Uint8Array>, sealed: readonly SealedRow[]): Omit<FeedItem, 'file'> {
  const { fields, subject, ...bare } = record;
  const key = subject && keys.get(subject);
  if (fields && key) return { record, salt: recordSalt(new Uint8Array(key), book, record.seq), fieldsRoot: null };
  const root = sealedRoot(record.seq, sealed);
  return { record: bare, salt: null, fieldsRoot: root.some((byte) => byte !== 0) ? root : null };
}

function sealedRoot(seq: bigint, sealed: readonly SealedRow[]): Hash {
  const batch = sealed.find(({ first_seq, last_seq }) => first_seq <= seq && seq <= last_seq);
  assert(batch, `record ${seq} is fed before it is sealed`);
  const at = Number(seq - batch.first_seq) * 32;
  return new Uint8Array(batch.fields_roots.subarray(at, at + 32));
}
