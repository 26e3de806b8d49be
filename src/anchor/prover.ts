import { assert, Problem, toHex, type AccountId, type BookId, type Hex, type PaymentId } from '#base';
import type { Database } from '#db';
import type { FieldName, LedgerRecord } from '#ledger/core';
import { anchorStateOf, batchOf, bookRecordsOf, listBatches, subjectKeys, type StoredBatch } from './batchStore.ts';
import {
  consistencyProof,
  ENTRY_FORMAT,
  fieldProof,
  inclusionPath,
  leavesUnderPeak,
  merkleTree,
  mth,
  RECEIPT_FORMAT,
  recordSalt,
  recordToJson,
  stepsOf,
  type AnchorFact,
  type EntryProof,
  type Hash,
  type LogHead,
  type LogProof,
  type Payout,
  type ProvenRecord,
  type ProvenRecords,
  type Receipt,
  type ShownField,
} from './core/core.ts';
import { anchorLeaves, minedHead } from './logStore.ts';
import type { RecordSource, SealedBatch } from './types.ts';

export interface ProverOptions {
  readonly database: Database;
  /** Where a book was sealed, and the keys of its subjects are, if not in `database`. */
  readonly sealedIn?: (book: BookId) => Database;
  readonly chainId: bigint;
  /** LedgerAnchor and SettlementVault, lower case. */
  readonly anchorAddress: Hex;
  readonly vaultAddress: Hex;
}

export interface RecordsRequest {
  readonly seqs: readonly bigint[];
  /** Which fields of them are shown; the others stay hidden. */
  readonly show: readonly FieldName[];
}

/** The records that tell its story: asset, holds, window, instruction, posts, and whatever else is to be shown. */
export interface ReceiptRequest extends RecordsRequest {
  readonly payment: PaymentId;
  readonly payout: Payout | null;
}

/** The entry itself, the asset of a transfer, and the hold that an expiry ended. */
export interface EntryRequest extends RecordsRequest {
  readonly account: AccountId;
  readonly seq: bigint;
}

export interface Prover {
  /** The record and its proof in the log as the chain has it now: what the vault asks for. anchor/not-yet until then. */
  proofNow(source: RecordSource, seq: bigint): Promise<{ readonly record: LedgerRecord; readonly fieldsRoot: Hash; readonly proof: LogProof }>;
  /** anchor/not-yet until every record is in a block; anchor/no-such-proof where a record is not in the book. */
  receiptOf(source: RecordSource, request: ReceiptRequest): Promise<Receipt>;
  /** The same of one line of an account's statement. */
  entryOf(source: RecordSource, request: EntryRequest): Promise<EntryProof>;
  /** That the log of `oldCount` leaves is the beginning of the log of `newCount` (RFC 9162 section 2.1.4). anchor/no-such-proof beyond the chain's own head. */
  consistency(oldCount: bigint, newCount: bigint): Promise<ConsistencyProof>;
  /** Batches after this number, oldest first, and how far each is. */
  batches(book: BookId, after: bigint, limit: number): Promise<readonly SealedBatch[]>;
}

export interface ConsistencyProof {
  readonly oldRoot: Hash;
  readonly newRoot: Hash;
  readonly proof: readonly Hash[];
}

type PlacedBatch = StoredBatch & { readonly place: NonNullable<StoredBatch['place']> };

/** Proves records by what was stored when they were sealed: their subjects' keys are needed only to show fields. */
export function createProver({ database, sealedIn = () => database, chainId, anchorAddress, vaultAddress }: ProverOptions): Prover {
  const proven = async (source: RecordSource, { seqs, show }: RecordsRequest): Promise<ProvenRecords> => {
    const anchors = new Map<bigint, AnchorFact>();
    const records: ProvenRecord[] = [];
    for (const seq of [...new Set(seqs)].sort((a, b) => (a < b ? -1 : 1))) {
      const batch = await minedBatch(database, source, seq);
      const { place } = batch;
      // The log as it was when this leaf was appended: its commitment is in the event, and its last peak is close.
      const proof = await logProof(database, batch, seq, { count: place.index + 1n, peaks: place.peaks });
      records.push(await provenRecord(sealedIn(source.bookId), source, seq, batch, proof, show));
      anchors.set(place.index, {
        index: place.index.toString(),
        count: proof.count.toString(),
        peaks: proof.peaks.map(toHex),
        path: proof.peakPath.map(toHex),
        transaction: place.transactionHash!,
      });
    }
    const facts = [...anchors.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, fact]) => fact);
    return { chainId: chainId.toString(), anchor: anchorAddress, vault: vaultAddress, book: source.bookId, records, anchors: facts };
  };
  return {
    proofNow: async (source, seq) => {
      const batch = await minedBatch(database, source, seq);
      const head = await minedHead(database.pool);
      assert(head && head.count > batch.place.index, 'a mined batch is in the mined log');
      const proof = await logProof(database, batch, seq, head);
      return { record: await recordAt(source, seq), fieldsRoot: hashAt(batch.fieldsRoots, batch, seq), proof };
    },
    receiptOf: async (source, { payment, payout, ...request }) => ({ format: RECEIPT_FORMAT, payment, payout, ...(await proven(source, request)) }),
    entryOf: async (source, { account, seq, ...request }) => ({ format: ENTRY_FORMAT, account, seq: `${seq}`, ...(await proven(source, request)) }),
    consistency: async (oldCount, newCount) => {
      const head = await minedHead(database.pool);
      if (!head || oldCount < 1n || oldCount > newCount || newCount > head.count) {
        throw new Problem('anchor/no-such-proof', `The log has ${head?.count ?? 0n} leaves: there is no proof from ${oldCount} to ${newCount}.`);
      }
      const leaves = await anchorLeaves(database.pool, 0n, newCount);
      return { oldRoot: mth(leaves.slice(0, Number(oldCount))), newRoot: mth(leaves), proof: consistencyProof(leaves, Number(oldCount)) };
    },
    batches: (book, after, limit) => listBatches(database.pool, book, after, limit),
  };
}

async function minedBatch(database: Database, source: RecordSource, seq: bigint): Promise<PlacedBatch> {
  const batch = await batchOf(database.pool, source.bookId, seq);
  if (batch?.place?.state !== 'mined' && batch?.place?.state !== 'final') {
    throw new Problem('anchor/not-yet', `Record ${seq} of book ${source.bookId} is not in a block of the chain yet.`, { seq: seq.toString() });
  }
  return batch as PlacedBatch;
}

async function recordAt(source: RecordSource, seq: bigint): Promise<LedgerRecord> {
  const [record] = await source.records({ fromSeq: seq, limit: 1 });
  if (record?.seq !== seq) throw new Problem('anchor/no-such-proof', `Book ${source.bookId} has no record ${seq}.`, { seq: seq.toString() });
  return record;
}

function hashAt(flat: Uint8Array, { firstSeq }: StoredBatch, seq: bigint): Hash {
  const at = Number(seq - firstSeq) * 32;
  return flat.slice(at, at + 32);
}

async function logProof(database: Database, batch: PlacedBatch, seq: bigint, head: LogHead): Promise<LogProof> {
  const { place, firstSeq, lastSeq, previousHead } = batch;
  const books = await bookRecordsOf(database.pool, place.index);
  const { from, to } = leavesUnderPeak(place.index, head.count);
  const leaves = await anchorLeaves(database.pool, from, to);
  return {
    firstSeq,
    lastSeq,
    previousHead,
    batchPath: merkleTree(batch.leaves).path(Number(seq - firstSeq)),
    bookIndex: place.bookIndex,
    bookCount: place.bookCount,
    bookPath: inclusionPath(books, place.bookIndex),
    anchorIndex: place.index,
    count: head.count,
    peaks: head.peaks,
    peakPath: inclusionPath(leaves, Number(place.index - from)),
  };
}

async function provenRecord(
  database: Database,
  source: RecordSource,
  seq: bigint,
  batch: PlacedBatch,
  proof: LogProof,
  show: readonly FieldName[],
): Promise<ProvenRecord> {
  const record = await recordAt(source, seq);
  return {
    record: recordToJson(record),
    fieldsRoot: toHex(hashAt(batch.fieldsRoots, batch, seq)),
    shown: await shownFields(database, source, record, show),
    leaf: toHex(hashAt(batch.leaves, batch, seq)),
    batch: {
      firstSeq: proof.firstSeq.toString(),
      lastSeq: proof.lastSeq.toString(),
      previousHead: toHex(proof.previousHead),
      path: proof.batchPath.map(toHex),
    },
    book: stepsOf(BigInt(proof.bookIndex), BigInt(proof.bookCount), proof.bookPath).map(({ side, hash }) => ({ side, hash: toHex(hash) })),
    anchor: proof.anchorIndex.toString(),
  };
}

/** Those of the wanted fields that the record has; none once its subject was erased. */
async function shownFields(database: Database, source: RecordSource, record: LedgerRecord, show: readonly FieldName[]): Promise<ShownField[]> {
  const { fields, subject } = record;
  if (!fields || !subject) return [];
  const key = (await subjectKeys(database.pool, [subject])).get(subject);
  if (!key) return [];
  const salt = recordSalt(key, source.bookId, record.seq);
  return show
    .filter((name) => fields[name] !== undefined)
    .map((name) => fieldProof(fields, salt, name))
    .map((proof) => ({ name: proof.name, value: proof.value, salt: toHex(proof.salt), path: proof.path.map(toHex) }));
}

/** A record is final once the batch it is in is anchored in a final block. */
export async function isFinallyAnchored({ pool }: Database, book: BookId, seq: bigint): Promise<boolean> {
  return (await anchorStateOf(pool, book, seq)) === 'final';
}
