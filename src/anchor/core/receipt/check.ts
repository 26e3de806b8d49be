import { fromHex, Problem, toHex, type AccountId, type BookId, type Hex, type PaymentId } from '#base';
import type { LedgerRecord } from '#ledger/core';
import { bookRecordHash, follows, type BookRecord } from '../book.ts';
import { parseCanonicalJson } from '../canonical.ts';
import { verifyField } from '../fields.ts';
import { commitment, verifyInHead } from '../log.ts';
import { rootFromPath, rootFromSteps, sameHash, type Hash } from '../merkle.ts';
import type { AnchorFact, EntryProof, ProvenRecord, ProvenRecords, Receipt } from './receipt.ts';
import { storyOf, type ShownValues, type Story } from './story.ts';
import { recordLeaf } from '../record.ts';
import { recordFromJson } from '../recordJson.ts';

/** What is left to ask the chain of proven records, once the file agrees with itself. */
export interface RecordClaims {
  readonly chainId: bigint;
  readonly anchor: Hex;
  readonly vault: Hex;
  readonly book: BookId;
  /** The transaction emitted Anchored(index, leaf, ..., commitment) at `anchor`, in a final block. */
  readonly anchored: readonly AnchoredClaim[];
}

export interface ReceiptClaims extends RecordClaims {
  readonly payment: PaymentId;
  /** The vault's state has the bit of this payment set as settled and not as cancelled, and the transaction emitted Paid(instruction, ...); null while unpaid. */
  readonly paid: PaidClaim | null;
  /** What the records say happened. */
  readonly story: Story;
}

export interface EntryClaims extends RecordClaims {
  readonly account: AccountId;
  readonly entry: LedgerRecord;
  /** What the amount of a transfer is in; null where no money moved. */
  readonly asset: { readonly symbol: string; readonly decimals: number } | null;
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
  const { records, shown, claims } = checkRecords(receipt);
  return { ...claims, payment: receipt.payment, ...storyOf(receipt, records, shown) };
}

/** The same of one line of a statement: the entry is proven, and is one of this account. */
export function checkEntryOffline(proof: EntryProof): EntryClaims {
  const { records, claims } = checkRecords(proof);
  const entry = records.find(({ seq }) => seq === BigInt(proof.seq));
  if (!entry) throw refuse('records', `record ${proof.seq} is not among them`);
  // An expiry names its hold only: whose account it touched stands there.
  const touching = entry.kind === 'expiry' ? records.find((record) => record.kind === 'transfer' && record.id === entry.transfer) : entry;
  const accounts = touching?.kind === 'transfer' ? [touching.debit, touching.credit] : touching?.kind === 'account' ? [touching.id] : [];
  if (!accounts.includes(proof.account)) throw refuse(`record ${proof.seq}`, `it does not touch account ${proof.account}`);
  if (touching?.kind !== 'transfer') return { ...claims, account: proof.account, entry, asset: null };
  const asset = records.find((record) => record.kind === 'asset' && record.asset === touching.asset);
  if (asset?.kind !== 'asset') throw refuse('records', `asset ${touching.asset} is not among them`);
  return { ...claims, account: proof.account, entry, asset: { symbol: asset.symbol, decimals: asset.decimals } };
}

function checkRecords(proof: ProvenRecords): { readonly records: readonly LedgerRecord[]; readonly shown: ShownValues; readonly claims: RecordClaims } {
  const facts = new Map(proof.anchors.map((fact) => [fact.index, fact]));
  if (facts.size !== proof.anchors.length) throw refuse('anchors', 'one of them stands there twice');
  const anchored = new Map<string, AnchoredClaim>();
  const shown: ShownValues = new Map();
  let before: PlacedBatch | null = null;
  const records = proof.records.map((proven, i): LedgerRecord => {
    const where = `records[${i}]`;
    const record = recordFromJson(proven.record) as LedgerRecord;
    const { claim, batch } = checkRecord(proof, proven, record, facts.get(proven.anchor), where);
    if (before) checkSuccession(before, batch, where);
    before = batch;
    const known = anchored.get(proven.anchor);
    // Two records under one anchor leaf must lead to the same leaf, or one of them is under none.
    if (known && known.leaf !== claim.leaf) throw refuse(where, 'it leads to another anchor leaf than the records before it');
    anchored.set(proven.anchor, claim);
    shown.set(record.seq, checkFields(proven, where));
    return record;
  });
  const unused = proof.anchors.find(({ index }) => !anchored.has(index));
  if (unused) throw refuse('anchors', `no record is under anchor ${unused.index}`);
  const { anchor, vault, book } = proof;
  return { records, shown, claims: { chainId: BigInt(proof.chainId), anchor, vault, book, anchored: [...anchored.values()] } };
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
  { chainId, book }: ProvenRecords,
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
