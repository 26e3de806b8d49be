import { concat, fromHex, toHex, type Hex } from '#base';
import { bookRecordHash, follows, merkleTree, NO_BATCH, NO_HEAD, recordFieldsRoot, recordLeaf, treeFault, type Hash, type TreeFault } from '#anchor/core';
import type { ExportedBatch, ExportedRecord } from '../export/format.ts';
import type { Exported } from '../export/read.ts';
import type { Findings } from '../findings.ts';
import { refusalOf } from './evidence.ts';

export interface LogSummary {
  /** Records in batches, and in batches of an anchor. */
  readonly sealed: number;
  readonly anchored: number;
}

/** Everything from the records up to the anchor leaves, recomputed: fields roots, leaves, batch roots, the chain of book records, the trees of books. */
export function checkLog(exported: Exported, findings: Findings): LogSummary {
  const bySeq = new Map(exported.records.map((entry) => [entry.record.seq, entry]));
  const erased = new Set(exported.records.flatMap(({ record }) => (record.kind === 'erasure' ? [record.erased as string] : [])));
  const carried = checkAnchors(exported, findings);
  let before: ExportedBatch | undefined;
  let [sealed, anchored] = [0, 0];
  for (const batch of exported.batches) {
    if (checkPlace(batch, before, findings)) checkRecords(exported, batch, bySeq, erased, findings);
    checkBookRecord(exported, batch, findings);
    const size = Number(batch.lastSeq - batch.firstSeq + 1n);
    sealed += size;
    if (batch.anchor !== null) anchored += size;
    if (batch.anchor !== null && carried.get(batch.anchor) !== batch.bookRecord)
      findings.addToBatch('anchor', batch.batchNo, `Batch ${batch.batchNo} is said to be in anchor ${batch.anchor}, which does not carry its book record`);
    before = batch;
  }
  return { sealed, anchored };
}

/** Of each anchor the record of this book under it that is canonical, as its hash: in the order of the log, the first of its position. Another one of a position that is taken is void, whatever it says. */
function checkAnchors({ header, anchors, batches }: Exported, findings: Findings): ReadonlyMap<bigint, Hex> {
  const carried = new Map<bigint, Hex>();
  let end = NO_BATCH;
  for (const anchor of anchors) {
    const records = anchor.books.map((record) => ({ ...record, previousHead: fromHex(record.previousHead), batchRoot: fromHex(record.batchRoot) }));
    const fault = treeFault(fromHex(anchor.leaf), records);
    if (fault) {
      const batch = batches.find((candidate) => candidate.anchor === anchor.index);
      const what = `Anchor leaf ${anchor.index} is not the root of the book records under it${HOW_NOT[fault]}`;
      if (batch) findings.addToBatch('anchor', batch.batchNo, `${what}, of which ${rangeOf(batch)} is one`);
      else findings.add('anchor', null, what);
    }
    for (const record of records.filter(({ book }) => book === header.book)) {
      if (!follows(record, end)) {
        const { firstSeq, lastSeq } = record;
        const taken = `the log has the records up to ${end.lastSeq} by then`;
        findings.add(
          'anchor',
          null,
          `Anchor ${anchor.index} carries a record of the book for records ${firstSeq} to ${lastSeq}, which follows nothing: ${taken}`,
        );
        continue;
      }
      end = { lastSeq: record.lastSeq, bookRecord: bookRecordHash(record) };
      carried.set(anchor.index, toHex(end.bookRecord));
    }
  }
  return carried;
}

/** Where it is more than another hash. */
const HOW_NOT: Readonly<Record<TreeFault, string>> = {
  empty: ': there are none',
  notARange: ': one of them is of no range of records',
  bookTwice: ': a book is there twice',
  outOfOrder: ': the books are not in the order of their ids',
  otherLeaf: '',
};

/** "batch 3 (records 40 to 97)". */
export function rangeOf({ batchNo, firstSeq, lastSeq }: ExportedBatch): string {
  return `batch ${batchNo} (records ${firstSeq} to ${lastSeq})`;
}

/** False where the range is no range, so that nothing in it can be looked at. */
function checkPlace(batch: ExportedBatch, before: ExportedBatch | undefined, findings: Findings): boolean {
  const { batchNo, firstSeq, lastSeq, previousHead } = batch;
  if (batchNo !== (before?.batchNo ?? 0n) + 1n) findings.addToBatch('batch', batchNo, `Batch ${batchNo} follows batch ${before?.batchNo ?? 'nothing'}`);
  if (firstSeq !== (before?.lastSeq ?? 0n) + 1n)
    findings.addToBatch('batch', batchNo, `Batch ${batchNo} begins at record ${firstSeq}, the one before it ends at ${before?.lastSeq ?? 0n}`);
  if (previousHead !== (before?.bookRecord ?? toHex(NO_HEAD)))
    findings.addToBatch('batch', batchNo, `Batch ${batchNo} does not name the book record of the batch before it`);
  const length = 2 + 64 * Number(lastSeq - firstSeq + 1n);
  if (firstSeq >= 1n && firstSeq <= lastSeq && batch.leaves.length === length && batch.fieldsRoots.length === length) return true;
  findings.addToBatch('batch', batchNo, `Batch ${batchNo} does not have a leaf and a fields root for each of records ${firstSeq} to ${lastSeq}`);
  return false;
}

function at(flat: Hex, position: number): Hex {
  return `0x${flat.slice(2 + 64 * position, 66 + 64 * position)}`;
}

function checkRecords(
  { header }: Exported,
  batch: ExportedBatch,
  bySeq: ReadonlyMap<bigint, ExportedRecord>,
  erased: ReadonlySet<string>,
  findings: Findings,
): void {
  const leaves: Hash[] = [];
  for (let seq = batch.firstSeq; seq <= batch.lastSeq; seq++) {
    const position = Number(seq - batch.firstSeq);
    const stored = { leaf: at(batch.leaves, position), root: at(batch.fieldsRoots, position) };
    leaves.push(fromHex(stored.leaf));
    const entry = bySeq.get(seq);
    if (!entry) {
      findings.add('leaf', seq, `Record ${seq} was sealed as ${stored.leaf} and is not there`);
      continue;
    }
    const root = fieldsRootOf(entry, stored.root, erased, findings);
    const context = { chainId: header.chainId, book: header.book };
    let leaf: Hex | null = null;
    const refusal = refusalOf(() => (leaf = toHex(recordLeaf(context, entry.record, fromHex(root)))));
    if (refusal !== null) findings.add('record', seq, `Record ${seq} has no leaf: ${refusal}`);
    if (refusal !== null || leaf === stored.leaf) continue;
    findings.add(
      'leaf',
      seq,
      `Record ${seq}, ${nameOf(entry)}, was sealed as ${stored.leaf} and now hashes to another leaf: it was changed after it was sealed`,
    );
  }
  if (toHex(merkleTree(concat(...leaves)).root) !== batch.batchRoot)
    findings.addToBatch('batch', batch.batchNo, `The root ${batch.batchRoot} of ${rangeOf(batch)} is not that of its leaves`);
}

/** The root that the leaf is to be recomputed with. Where the fields contradict the sealed root that is said here, and the leaf is judged with the sealed one. */
function fieldsRootOf({ record, salt }: ExportedRecord, sealed: Hex, erased: ReadonlySet<string>, findings: Findings): Hex {
  const hasFields = Object.keys(record.fields ?? {}).length > 0;
  if (hasFields && salt === null) {
    if (record.subject === undefined || !erased.has(record.subject))
      findings.add('fields', record.seq, `The key of the subject of record ${record.seq} is gone, and no record says that it was erased`);
    return sealed;
  }
  const root = toHex(recordFieldsRoot(record, salt === null ? null : fromHex(salt)));
  const isErased = !hasFields && record.subject !== undefined && erased.has(record.subject);
  if (root !== sealed && !isErased)
    findings.add('fields', record.seq, `The evidence of record ${record.seq}, or the salt of its subject, is not what was sealed as ${sealed}`);
  return sealed;
}

function nameOf({ record }: ExportedRecord): string {
  if (record.kind === 'transfer') return `transfer ${record.id} of ${record.amount}`;
  if (record.kind === 'account') return `account ${record.id}`;
  return `a ${record.kind}`;
}

function checkBookRecord({ header }: Exported, batch: ExportedBatch, findings: Findings): void {
  const { firstSeq, lastSeq } = batch;
  if (firstSeq < 1n || firstSeq > lastSeq) return;
  const [previousHead, batchRoot] = [fromHex(batch.previousHead), fromHex(batch.batchRoot)];
  if (toHex(bookRecordHash({ book: header.book, firstSeq, lastSeq, previousHead, batchRoot })) !== batch.bookRecord)
    findings.addToBatch('batch', batch.batchNo, `The book record ${batch.bookRecord} is not the hash of ${rangeOf(batch)}`);
}
