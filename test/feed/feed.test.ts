import assert from 'node:assert/strict';
import { toHex, type OrderId } from '#base';
import { createSealer } from '#anchor';
import { recordFieldsRoot, recordLeaf } from '#anchor/core';
import { query } from '#db';
import { createFeed } from '#feed';
import { decodePage, type FeedItem } from '#feed/core';
import { chartAccount, TRANSFER_CODES } from '#ledger/core';
import { orderFile } from '../support/order.ts';
import { freshId, testTrade, USD, type Trade } from '../support/trade.ts';

const CHAIN = 31337n;

describe('the feed of a book', () => {
  let trade: Trade;
  let page: (fromSeq: bigint) => Promise<ReturnType<typeof decodePage>>;
  let file: Uint8Array;
  before(async () => {
    trade = await testTrade();
    const { db, clock, book } = trade;
    const feed = createFeed({ database: db.database, source: book, chainId: CHAIN });
    page = async (fromSeq) => decodePage(await feed.page(fromSeq));
    file = orderFile(freshId<OrderId>(), [{ name: 'A', account: 'ACC1', currency: 'USD', amount: '1.00' }]);
    await trade.payee('ACC1');
    await trade.submit(file);
    await trade.fund(USD, 1_000_000n);
    const random = (length: number) => new Uint8Array(length).fill(9);
    await createSealer({ database: db.database, clock, chainId: CHAIN, random, sealAfterMs: 0, maxRecords: 10 }).sealAll(book);
  });
  after(() => trade.close());

  async function sealedLeaves(): Promise<string[]> {
    const rows = await query<{ leaves: Buffer }>(trade.db.database.pool, {
      name: 'test.leaves',
      text: 'select b.leaves from cairn.batch b order by b.batch_no',
    });
    const all = Buffer.concat(rows.map(({ leaves }) => leaves));
    return Array.from({ length: all.length / 32 }, (_, i) => toHex(new Uint8Array(all.subarray(32 * i, 32 * i + 32))));
  }

  const leafOf = ({ record, salt, fieldsRoot }: FeedItem) =>
    toHex(recordLeaf({ chainId: CHAIN, book: trade.bookId }, record, fieldsRoot ?? recordFieldsRoot(record, salt)));

  it('has every sealed record with what its leaf is made of, where the batches end, and the file of an order', async () => {
    const { items, ends, sealedTo, book, chainId } = await page(1n);
    assert.deepEqual({ book, chainId }, { book: trade.bookId, chainId: CHAIN });
    assert.deepEqual(items.map(leafOf), await sealedLeaves());
    assert.equal(BigInt(items.length), sealedTo);
    assert.deepEqual(ends.slice(0, 2), [10n, 20n]);
    assert.equal(ends.at(-1), sealedTo);
    const orders = items.filter(({ record }) => record.kind === 'order');
    assert.deepEqual(
      orders.map((item) => item.file),
      [file],
    );
    assert.ok(items.every(({ record, file: shown }) => record.kind === 'order' || shown === null));
  });

  it('goes on from any record, and is empty behind the last one', async () => {
    const { items, sealedTo } = await page(1n);
    const rest = await page(15n);
    assert.deepEqual(
      rest.items.map(({ record }) => record.seq),
      items.slice(14).map(({ record }) => record.seq),
    );
    assert.deepEqual((await page(sealedTo + 1n)).items, []);
    assert.deepEqual((await page(sealedTo + 1_000_000n)).items, []);
  });

  it('has no record that is not sealed', async () => {
    const { sealedTo } = await page(1n);
    const { book, bookId } = trade;
    const [debit, credit] = [chartAccount(bookId, 'vault', USD), chartAccount(bookId, 'suspense', USD)];
    const [result] = await book.submit([{ kind: 'transfer', id: freshId(), debit, credit, asset: USD, amount: 1n, code: TRANSFER_CODES.other }]);
    assert.equal(result?.code, 'created');
    assert.equal((await page(1n)).sealedTo, sealedTo);
    assert.deepEqual((await page(sealedTo + 1n)).items, []);
  });

  it('shows of an erased subject what was sealed, and no field', async () => {
    const before = await page(1n);
    const erased = before.items.find(({ record }) => record.kind === 'payee')!;
    await trade.db.owner.query('delete from cairn.subject_key where subject = $1', [trade.merchant]);
    const { items } = await page(1n);
    const [hidden] = items.filter(({ record }) => record.seq === erased.record.seq);
    assert.ok(hidden?.record.fields === undefined && hidden?.salt === null && hidden.fieldsRoot !== null);
    assert.deepEqual(items.map(leafOf), await sealedLeaves());
  });
});
