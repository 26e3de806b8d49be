import { strict as assert } from 'node:assert';
import { storyOf, type Receipt } from '#anchor/core';
import { Problem, type AssetNo, type Hex } from '#base';
import { listHash, paymentWord } from '#custody/intents';
import { PENDING, POST_PENDING, VOID_PENDING, type LedgerRecord } from '#ledger/core';
import { BOOK_A, PAYEE_ADDRESS, PAYMENT, paymentJournal, sampleId, WORDS } from '../../samples.ts';
import { ANCHOR, VAULT } from '../../support.ts';

const OTHER: Hex = `0x${'cc'.repeat(20)}`;
const [ASSET, PAYOUT, FEE, , WINDOW, INSTRUCTION, POST] = [0, 1, 2, 3, 4, 5, 6];

const RECEIPT: Receipt = {
  format: 'cairn-receipt/1',
  chainId: '31337',
  anchor: ANCHOR,
  vault: VAULT,
  book: BOOK_A,
  payment: PAYMENT,
  records: [],
  anchors: [],
  payout: { words: WORDS, index: 1, transaction: `0x${'99'.repeat(32)}` },
};

const SHOWN = new Map([[2n, new Map([['payee', `{"address":"${PAYEE_ADDRESS}"}`]])]]);

/** The settled journal with one record changed, as a consistent forger would leave it. */
function changed(at: number, change: object): LedgerRecord[] {
  return paymentJournal('settled').map((record, i) => (i === at ? { ...record, ...change } : record));
}

/** The settled journal with one record written at another time, its numbers and the window's end as they would be then. */
function moved(from: number, to: number): LedgerRecord[] {
  const records = paymentJournal('settled');
  const rest = records.toSpliced(from, 1).toSpliced(to, 0, records[from]!);
  return rest.map((record, i) => ({ ...record, seq: BigInt(i + 1), ...(record.kind === 'window' && { toSeq: BigInt(i) }) }));
}

const OTHER_WORDS = [WORDS[0]!, paymentWord(PAYEE_ADDRESS, 124_999n)];
const SHOWN_AT = (records: readonly LedgerRecord[]) => new Map([[records.find(({ subject }) => subject)?.seq ?? 0n, SHOWN.get(2n)!]]);

describe('the story of a receipt', () => {
  it('is told by the records of a settled payment', () => {
    const { story, paid } = storyOf(RECEIPT, paymentJournal('settled'), SHOWN);
    assert.equal(story.state, 'settled');
    assert.equal(paid?.payee, PAYEE_ADDRESS);
  });

  const contradictions: readonly (readonly [string, readonly LedgerRecord[], Partial<Receipt>?])[] = [
    ['the list pays another amount than the hold', changed(PAYOUT, { amount: 124_999n })],
    ['a booking has another amount than its hold', changed(POST, { amount: 1n })],
    ['a booking has another receiver than its hold', changed(POST, { credit: sampleId(0x66) })],
    ['a booking precedes its hold', moved(POST, 1)],
    ['the window closed before the hold', moved(WINDOW, 1)],
    ['the word pays another amount', changed(INSTRUCTION, { listHash: listHash(OTHER_WORDS) }), { payout: { ...RECEIPT.payout!, words: OTHER_WORDS } }],
    ['a leg belongs to another payment', changed(FEE, { reference: sampleId(0x78) })],
    ['the receipt is of another payment', paymentJournal('settled'), { payment: sampleId(0x78) }],
    ['the hold does not settle in windows', changed(PAYOUT, { flags: PENDING })],
    ['the window begins behind the hold', changed(WINDOW, { fromSeq: 3n })],
    ['the window ends before the hold', changed(WINDOW, { toSeq: 1n })],
    ['the window leaves out records before it', changed(WINDOW, { toSeq: 3n })],
    ['the instruction is of another window', changed(INSTRUCTION, { window: sampleId(0x98) })],
    ['the instruction is for another vault', changed(INSTRUCTION, { vault: OTHER })],
    ['the receipt names another vault', paymentJournal('settled'), { vault: OTHER }],
    ['the instruction is in another token', changed(INSTRUCTION, { token: OTHER })],
    ['the asset is on another chain', changed(ASSET, { caip19: `eip155:1/erc20:${OTHER}` })],
    ['the asset is another one', changed(ASSET, { asset: 2 as AssetNo })],
    ['the list has another hash', changed(INSTRUCTION, { listHash: `0x${'00'.repeat(32)}` })],
    ['the list has another length', changed(INSTRUCTION, { count: 3 })],
    ['one leg is booked and one given back', changed(POST, { flags: VOID_PENDING })],
    ['two legs are the payout', changed(FEE, { code: 10 })],
    ['a record stands there twice', [...paymentJournal('settled').slice(0, 2), ...paymentJournal('settled').slice(1)]],
    ['the records are out of order', paymentJournal('settled').toReversed()],
    ['it is given back although it was paid', paymentJournal('returned')],
    ['it is booked as paid without a payout', paymentJournal('settled'), { payout: null }],
    ['a transfer closes nothing', changed(FEE, { flags: POST_PENDING, pendingId: sampleId(0x999) })],
  ];
  for (const [what, records, over] of contradictions) {
    it(`is refused where ${what}`, () => {
      assert.throws(
        () => storyOf({ ...RECEIPT, ...over }, records, SHOWN_AT(records)),
        (error) => error instanceof Problem && error.code === 'anchor/receipt-refused',
      );
    });
  }

  it('is refused where the shown payee signed for another address', () => {
    const shown = new Map([[2n, new Map([['payee', `{"address":"${OTHER}"}`]])]]);
    assert.throws(() => storyOf(RECEIPT, paymentJournal('settled'), shown), /signed address/);
  });
});
