import { strict as assert } from 'node:assert';
import {
  anchorTree,
  appendLeaf,
  bookRecordHash,
  checkReceiptOffline,
  EMPTY_LOG,
  fieldProof,
  headOf,
  inclusionPath,
  mth,
  NO_HEAD,
  peakPath,
  recordFieldsRoot,
  recordLeaf,
  recordToJson,
  stepsOf,
  type AnchorFact,
  type BookRecord,
  type Hash,
  type ProvenRecord,
  type Receipt,
} from '#anchor/core';
import { Problem, toHex, type BookId } from '#base';
import { paymentJournal, PAYMENT, sampleId, WORDS } from '../../samples.ts';
import { ANCHOR, CHAIN_ID, VAULT } from '../../support.ts';

const BOOK = sampleId<BookId>(0xc5);
const SALT = new Uint8Array(32).fill(5);
const word = (n: number): Hash => new Uint8Array(32).fill(n);

interface Cut {
  readonly from: number;
  readonly to: number;
  readonly previousHead?: Hash;
}

/** A receipt of a settled payment whose records are in these batches, one anchor each in this order, with so many other books beside it in each. */
function receiptOf(cuts: readonly Cut[], others = 3): Receipt {
  const journal = paymentJournal('settled');
  const rootOf = (seq: number) => recordFieldsRoot(journal[seq - 1]!, SALT);
  const leafOf = (seq: number) => recordLeaf({ chainId: CHAIN_ID, book: BOOK }, journal[seq - 1]!, rootOf(seq));
  const log: Hash[] = [];
  const records: ProvenRecord[] = [];
  const anchors: AnchorFact[] = [];
  let [head, last] = [NO_HEAD, EMPTY_LOG];
  for (const [index, { from, to, previousHead = head }] of cuts.entries()) {
    const leaves = Array.from({ length: to - from + 1 }, (_, i) => leafOf(from + i));
    const ours: BookRecord = { book: BOOK, firstSeq: BigInt(from), lastSeq: BigInt(to), previousHead, batchRoot: mth(leaves) };
    const tree = anchorTree([ours, ...Array.from({ length: others }, (_, i) => ({ ...ours, book: sampleId<BookId>(0xc0 + 4 * i), batchRoot: word(i) }))]);
    const place = tree.books.indexOf(ours);
    head = bookRecordHash(ours);
    log.push(tree.leaf);
    last = appendLeaf(last, tree.leaf);
    anchors.push({
      index: `${index}`,
      count: `${index + 1}`,
      peaks: headOf(log).peaks.map(toHex),
      path: peakPath(log, index).map(toHex),
      transaction: toHex(word(9)),
    });
    for (let seq = from; seq <= to; seq++) {
      const record = journal[seq - 1]!;
      const shown = record.fields?.payee === undefined ? [] : [fieldProof(record.fields, SALT, 'payee')];
      records.push({
        record: recordToJson(record),
        fieldsRoot: toHex(rootOf(seq)),
        shown: shown.map(({ name, value, salt, path }) => ({ name, value, salt: toHex(salt), path: path.map(toHex) })),
        leaf: toHex(leafOf(seq)),
        batch: { firstSeq: `${from}`, lastSeq: `${to}`, previousHead: toHex(previousHead), path: inclusionPath(leaves, seq - from).map(toHex) },
        book: stepsOf(BigInt(place), BigInt(others + 1), tree.path(place)).map(({ side, hash }) => ({ side, hash: toHex(hash) })),
        anchor: `${index}`,
      });
    }
  }
  const told = records.filter(({ record }) => (record as { kind: string }).kind !== 'expiry');
  const payout = { words: WORDS, index: 1, transaction: toHex(word(8)) };
  return { format: 'cairn-receipt/1', chainId: `${CHAIN_ID}`, anchor: ANCHOR, vault: VAULT, book: BOOK, payment: PAYMENT, records: told, anchors, payout };
}

function assertRefused(receipt: Receipt, why: RegExp): void {
  assert.throws(
    () => checkReceiptOffline(receipt),
    (error) => error instanceof Problem && error.code === 'anchor/receipt-refused' && why.test(error.detail),
  );
}

describe('a receipt from anchors of many books', () => {
  it('holds wherever the book stands among 1 to 20 others', () => {
    for (let others = 0; others <= 20; others++) {
      const { story, anchored } = checkReceiptOffline(receiptOf([{ from: 1, to: 3 }, { from: 4, to: 6 }, { from: 7, to: 8 }], others)); // prettier-ignore
      assert.equal(story.state, 'settled');
      assert.equal(anchored.length, 3);
    }
  });

  it('is refused where two of its batches take one position: the log has one batch a position of a book', () => {
    assertRefused(receiptOf([{ from: 1, to: 6 }, { from: 5, to: 8 }]), /takes a position that the batch of the record before it has|each once/); // prettier-ignore
    const twice = receiptOf([{ from: 1, to: 6 }, { from: 6, to: 8 }]); // prettier-ignore
    assertRefused(
      { ...twice, records: twice.records.filter(({ record, anchor }) => anchor === '1' || (record as { seq: string }).seq !== '6') },
      /takes a position/,
    );
  });

  it('is refused where a batch is in the log before the one that it follows', () => {
    const journal = receiptOf([{ from: 7, to: 8 }, { from: 1, to: 6 }]); // prettier-ignore
    const records = [...journal.records].sort((a, b) => Number((a.record as { seq: string }).seq) - Number((b.record as { seq: string }).seq));
    assertRefused({ ...journal, records }, /takes a position/);
  });

  it('is refused where a batch names another past than the batch before it', () => {
    assertRefused(receiptOf([{ from: 1, to: 6 }, { from: 7, to: 8, previousHead: word(7) }]), /does not follow that of the record before it/); // prettier-ignore
  });

  it('is refused where a step past another book is left out, added, turned round or another', () => {
    const whole = receiptOf([{ from: 1, to: 8 }]);
    const step = whole.records[0]!.book[0]!;
    const others: ProvenRecord['book'][] = [
      whole.records[0]!.book.slice(1),
      [...whole.records[0]!.book, step],
      whole.records[0]!.book.with(0, { ...step, side: step.side === 'left' ? 'right' : 'left' }),
      whole.records[0]!.book.with(0, { ...step, hash: toHex(word(3)) }),
    ];
    for (const book of others) assertRefused({ ...whole, records: whole.records.map((record) => ({ ...record, book })) }, /not under the peaks of anchor 0/);
  });
});
