import { concat, Problem, toHex } from '#base';
import {
  appendLeaf,
  bookRecordHash,
  commitment,
  EMPTY_LOG,
  encodeRecord,
  merkleTree,
  messageHashes,
  mth,
  NO_HEAD,
  recordFieldsRoot,
  recordSalt,
  sameHash,
  type Hash,
} from '#anchor/core';
import { query, type Queryable } from '#db';
import type { BookReader } from '#ledger';
import type { LedgerRecord, Seq } from '#ledger/core';
import { DEPLOYMENT, type Stored } from './statements.ts';

interface BatchRow {
  readonly batch_no: bigint;
  readonly first_seq: bigint;
  readonly last_seq: bigint;
  readonly previous_head: Buffer;
  readonly batch_root: Buffer;
  readonly book_record: Buffer;
  readonly leaves: Buffer;
  readonly fields_roots: Buffer;
}

/** Seals a book's records again as they are replayed, and compares: leaves, batch roots, the chain of book records. */
export class RootCheck {
  readonly #client: Queryable;
  readonly #stored: Stored;
  readonly #reader: BookReader;
  readonly #chainId: bigint;
  /** What was sealed when the replay began: batches that are made meanwhile are the next replay's. */
  readonly #sealedEnd: Seq;
  #batch: BatchRow | null = null;
  #leaves: Uint8Array[] = [];
  #lastNo = 0n;
  #end: Seq = 0n;
  #head: Hash = NO_HEAD;

  private constructor(client: Queryable, stored: Stored, reader: BookReader, chainId: bigint, sealedEnd: Seq) {
    this.#client = client;
    this.#stored = stored;
    this.#reader = reader;
    this.#chainId = chainId;
    this.#sealedEnd = sealedEnd;
  }

  static async begin(client: Queryable, stored: Stored, reader: BookReader, chainId: bigint): Promise<RootCheck> {
    const [end] = await query<{ seq: bigint }>(client, stored.sealedEnd, [reader.bookId]);
    return new RootCheck(client, stored, reader, chainId, end?.seq ?? 0n);
  }

  /** How many batches were sealed again. */
  get batches(): bigint {
    return this.#lastNo;
  }

  /** The first record or batch that is not what was sealed, as a sentence. */
  async check(records: readonly LedgerRecord[]): Promise<string | null> {
    const sealed = records.filter(({ seq }) => seq <= this.#sealedEnd);
    const keys = await this.#subjectKeys(sealed);
    let waiting: { readonly record: LedgerRecord; readonly message: Uint8Array }[] = [];
    const seal = (): string | null => {
      const leaves = messageHashes(waiting.map(({ message }) => message));
      const batch = this.#batch!;
      const wrong = waiting.find(({ record }, i) => !sameHash(leaves.subarray(32 * i, 32 * i + 32), at(batch.leaves, record.seq - batch.first_seq)));
      this.#leaves.push(leaves);
      waiting = [];
      return wrong ? `Record ${wrong.record.seq} is not what was sealed in batch ${batch.batch_no}: it was changed since` : null;
    };
    for (const record of sealed) {
      const misplaced = this.#batch ? null : await this.#nextBatch();
      if (misplaced !== null) return misplaced;
      const batch = this.#batch!;
      const root = await this.#fieldsRoot(record, batch, keys);
      if (typeof root === 'string') return root;
      const message = this.#encode(record, root);
      if (typeof message === 'string') return message;
      waiting.push({ record, message });
      if (record.seq < batch.last_seq) continue;
      const wrong = seal() ?? this.#close(batch);
      if (wrong !== null) return wrong;
    }
    return waiting.length > 0 ? seal() : null;
  }

  /** Batches of records that the journal does not have. */
  missing(): string | null {
    return this.#end < this.#sealedEnd ? `Records to ${this.#sealedEnd} were sealed; the journal does not go so far` : null;
  }

  async #nextBatch(): Promise<string | null> {
    const [row] = await query<BatchRow>(this.#client, this.#stored.batch, [this.#reader.bookId, this.#lastNo]);
    const expected = this.#end + 1n;
    if (row?.batch_no !== this.#lastNo + 1n || row.first_seq !== expected || row.last_seq < expected)
      return `Batch ${this.#lastNo + 1n}, which seals record ${expected}, is missing or begins elsewhere`;
    this.#batch = row;
    this.#leaves = [];
    return null;
  }

  #close(batch: BatchRow): string | null {
    const { batch_no: no, first_seq: firstSeq, last_seq: lastSeq } = batch;
    const batchRoot = merkleTree(concat(...this.#leaves)).root;
    if (!sameHash(batchRoot, batch.batch_root)) return `The root of batch ${no} is stored as ${toHex(batch.batch_root)}; its records give ${toHex(batchRoot)}`;
    if (!sameHash(this.#head, batch.previous_head)) return `Batch ${no} does not follow the book record of the batch before it`;
    this.#head = bookRecordHash({ book: this.#reader.bookId, firstSeq, lastSeq, previousHead: this.#head, batchRoot });
    if (!sameHash(this.#head, batch.book_record))
      return `The book record of batch ${no} is stored as ${toHex(batch.book_record)}; its records give ${toHex(this.#head)}`;
    this.#batch = null;
    this.#lastNo = no;
    this.#end = lastSeq;
    return null;
  }

  #encode(record: LedgerRecord, root: Hash): Uint8Array | string {
    try {
      return encodeRecord({ chainId: this.#chainId, book: this.#reader.bookId }, record, root);
    } catch (error) {
      if (error instanceof Problem) return `Record ${record.seq} has no leaf: ${error.detail.replace(/\.$/, '')}`;
      throw error;
    }
  }

  async #subjectKeys(records: readonly LedgerRecord[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const subjects = [...new Set(records.flatMap(({ subject, fields }) => (subject && fields ? [subject as string] : [])))];
    if (subjects.length === 0) return new Map();
    const rows = await query<{ subject: string; key: Buffer }>(this.#client, this.#stored.subjectKeys, [subjects]);
    return new Map(rows.map(({ subject, key }) => [subject, new Uint8Array(key)]));
  }

  /** The root of a record's fields. What was erased is taken as it was sealed: nobody can compute it any more, and a record says that it was erased. */
  async #fieldsRoot(record: LedgerRecord, batch: BatchRow, keys: ReadonlyMap<string, Uint8Array>): Promise<Hash | string> {
    const sealed = new Uint8Array(at(batch.fields_roots, record.seq - batch.first_seq));
    const { subject, fields } = record;
    const hasFields = fields !== undefined && Object.keys(fields).length > 0;
    const key = subject && keys.get(subject);
    if (hasFields && key) {
      const root = recordFieldsRoot(record, recordSalt(key, this.#reader.bookId, record.seq));
      return sameHash(root, sealed) ? root : `The evidence of record ${record.seq} is not what was sealed in batch ${batch.batch_no}`;
    }
    const plain = recordFieldsRoot({}, null);
    if (!hasFields && sameHash(plain, sealed)) return plain;
    if (subject && (await this.#reader.byKey(`erasure:${subject}`))) return sealed;
    return `The evidence of record ${record.seq} is gone, and no record says that it was erased`;
  }
}

function at(flat: Uint8Array, place: bigint): Uint8Array {
  return flat.subarray(32 * Number(place), 32 * Number(place) + 32);
}

interface AnchorRow {
  readonly log_index: bigint;
  readonly leaf: Buffer;
  readonly previous: Buffer;
  readonly commitment: Buffer;
  readonly peaks: Buffer;
  readonly books: readonly Buffer[];
}

/** Appends the book records of every anchor to an empty log, and compares each head. */
export async function checkLog(client: Queryable): Promise<{ readonly anchors: number; readonly difference: string | null }> {
  let head = EMPTY_LOG;
  for (;;) {
    const rows = await query<AnchorRow>(client, DEPLOYMENT.anchors, [head.count - 1n]);
    for (const row of rows) {
      const found = (difference: string) => ({ anchors: Number(head.count), difference });
      if (row.log_index !== head.count) return found(`Leaf ${head.count} of the log is missing`);
      if (row.books.length === 0) return found(`Leaf ${row.log_index} of the log is made of no book record`);
      const leaf = mth(row.books.map((record) => new Uint8Array(record)));
      if (!sameHash(leaf, row.leaf)) return found(`Leaf ${row.log_index} of the log is stored as ${toHex(row.leaf)}; its book records give ${toHex(leaf)}`);
      const next = appendLeaf(head, leaf);
      const same = sameHash(commitment(head), row.previous) && sameHash(commitment(next), row.commitment) && toHex(concat(...next.peaks)) === toHex(row.peaks);
      if (!same) return found(`The head of the log after leaf ${row.log_index} is not what its leaves give`);
      head = next;
    }
    if (rows.length === 0) return { anchors: Number(head.count), difference: null };
  }
}

/** The id of the chain that every leaf binds; 0 where nothing was ever deployed and so nothing sealed. */
export async function chainIdOf(client: Queryable): Promise<bigint> {
  const [row] = await query<{ chain_id: bigint }>(client, DEPLOYMENT.chain);
  return row?.chain_id ?? 0n;
}
