import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchesOf, createSealer, gatherBatches, type BatchSource, type Sealer } from '#anchor';
import { parseReceipt } from '#anchor/core';
import { auditExport, readChain, readExport, verifyReceipt } from '#audit';
import { newId, type AssetNo, type BookId } from '#base';
import { writeExport } from '#export';
import { openBook, type Book } from '#ledger';
import { receiptOfPayment } from '#settlement';
import { FINALITY, testPlatform, type TestPlatform } from '../support/platform.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { contractFault } from './support.ts';

const random = (length: number) => new Uint8Array(randomBytes(length));

/** A platform whose log four more books are in: two in its own database, two in another one. */
describe('five books on one chain', function () {
  this.timeout(120_000);
  let test: TestPlatform;
  let elsewhere: TestDatabase;
  let sealers: Sealer[];
  let sources: BatchSource[];
  const others: Book[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'cairn-many-books-'));

  before(async () => {
    [test, elsewhere] = await Promise.all([testPlatform(), testDatabase()]);
    const { clock, platform, db } = test;
    const homes = [db, db, elsewhere, elsewhere];
    for (const { database } of homes) others.push(await openBook({ database, bookId: newId<BookId>(clock.nowMs(), random), clock }));
    const { chainId } = platform.client;
    sealers = homes.map(({ database }) => createSealer({ database, clock, chainId, random, sealAfterMs: 0, maxRecords: 1_000 }));
    sources = others.slice(2).map(({ bookId }) => batchesOf(elsewhere.database, bookId));
    // Every book writes, is sealed and gathered while the platform's own payment goes its way.
    const { pass } = platform;
    Object.assign(platform, { pass: async () => (await writeAndSeal(), pass()) });
    await test.fund(1_000n);
  });
  after(async () => {
    for (const book of others) await book.close();
    await test.close();
    await elsewhere.close();
    rmSync(folder, { recursive: true, force: true });
  });

  let passes = 0;
  async function writeAndSeal(): Promise<void> {
    // Not in every block: a payout is proven against the newest anchor, and has to be mined before the next.
    const turn = Math.floor(passes / 8);
    if (passes++ % 8 > 0) return;
    for (const [i, book] of others.entries()) {
      // One of them has something new every other time.
      if (i === 3 && turn % 2 > 0) continue;
      const [result] = await book.submit([{ kind: 'openAsset', asset: (turn + 1) as AssetNo, decimals: 2, caip19: null, peg: 'USD', symbol: `A${turn}` }]);
      assert.equal(result?.code, 'created');
      await sealers[i]!.sealAll(book);
    }
    assert.deepEqual((await gatherBatches(test.db.database, sources)).failed, []);
  }

  it('share their anchors, and a payment of one is paid, proven and audited with nothing but its own files and an endpoint', async () => {
    const { platform, db, chain } = test;
    const { submitted } = await test.order(['12.50']);
    assert.ok(await platform.closeWindow());
    await test.until('it is paid', async () => (await test.payments(submitted.order.order)).every(({ state }) => state === 'settled'));
    await test.until('all is anchored', async () => (await platform.greatestUnanchoredAgeMs()) === 0);
    await chain.mine(FINALITY);
    await platform.pass();

    const { rows } = await db.owner.query<{ books: number; quiet: number }>(
      `select max(n)::int4 as books, (count(*) filter (where n < 5))::int4 as quiet from (select count(*) as n from cairn.batch where log_index is not null group by log_index) as anchors`,
    );
    assert.equal(rows[0]!.books, 5, 'all five are under one leaf');
    assert.ok(rows[0]!.quiet > 0, 'a book with nothing new is under none');
    // One view of the contract, whatever the book.
    for (const book of [platform.book, ...others])
      assert.equal(await contractFault(platform.client, platform.deployment.anchor, platform.prover, book, 2n), 0, `record 2 of ${book.bookId}`);

    const [payment] = await test.payments(submitted.order.order);
    const receipt = await receiptOfPayment({ database: platform.database, book: platform.book, prover: platform.prover }, payment!.payment);
    const text = JSON.stringify(receipt);
    assert.ok(
      parseReceipt(text).records.some(({ book }) => book.length > 0),
      'its way leads past other books',
    );
    assert.equal((await verifyReceipt(text, chain.rpcUrl)).claims.story.state, 'settled');

    const file = join(folder, 'export.ndjson');
    await writeExport({ databaseUrl: db.url, file, clock: test.clock });
    const exported = await readExport(file);
    assert.equal(exported.header.book, platform.bookId);
    const { findings, checked } = auditExport(exported, await readChain(chain.rpcUrl, exported));
    assert.deepEqual(findings, []);
    assert.equal(checked.paid, 1);
  });
});
