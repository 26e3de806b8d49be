import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { createAnchorer, createProver, createSealer, type Prover } from '#anchor';
import { checkReceiptOffline, parseReceipt, type Receipt } from '#anchor/core';
import { ManualClock, Problem, toHex, type BookId, type Hex, type ProblemCode } from '#base';
import { openDevelopmentCustody } from '#custody';
import type { LedgerRecord } from '#ledger/core';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { filler, NOW_MS, PAYEE_ADDRESS, PAYMENT, paymentJournal, sampleId, STORY, TOKEN, WORDS } from './samples.ts';
import { ANCHOR, CHAIN_ID, FakeChain, sourceOf, VAULT } from './support.ts';

const TRANSACTION: Hex = `0x${'99'.repeat(32)}`;
const SETTLED = sampleId<BookId>(0xaa1);
const RETURNED = sampleId<BookId>(0xaa2);
const OTHER = sampleId<BookId>(0xaa3);

function problem(code: ProblemCode) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}

function replaced(receipt: Receipt, change: (copy: Record<string, never> & Receipt) => void): Receipt {
  const copy = structuredClone(receipt) as Record<string, never> & Receipt;
  change(copy);
  return copy;
}

describe('receipts', () => {
  let store: TestDatabase;
  let prover: Prover;
  let settled: Receipt;
  const payout = { words: WORDS, index: 1, transaction: TRANSACTION };
  const sources = new Map<BookId, readonly LedgerRecord[]>([
    [SETTLED, paymentJournal('settled')],
    [RETURNED, paymentJournal('returned')],
    [OTHER, filler(5)],
  ]);
  const source = (book: BookId) => sourceOf(book, sources.get(book)!);
  const receiptOf = (book: BookId, seqs: readonly bigint[], paid: Receipt['payout']) =>
    prover.receiptOf(source(book), { payment: PAYMENT, seqs, show: ['payee', 'order'], payout: paid });

  before(async () => {
    store = await testDatabase();
    const folder = await mkdtemp(join(tmpdir(), 'cairn-receipt-'));
    const { database } = store;
    const random = (n: number) => randomBytes(n);
    const custody = await openDevelopmentCustody({ folder, chainId: CHAIN_ID, random });
    await rm(folder, { recursive: true });
    const clock = new ManualClock(NOW_MS);
    const chain = new FakeChain(await custody.address('poster'));
    // Batches of three, so that one payment's records are under several anchors.
    const sealer = createSealer({ database, clock, chainId: CHAIN_ID, random, sealAfterMs: 0, maxRecords: 3 });
    const anchorer = createAnchorer({ database, chain, outbox: chain, custody, clock, signingPatienceMs: 1_000 });
    for (const book of sources.keys()) await sealer.sealAll(source(book));
    for (let pass = 0; pass < 4; pass++) {
      await anchorer.tick();
      chain.mine();
    }
    prover = createProver({ database, chainId: CHAIN_ID, anchorAddress: ANCHOR, vaultAddress: VAULT });
    settled = await receiptOf(SETTLED, [...STORY, 7n, 8n], payout);
  });
  after(() => store.close());

  it('prove a payment from hold to booking, and say what the chain has to confirm', () => {
    const claims = checkReceiptOffline(parseReceipt(JSON.stringify(settled)));
    assert.equal(claims.story.state, 'settled');
    assert.equal(claims.story.amount, 125_000n);
    assert.equal(claims.story.legs.length, 2);
    assert.deepEqual(
      claims.anchored.map(({ index }) => index),
      [0n, 1n, 2n],
    );
    assert.deepEqual(
      { ...claims.paid, instruction: '' },
      { instruction: '', index: 1, token: TOKEN, payee: PAYEE_ADDRESS, amount: 125_000n, transaction: TRANSACTION },
    );
    assert.deepEqual(
      settled.records.flatMap(({ shown }) => shown.map(({ name }) => name)),
      ['payee', 'order'],
    );
    assert.ok(!JSON.stringify(settled).includes('score'), 'what is not shown is not there');
  });

  it('tell of a payment on its way and of one that was given back', async () => {
    assert.equal(checkReceiptOffline(await receiptOf(SETTLED, STORY.slice(0, 3), null)).story.state, 'held');
    assert.equal(checkReceiptOffline(await receiptOf(SETTLED, STORY, payout)).story.state, 'instructed');
    const returned = checkReceiptOffline(await receiptOf(RETURNED, [...STORY, 7n, 8n], null));
    assert.equal(returned.story.state, 'returned');
    assert.equal(returned.paid, null);
  });

  it('refuse a story that does not hold together', async () => {
    const refused = async (seqs: readonly bigint[], paid: Receipt['payout'], book = SETTLED) =>
      assert.throws(checkReceiptOffline.bind(null, await receiptOf(book, seqs, paid)), problem('anchor/receipt-refused'));
    await refused([1n, 3n, 5n, 6n], payout); // no payout leg
    await refused([2n, 3n, 5n, 6n], payout); // no asset
    await refused([1n, 2n, 3n, 6n], payout); // no window
    await refused([1n, 2n, 3n, 5n], payout); // no instruction
    await refused([...STORY, 7n], payout); // one leg booked, one open
    await refused([1n, 2n, 5n, 6n, 7n, 8n], payout); // a booking without its hold
    await refused([...STORY, 7n, 8n], null); // booked as paid, no payout
    await refused([...STORY, 7n, 8n], payout, RETURNED); // given back, but paid
    await refused(STORY, { ...payout, index: 0 }); // another's word
    await refused(STORY, { ...payout, index: 2 });
    await refused(STORY, { ...payout, words: [...WORDS].reverse(), index: 0 });
    await refused(STORY, { ...payout, words: WORDS.slice(1), index: 0 });
  });

  it('cannot be had before the records are in a block, nor for records that are not there', async () => {
    await assert.rejects(receiptOf(SETTLED, [9n], null), problem('anchor/not-yet'));
  });

  it('show no field once the key of its subject is gone, and still prove every record', async () => {
    await store.owner.query('create table kept as select * from cairn.subject_key');
    await store.database.pool.query('delete from cairn.subject_key');
    const erased = await receiptOf(SETTLED, [...STORY, 7n, 8n], payout);
    assert.ok(erased.records.every(({ shown }) => shown.length === 0));
    assert.equal(checkReceiptOffline(erased).story.state, 'settled');
    await store.owner.query('insert into cairn.subject_key select * from kept');
  });

  it('are refused with any byte of any value changed, or say something else that the chain will not confirm', () => {
    const json = JSON.stringify(settled);
    const original = JSON.stringify(checkReceiptOffline(settled), bigints);
    for (let at = 0; at < json.length; at++) {
      const changed = json.slice(0, at) + substitute(json[at]!) + json.slice(at + 1);
      const verdict = outcome(changed);
      if (verdict !== 'refused') assert.notEqual(verdict, original, `character ${at}: ${json.slice(Math.max(0, at - 60), at + 20)}`);
    }
  }).timeout(120_000);

  it('are refused with a member missing, added or of another kind', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom('drop', 'add', 'null', 'number', 'upper'), (seed, what) => {
        const copy = structuredClone(settled) as unknown as Record<string, unknown>;
        const places = objectsOf(copy);
        const [place] = [places[seed % places.length]!];
        const key = Object.keys(place)[seed % Object.keys(place).length]!;
        const before = JSON.stringify(copy);
        if (what === 'drop') delete place[key];
        if (what === 'add') place['extra'] = 1;
        if (what === 'null') place[key] = null;
        if (what === 'number') place[key] = 1.5;
        if (what === 'upper') place[key] = typeof place[key] === 'string' ? place[key].toUpperCase().replace('0X', '0x') : place[key];
        if (JSON.stringify(copy) !== before) assert.notEqual(outcome(JSON.stringify(copy)), outcome(before), `${what} ${key}`);
      }),
      { numRuns: 200 },
    );
  }).timeout(120_000);

  it('are refused with the head of a later time: only that of its own moment is in the event', async () => {
    const { proof } = await prover.proofNow(source(SETTLED), 1n);
    assert.ok(proof.count > 1n);
    const later = { count: proof.count.toString(), peaks: proof.peaks.map(toHex), path: proof.peakPath.map(toHex) };
    const moved = replaced(settled, (copy) => Object.assign(copy.anchors[0]!, later));
    assert.throws(() => checkReceiptOffline(moved), problem('anchor/receipt-refused'));
  });

  it('are refused where two records claim one anchor but lead to different leaves', () => {
    const moved = replaced(settled, (copy) => Object.assign(copy.records[0]!, { anchor: copy.records.at(-1)!.anchor }));
    assert.throws(() => checkReceiptOffline(moved), problem('anchor/receipt-refused'));
    const unused = replaced(settled, (copy) => Object.assign(copy, { records: copy.records.slice(0, 3) }));
    assert.throws(() => checkReceiptOffline(unused), problem('anchor/receipt-refused'));
  });
});

function bigints(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** Another character of the same kind: digits and hexadecimal stay so. */
function substitute(character: string): string {
  if (/[0-8]/.test(character)) return String(Number(character) + 1);
  if (character === '9') return '8';
  if (/[a-e]/.test(character)) return String.fromCharCode(character.charCodeAt(0) + 1);
  return character === 'f' ? 'e' : '~';
}

function outcome(json: string): string {
  try {
    return JSON.stringify(checkReceiptOffline(parseReceipt(json)), bigints);
  } catch (error) {
    assert.ok(error instanceof Problem, String(error));
    return 'refused';
  }
}

function objectsOf(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.values(value).flatMap(objectsOf);
  return Array.isArray(value) ? inner : [value as Record<string, unknown>, ...inner];
}
