import { assert, concat, type Clock, type RandomBytes, type TimeMs } from '#base';
import type { Database, Queryable } from '#db';
import type { LedgerRecord } from '#ledger/core';
import { addSubjectKeys, insertOnce, lastBatch, subjectKeys, type BatchEnd } from '../batchStore.ts';
import { bookRecordHash, encodeRecord, merkleTree, messageHashes, NO_HEAD, recordFieldsRoot, recordSalt } from '../core/core.ts';
import type { RecordSource } from '../types.ts';

export interface SealerOptions {
  readonly database: Database;
  readonly clock: Clock;
  /** Bound by every leaf. */
  readonly chainId: bigint;
  readonly random: RandomBytes;
  /** Seal when the oldest unsealed record is this old: well within the greatest unanchored age, of which signing and mining need the rest. */
  readonly sealAfterMs: number;
  /** Seal when so many records wait; no batch is larger. */
  readonly maxRecords: number;
}

export interface Sealer {
  /** Seals what is due by count or age. Returns how many batches it made. */
  sealDue(source: RecordSource): Promise<number>;
  /** Seals everything there is: a window's instructions wait for no timer. */
  sealAll(source: RecordSource): Promise<number>;
}

const SUBJECT_KEY_BYTES = 32;

/** Turns the records of books into batches: contiguous, each record in exactly one. Any number of processes may seal the same book. */
export function createSealer(options: SealerOptions): Sealer {
  const sealWhile = async (source: RecordSource, isDue: (records: readonly LedgerRecord[]) => boolean): Promise<number> => {
    for (let batches = 0; ; batches++) {
      const end = await lastBatch(options.database.pool, source.bookId);
      const records = await source.records({ fromSeq: (end?.lastSeq ?? 0n) + 1n, limit: options.maxRecords });
      if (records.length === 0 || !isDue(records)) return batches;
      await seal(options, source, end, records);
    }
  };
  return {
    sealDue: (source) => sealWhile(source, (records) => isBatchDue(records, options.clock.nowMs(), options)),
    sealAll: (source) => sealWhile(source, () => true),
  };
}

/** By count or by age, whichever comes first. */
function isBatchDue(records: readonly LedgerRecord[], nowMs: TimeMs, { sealAfterMs, maxRecords }: Pick<SealerOptions, 'sealAfterMs' | 'maxRecords'>) {
  return records.length >= maxRecords || nowMs - records[0]!.nowMs >= sealAfterMs;
}

async function seal({ database, clock, chainId, random }: SealerOptions, { bookId }: RecordSource, end: BatchEnd | null, records: readonly LedgerRecord[]) {
  const firstSeq = (end?.lastSeq ?? 0n) + 1n;
  records.forEach(({ seq }, i) => assert(seq === firstSeq + BigInt(i), `book ${bookId} has a gap before record ${seq}`));
  const salts = await recordSalts(database.pool, records, random);
  const fieldsRoots = records.map((record) => recordFieldsRoot(record, salt(salts, bookId, record)));
  const leaves = messageHashes(records.map((record, i) => encodeRecord({ chainId, book: bookId }, record, fieldsRoots[i]!)));
  const record = {
    book: bookId,
    firstSeq,
    lastSeq: records.at(-1)!.seq,
    previousHead: end?.bookRecord ?? NO_HEAD,
    batchRoot: merkleTree(leaves).root,
  };
  await insertOnce(database, {
    ...record,
    batchNo: (end?.batchNo ?? 0n) + 1n,
    recordHash: bookRecordHash(record),
    leaves,
    fieldsRoots: concat(...fieldsRoots),
    oldestMs: records[0]!.nowMs,
    sealedMs: clock.nowMs(),
  });
}

function salt(keys: ReadonlyMap<string, Uint8Array>, book: RecordSource['bookId'], { subject, seq }: LedgerRecord) {
  const key = subject && keys.get(subject);
  return key ? recordSalt(key, book, seq) : null;
}

/** The keys of everybody whom these records' fields are about; whoever has none yet gets one. */
async function recordSalts(client: Queryable, records: readonly LedgerRecord[], random: RandomBytes): Promise<Map<string, Uint8Array>> {
  const subjects = [...new Set(records.flatMap(({ subject, fields }) => (subject && fields ? [subject as string] : [])))].sort();
  const known = await subjectKeys(client, subjects);
  const missing = subjects.filter((subject) => !known.has(subject));
  if (missing.length === 0) return known;
  await addSubjectKeys(client, new Map(missing.map((subject) => [subject, random(SUBJECT_KEY_BYTES)])));
  return subjectKeys(client, subjects);
}
