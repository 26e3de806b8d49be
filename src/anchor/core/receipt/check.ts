import { fromHex, Problem, toHex, type BookId, type Hex, type PaymentId } from '#base';
import type { LedgerRecord } from '#ledger/core';
import { bookRecordHash, follows, type BookRecord } from '../book.ts';
import { parseCanonicalJson } from '../canonical.ts';
import { verifyField } from '../fields.ts';
import { commitment, verifyInHead } from '../log.ts';
import { rootFromPath, rootFromSteps, sameHash, type Hash } from '../merkle.ts';
import type { AnchorFact, ProvenRecord, Receipt } from './receipt.ts';
import { storyOf, type ShownValues, type Story } from './story.ts';
import { recordLeaf } from '../record.ts';
import { recordFromJson } from '../recordJson.ts';

/** What is left to ask the chain, once the receipt agrees with itself. */
export interface ReceiptClaims {
  readonly chainId: bigint;
  readonly anchor: Hex;
  readonly vault: Hex;
  readonly book: BookId;
  readonly payment: PaymentId;
  /** The transaction emitted Anchored(index, leaf, ..., commitment) at `anchor`, in a final block. */
  readonly anchored: readonly AnchoredClaim[];
  /** The vault's state has the bit of this payment set as settled and not as cancelled, and the transaction emitted Paid(instruction, ...); null while unpaid. */
  readonly paid: PaidClaim | null;
  /** What the records say happened. */
  readonly story: Story;
}

export interface AnchoredClaim {
  readonly index: bigint;
  readonly leaf: Hex;
  readonly commitment: Hex;
  readonly transaction: Hex;
}

export interface PaidClaim {
  /** hashStruct(Instruction). */
  readonly instruction: Hex;
  readonly index: number;
  readonly token: Hex;
  readonly payee: Hex;
  /** Minor units. */
  readonly amount: bigint;
  readonly transaction: Hex;
}

function refuse(where: string, why: string): Problem {
  return new Problem('anchor/receipt-refused', `${where}: ${why}.`, { where });
}

/**
 * Checks everything about a receipt that needs no chain: each leaf from its record, each shown field, each path, the lists, and that the records tell one
 * story about one payment. Returns what the chain has to confirm; anchor/receipt-refused names the first contradiction.
 */
export function checkReceiptOffline(receipt: Receipt): ReceiptClaims {
  const facts = new Map(receipt.anchors.map((fact) => [fact.index, fact]));
  if (facts.size !== receipt.anchors.length) throw refuse('anchors', 'one of them stands there twice');
  const anchored = new Map<string, AnchoredClaim>();
  const shown: ShownValues = new Map();
  let before: PlacedBatch | null = null;
  const records = receipt.records.map((proven, i): LedgerRecord => {
    const where = `records[${i}]`;
    const record = recordFromJson(proven.record) as LedgerRecord;
    const { claim, batch } = checkRecord(receipt, proven, record, facts.get(proven.anchor), where);
    if (before) checkSuccession(before, batch, where);
    before = batch;
    const known = anchored.get(proven.anchor);
    // Two records under one anchor leaf must lead to the same leaf, or one of them is under none.
    if (known && known.leaf !== claim.leaf) throw refuse(where, 'it leads to another anchor leaf than the records before it');
    anchored.set(proven.anchor, claim);
    shown.set(record.seq, checkFields(proven, where));
    return record;
  });
  const unused = receipt.anchors.find(({ index }) => !anchored.has(index));
  if (unused) throw refuse('anchors', `no record is under anchor ${unused.index}`);
  const { story, paid } = storyOf(receipt, records, shown);
  return {
    chainId: BigInt(receipt.chainId),
    anchor: receipt.anchor,
    vault: receipt.vault,
    book: receipt.book,
    payment: receipt.payment,
    anchored: [...anchored.values()],
    paid,
    story,
  };
}

/** A batch of the receipt with its place in the log. */
interface PlacedBatch extends BookRecord {
  readonly hash: Hash;
  readonly index: bigint;
}

/** The book has one batch a position, and its batches are in the log in their order: two records are of the same one, or the second's came in later, behind it. */
function checkSuccession(before: PlacedBatch, batch: PlacedBatch, where: string): void {
  if (sameHash(before.hash, batch.hash) && before.index === batch.index) return;
  if (batch.index <= before.index || batch.firstSeq <= before.lastSeq)
    throw refuse(where, 'its batch takes a position that the batch of the record before it has');
  if (batch.firstSeq === before.lastSeq + 1n && !follows(batch, { lastSeq: before.lastSeq, bookRecord: before.hash }))
    throw refuse(where, 'its batch does not follow that of the record before it');
}

function checkRecord(
  { chainId, book }: Receipt,
  proven: ProvenRecord,
  record: LedgerRecord,
  fact: AnchorFact | undefined,
  where: string,
): { readonly claim: AnchoredClaim; readonly batch: PlacedBatch } {
  if (!fact) throw refuse(where, `anchor ${proven.anchor} is not in the receipt`);
  // The head is that of the moment when the leaf was appended: its commitment is in the event.
  if (BigInt(fact.count) !== BigInt(fact.index) + 1n) throw refuse('anchors', `anchor ${fact.index} was not the last of ${fact.count}`);
  const leaf = recordLeaf({ chainId: BigInt(chainId), book }, record, fromHex(proven.fieldsRoot));
  if (toHex(leaf) !== proven.leaf) throw refuse(where, 'its leaf is not the hash of the record');
  const batchRoot = batchRootOf(leaf, record.seq, proven);
  if (!batchRoot) throw refuse(where, 'its path does not fit its batch');
  const [firstSeq, lastSeq, previousHead] = [BigInt(proven.batch.firstSeq), BigInt(proven.batch.lastSeq), fromHex(proven.batch.previousHead)];
  const batch = { book, firstSeq, lastSeq, previousHead, batchRoot };
  const hash = bookRecordHash(batch);
  const steps = proven.book.map((step) => ({ side: step.side, hash: fromHex(step.hash) }));
  const anchorLeaf = rootFromSteps(hash, steps);
  const head = { count: BigInt(fact.count), peaks: fact.peaks.map(fromHex) };
  if (!verifyInHead(anchorLeaf, BigInt(fact.index), fact.path.map(fromHex), head)) throw refuse(where, `it is not under the peaks of anchor ${fact.index}`);
  const index = BigInt(fact.index);
  const claim = { index, leaf: toHex(anchorLeaf), commitment: toHex(commitment(head)), transaction: fact.transaction };
  return { claim, batch: { ...batch, hash, index } };
}

/** Null where the record is outside its batch, or its path has not the length that its place there demands. */
function batchRootOf(leaf: Hash, seq: bigint, { batch }: ProvenRecord): Hash | null {
  const [firstSeq, lastSeq] = [BigInt(batch.firstSeq), BigInt(batch.lastSeq)];
  if (firstSeq < 1n || lastSeq >= 1n << 64n) return null;
  return rootFromPath(leaf, seq - firstSeq, lastSeq - firstSeq + 1n, batch.path.map(fromHex));
}

function checkFields({ shown, fieldsRoot }: ProvenRecord, where: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const { name, value, salt, path } of shown) {
    if (values.has(name)) throw refuse(where, `its field ${name} is shown twice`);
    if (!verifyField({ name, value, salt: fromHex(salt), path: path.map(fromHex) }, fromHex(fieldsRoot)))
      throw refuse(where, `its field ${name} is not under its fields root`);
    if (value !== '') parseCanonicalJson(value);
    values.set(name, value);
  }
  return values;
}
