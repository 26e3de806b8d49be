import assert from 'node:assert/strict';
import { ManualClock, newId, NIL_UUID, Problem, type BookId, type MerchantId } from '#base';
import { inTransaction } from '#db';
import { openWebhooks, type WebhookId, type Webhooks } from '#webhooks';
import { claimDue, enqueue, isAnyOpen, openEndpoints, settle, tidy, type Claim } from '../../src/webhooks/store.ts';
import { teller } from '../../src/webhooks/tell.ts';
import { random } from '../cdc/support/diary.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

const ALICE = newId<MerchantId>(1, random);
const BOB = newId<MerchantId>(2, random);
const BOOK = newId<BookId>(3, random);
const NOW_MS = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const LEASE_MS = 60_000;

describe('the store of webhooks', () => {
  let db: TestDatabase;
  let webhooks: Webhooks;
  let head: bigint;
  before(async () => (db = await testDatabase()));
  after(() => db.close());
  beforeEach(async () => {
    head = 0n;
    webhooks = openWebhooks(db.database, 'public', { bookId: BOOK, head: async () => ({ seq: head, nowMs: 0 }) });
    await db.owner.query('delete from cairn.webhook_delivery; delete from cairn.webhook');
  });

  const idOf = (no: number) => `0190a000-0000-7000-8000-${String(no).padStart(12, '0')}` as WebhookId;
  const add = (no: number, merchant = ALICE) =>
    webhooks.add({ id: idOf(no), merchant, url: 'https://example.com/', secret: new Uint8Array(32), nowMs: NOW_MS });
  const tell = (no: number, ...seqs: number[]) =>
    inTransaction(db.database.pool, (client) =>
      enqueue(
        client,
        BOOK,
        NOW_MS,
        seqs.map((seq) => ({ webhook: idOf(no), seq: BigInt(seq), body: '{}' })),
      ),
    );
  const claim = (more: Partial<Claim> = {}) => {
    const nowMs = more.nowMs ?? NOW_MS;
    return claimDue(db.database, { nowMs, untilMs: nowMs + LEASE_MS, but: [], after: NIL_UUID as WebhookId, limit: 9, limitOfMerchant: 9, ...more });
  };
  const namesOf = (claimed: readonly { webhook: WebhookId; seq: bigint }[]) => claimed.map(({ webhook, seq }) => `${Number(webhook.slice(-6))}:${seq}`);
  const isTooMany = (error: unknown) => error instanceof Problem && error.code === 'http/too-many-webhooks';

  it('gives each endpoint its turn, whatever its id is', async () => {
    for (const no of [1, 2, 3]) await add(no);
    for (const no of [1, 2, 3]) await tell(no, 1, 2, 3, 4);
    const turns: string[] = [];
    let after = NIL_UUID as WebhookId;
    for (let turn = 0; turn < 5; turn++) {
      const [claimed] = await claim({ after, limit: 1 });
      after = claimed!.webhook;
      turns.push(...namesOf([claimed!]));
      await settle(db.database, claimed!, { dueMs: null, endedMs: NOW_MS, outcome: 'answered 200' });
    }
    assert.deepEqual(turns, ['1:1', '2:1', '3:1', '1:2', '2:2']);
    assert.deepEqual(namesOf(await claim({ after: idOf(2) })), ['3:2', '1:3', '2:3'], 'in the order of their turns, the last one last');
  });

  it('has no more in hand of one merchant than it may, and leaves others their turns', async () => {
    for (const no of [1, 2, 3]) await add(no);
    await add(4, BOB);
    for (const no of [1, 2, 3, 4]) await tell(no, 1, 2);
    const first = await claim({ limitOfMerchant: 2 });
    assert.deepEqual(namesOf(first), ['1:1', '2:1', '4:1']);
    assert.deepEqual(namesOf(await claim({ limitOfMerchant: 2 })), [], 'whoever asks, with or without those in hand');
    await settle(db.database, first[0]!, { dueMs: null, endedMs: NOW_MS, outcome: 'answered 200' });
    const second = await claim({ limitOfMerchant: 2, after: idOf(1) });
    assert.deepEqual(namesOf(second), ['3:1']);
    await settle(db.database, second[0]!, { dueMs: null, endedMs: NOW_MS, outcome: 'answered 200' });
    assert.deepEqual(namesOf(await claim({ limitOfMerchant: 2 })), ['1:2'], 'what is in hand counts');
  });

  it('sends an endpoint one thing at a time, whichever process asks, until the time of who has it is over', async () => {
    await add(1);
    await tell(1, 1, 2);
    assert.deepEqual(namesOf(await claim()), ['1:1']);
    assert.deepEqual(namesOf(await claim()), []);
    assert.deepEqual(namesOf(await claim({ nowMs: NOW_MS + LEASE_MS })), ['1:2']);
  });

  it('does not let who wakes up late overwrite the attempt of his successor', async () => {
    await add(1);
    await tell(1, 1);
    const [late] = await claim();
    const [next] = await claim({ nowMs: NOW_MS + LEASE_MS });
    assert.deepEqual([late!.attempts, next!.attempts], [1, 2]);
    await settle(db.database, late!, { dueMs: NOW_MS, endedMs: null, outcome: 'answered 500' });
    assert.deepEqual(await claim({ nowMs: NOW_MS + LEASE_MS }), []);
    await settle(db.database, next!, { dueMs: null, endedMs: NOW_MS, outcome: 'answered 200' });
    assert.equal((await webhooks.deliveries(idOf(1), 9n, 9))[0]!.outcome, 'answered 200');
  });

  it('makes no more endpoints of a merchant than he may have, however many are asked for at once', async () => {
    const made = await Promise.allSettled(Array.from({ length: 16 }, (_, no) => add(no)));
    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 10);
    for (const each of made) if (each.status === 'rejected') assert.ok(isTooMany(each.reason));
    await add(20, BOB);
  });

  it('counts those that ended too, while they are kept', async () => {
    for (let no = 0; no < 100; no++) {
      await add(no);
      await webhooks.end(idOf(no), NOW_MS);
    }
    await assert.rejects(add(100), isTooMany);
    await tidy(db.database, { nowMs: NOW_MS + 1, waitingMs: 0, endedMs: NOW_MS + 1 });
    assert.deepEqual(await webhooks.list(ALICE, NIL_UUID as WebhookId, 9), []);
    await add(100);
  });

  it('gives up what waits for too long, but what is in hand, and forgets what ended long ago, the endpoint last', async () => {
    await add(1);
    await tell(1, 1, 2);
    const [inHand] = await claim();
    const nowMs = NOW_MS + 4 * DAY_MS;
    await db.owner.query('update cairn.webhook_delivery set due_ms = $1 where seq = 1', [nowMs + 1]);
    const seen = async () => (await webhooks.deliveries(idOf(1), 9n, 9)).map(({ seq, dueMs, outcome }) => [seq, dueMs, outcome]);
    await tidy(db.database, { nowMs, waitingMs: NOW_MS, endedMs: 0 });
    assert.deepEqual(
      (await seen()).map(([, , outcome]) => outcome),
      [null, null],
      'not before',
    );
    await tidy(db.database, { nowMs, waitingMs: NOW_MS + 1, endedMs: 0 });
    assert.deepEqual(await seen(), [
      [2n, null, 'given up: its turn did not come in time'],
      [1n, nowMs + 1, null],
    ]);
    await settle(db.database, inHand!, { dueMs: nowMs, endedMs: null, outcome: 'answered 500' });
    await tidy(db.database, { nowMs, waitingMs: NOW_MS + 1, endedMs: 0 });
    assert.deepEqual((await seen())[1], [1n, null, 'given up: answered 500']);

    await webhooks.end(idOf(1), nowMs - 1);
    await tidy(db.database, { nowMs, waitingMs: 0, endedMs: nowMs });
    assert.notEqual(await webhooks.find(idOf(1)), null, 'kept while what it was told is');
    await tidy(db.database, { nowMs, waitingMs: 0, endedMs: nowMs + 1 });
    assert.equal(await webhooks.find(idOf(1)), null);
  });

  it('notes after which record an endpoint was made, in the book that it was', async () => {
    head = 7n;
    await add(1);
    const sinceOf = async (book: BookId) => (await inTransaction(db.database.pool, (client) => openEndpoints(client, book)))[0]!.since;
    assert.deepEqual([await sinceOf(BOOK), await sinceOf(newId<BookId>(4, random))], [7n, 0n]);
    head = 9n;
    await add(1);
    assert.equal(await sinceOf(BOOK), 7n, 'the very same again changes nothing');
  });

  it('enqueues nothing for an endpoint that was ended after it was read', async () => {
    await add(1);
    await webhooks.end(idOf(1), NOW_MS);
    await tell(1, 1);
    assert.deepEqual(await webhooks.deliveries(idOf(1), 9n, 9), []);
  });

  it('says whether anybody is told without writing anything, so that asking costs no commit', async () => {
    await add(1);
    const { isIdle } = teller({ bookId: BOOK, accounts: async () => [], hold: async () => null }, new ManualClock(NOW_MS));
    await inTransaction(db.database.pool, async (client) => {
      assert.equal(await isIdle!(client), false);
      assert.equal(await isAnyOpen(client), true);
      await openEndpoints(client, BOOK);
      const { rows } = await client.query<{ xid: string | null }>('select pg_current_xact_id_if_assigned()::text as xid');
      assert.equal(rows[0]!.xid, null);
    });
    await webhooks.end(idOf(1), NOW_MS);
    assert.equal(await inTransaction(db.database.pool, (client) => isIdle!(client)), true);
  });
});
