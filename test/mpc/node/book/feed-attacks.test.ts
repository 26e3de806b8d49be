import { strict as assert } from 'node:assert';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '#base';
import type { FeedItem } from '#feed/core';
import { TRANSFER_CODES, type LedgerRecord } from '#ledger/core';
import { inForge, refuses } from './support/attack.ts';
import type { Forge } from './support/forge.ts';
import { freshId, START_MS, USD } from './support/samples.ts';

/** A book of a dozen records and more, sealed in two batches. */
async function booked(forge: Forge): Promise<void> {
  forge.deposit(1_000_000_000n);
  forge.anchor();
  await forge.pay('100.00');
  forge.anchor();
}

function changed(items: readonly FeedItem[], seq: number, change: (record: LedgerRecord) => object): FeedItem[] {
  return items.map((item) => (item.record.seq === BigInt(seq) ? { ...item, record: { ...item.record, ...change(item.record) } } : item));
}

describe('a signer’s book refuses a feed', function () {
  this.timeout(60_000);

  refuses('feed-readable', 'that is none', async (forge) => (await forge.node()).absorb(utf8('{"format":"cairn-feed/1"}'), forge.nowMs));

  refuses('feed-readable', 'with a member that nobody knows', async (forge) => {
    await booked(forge);
    const page = JSON.parse(new TextDecoder().decode(forge.page())) as object;
    return (await forge.node()).absorb(utf8(JSON.stringify({ ...page, trust: 'me' })), forge.nowMs);
  });

  refuses('feed-own-book', 'of another book', async (forge) => {
    await booked(forge);
    return (await forge.node()).absorb(forge.page(1n, { book: freshId() }), forge.nowMs);
  });

  refuses('feed-own-book', 'of another chain', async (forge) => {
    await booked(forge);
    return (await forge.node()).absorb(forge.page(1n, { chainId: 1n }), forge.nowMs);
  });

  refuses('feed-not-shortened', 'that ends before what was replayed', async (forge) => {
    await booked(forge);
    const node = await forge.fed();
    return node.absorb(forge.page(1n, { items: forge.items.slice(0, 12), sealedTo: 12n }), forge.nowMs);
  });

  refuses('feed-gapless', 'with a record left out', async (forge) => {
    await booked(forge);
    return (await forge.node()).absorb(forge.page(1n, { items: forge.items.filter(({ record }) => record.seq !== 7n) }), forge.nowMs);
  });

  refuses('feed-gapless', 'whose records are in another order', async (forge) => {
    await booked(forge);
    const [first, second, third, ...rest] = forge.items;
    return (await forge.node()).absorb(forge.page(1n, { items: [first!, third!, second!, ...rest] }), forge.nowMs);
  });

  refuses(
    'feed-not-forked',
    'in which a record of before is another one',
    async (forge) => {
      await booked(forge);
      const node = await forge.fed();
      return node.absorb(forge.page(1n, { items: changed(forge.items, 17, () => ({ nowMs: START_MS })) }), forge.nowMs);
    },
    /^Record 17 differs from the one replayed before\.$/,
  );

  refuses('feed-not-forked', 'in which the evidence of a record of before is another', async (forge) => {
    await booked(forge);
    const node = await forge.fed();
    const seq = Number(forge.items.findLast(({ record }) => record.fields?.payee !== undefined)!.record.seq);
    return node.absorb(forge.page(1n, { items: changed(forge.items, seq, ({ fields }) => ({ fields: { ...fields, payee: '{}' } })) }), forge.nowMs);
  });

  refuses('feed-not-forked', 'after it was started again', async (forge) => {
    await booked(forge);
    const folder = await folderOf(forge);
    const node = await forge.node({ folder });
    return node.absorb(forge.page(1n, { items: changed(forge.items, 17, () => ({ nowMs: START_MS })) }), forge.nowMs);
  });

  refuses('record-not-of-the-future', 'with a record that was written later than now', async (forge) => {
    await booked(forge);
    return (await forge.node()).absorb(forge.page(), forge.nowMs - 5_000);
  });

  refuses('record-legal', 'in which an account pays more than it has', async (forge) => {
    await booked(forge);
    const [debit, credit] = [forge.account('merchant', USD, forge.other.id), forge.account('merchant', USD, forge.merchant.id)];
    const nothing = {
      pendingId: '00000000-0000-0000-0000-000000000000',
      reference: '00000000-0000-0000-0000-000000000000',
      timeoutS: 0,
      effectiveMs: 0,
      flags: 0,
    };
    const seq = BigInt(forge.items.length + 1);
    const record = { kind: 'transfer', id: freshId(), debit, credit, asset: USD, amount: 1n, code: TRANSFER_CODES.other, ...nothing, seq, nowMs: forge.nowMs };
    forge.write(record as LedgerRecord);
    forge.seal();
    return (await forge.node()).absorb(forge.page(), forge.nowMs);
  });

  refuses('record-legal', 'in which time goes back', async (forge) => {
    await booked(forge);
    return (await forge.node()).absorb(forge.page(1n, { items: changed(forge.items, 17, () => ({ nowMs: START_MS })) }), forge.nowMs);
  });

  refuses('record-legal', 'in which an account is opened twice', async (forge) => {
    await booked(forge);
    const first = forge.items.find(({ record }) => record.kind === 'account')!.record;
    forge.write({ ...first, seq: BigInt(forge.items.length + 1), nowMs: forge.nowMs });
    forge.seal();
    return (await forge.node()).absorb(forge.page(), forge.nowMs);
  });

  inForge('keeps what came before the record that it refused, and goes on with the right one', async (forge) => {
    await booked(forge);
    const node = await forge.node();
    const refused = await node.absorb(forge.page(1n, { items: changed(forge.items, 20, () => ({ nowMs: START_MS })) }), forge.nowMs);
    assert.equal(refused.ok, false);
    assert.equal(node.nextSeq(), 20n);
    const taken = await node.absorb(forge.page(20n), forge.nowMs);
    assert.ok(taken.ok && taken.seq === BigInt(forge.items.length));
  });

  inForge('takes pages that overlap, and is where it was after it was started again', async (forge) => {
    await booked(forge);
    const folder = await folderOf(forge);
    const again = await forge.node({ folder });
    assert.equal(again.nextSeq(), BigInt(forge.items.length + 1));
    assert.ok((await again.absorb(forge.page(5n), forge.nowMs)).ok);
    await forge.pay('7.00');
    const intent = forge.settle();
    forge.anchor();
    assert.ok((await again.absorb(forge.page(again.nextSeq()), forge.nowMs)).ok);
    const judgement = await again.judge(intent, forge.nowMs);
    assert.deepEqual(judgement.ok ? null : judgement, null);
  });
});

/** Of a node that was fed everything and stopped. */
async function folderOf(forge: Forge): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-node-book-'));
  const node = await forge.fed({ folder });
  await forge.stop(node);
  return folder;
}
