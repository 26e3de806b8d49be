import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { newId, Problem, utf8, type BookId } from '#base';
import { decodePage, encodePage, MAX_PAGE_BYTES, type FeedItem, type FeedPage } from '#feed/core';
import type { LedgerRecord } from '#ledger/core';

const BOOK = newId<BookId>(1, (length) => new Uint8Array(length).fill(7));
const order: LedgerRecord = {
  kind: 'order',
  order: BOOK as never,
  merchant: BOOK as never,
  authorisation: `0x${'ab'.repeat(32)}`,
  count: 2,
  seq: 1n,
  nowMs: 5,
};
const erasure: LedgerRecord = { kind: 'erasure', erased: BOOK, seq: 2n, nowMs: 6 };
const ITEMS: readonly FeedItem[] = [
  { record: { ...order, fields: { authorisation: '{"ü":1}' } }, salt: new Uint8Array(32).fill(1), fieldsRoot: null, file: new Uint8Array([1, 2, 255]) },
  { record: erasure, salt: null, fieldsRoot: new Uint8Array(32).fill(2), file: null },
];
const PAGE: FeedPage = { chainId: 31337n, book: BOOK, sealedTo: 9n, ends: [1n, 2n], items: ITEMS };

function refusalOf(bytes: Uint8Array): string {
  try {
    decodePage(bytes);
  } catch (error) {
    assert.ok(error instanceof Problem, String(error));
    return error.code;
  }
  return 'none';
}

describe('a page of a feed', () => {
  it('reads as it was written', () => assert.deepEqual(decodePage(encodePage(PAGE)), PAGE));

  it('is refused where any member is missing, added or of another kind', () => {
    const page = JSON.parse(Buffer.from(encodePage(PAGE)).toString()) as Record<string, unknown>;
    const first = (page['items'] as Record<string, unknown>[])[0]!;
    const spoilt: unknown[] = [null, [], 'page', 7];
    for (const value of [null, 7, '', {}, [null], 'x']) for (const member of Object.keys(page)) spoilt.push({ ...page, [member]: value });
    for (const value of [7, [], 'x', {}]) for (const member of Object.keys(first)) spoilt.push({ ...page, items: [{ ...first, [member]: value }] });
    for (const member of Object.keys(first)) spoilt.push({ ...page, items: [Object.fromEntries(Object.entries(first).filter(([name]) => name !== member))] });
    spoilt.push({ ...page, more: 1 }, { ...page, items: [{ ...first, salt: null }] }, { ...page, items: [{ ...first, fieldsRoot: `0x${'00'.repeat(32)}` }] });
    spoilt.push({ ...page, items: [{ ...first, fields: { unknown: 'x' } }] }, { ...page, items: [{ ...first, fields: { order: '\ud800' } }] });
    spoilt.push({ ...page, chainId: '031337' }, { ...page, sealedTo: `${1n << 64n}` }, { ...page, items: [{ ...first, file: 'AQI' }] });
    for (const one of spoilt) assert.equal(refusalOf(utf8(JSON.stringify(one))), 'decision/bad-feed', JSON.stringify(one).slice(0, 200));
  });

  it('is refused where a text is longer than a leaf can hold, and where the page is', () => {
    const refusal = { kind: 'refusal', transfer: BOOK, code: 'x'.repeat(70_000), seq: 1n, nowMs: 1 } as unknown as LedgerRecord;
    assert.equal(refusalOf(encodePage({ ...PAGE, items: [{ record: refusal, salt: null, fieldsRoot: null, file: null }] })), 'decision/bad-feed');
    assert.equal(refusalOf(new Uint8Array(MAX_PAGE_BYTES + 1)), 'decision/bad-feed');
  });

  it('is read or refused, whatever bytes come', () => {
    const whole = encodePage(PAGE);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = whole.slice();
        bytes[at]! ^= flip;
        assert.match(refusalOf(bytes), /^(none|decision\/bad-feed)$/);
      }),
      { numRuns: 2_000 },
    );
  });
});
