import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ManualClock, newId, NIL_UUID, type AssetNo, type MerchantId } from '#base';
import { openForReading } from '#db';
import { openBook, type Book } from '#ledger';
import { PENDING, VOID_PENDING, type Command } from '#ledger/core';
import { openWebhooks, startWebhooks, type WebhookDelivery, type WebhookId, type Webhooks } from '#webhooks';
import { isSigned } from '../../src/webhooks/core/core.ts';
import { claimDue } from '../../src/webhooks/store.ts';
import { headsOf, random, type Told } from '../cdc/support/diary.ts';
import { newBookId } from '../ledger/support/backends.ts';
import { idOf } from '../ledger/support/table.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const ALICE = newId<MerchantId>(1, random);
const BOB = newId<MerchantId>(2, random);
const START_MS = 1_800_000_000_000;
const MINUTE_MS = 60_000;
const SECRET = new Uint8Array(32).fill(7);

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A merchant's own server: notes what comes, and answers what the test says. */
async function receiver(answer: (path: string, nth: number) => number | Promise<number>): Promise<{ url: string; received: Received[]; server: Server }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => void reply());
    const reply = async () => {
      received.push({ path: request.url!, headers: request.headers, body });
      const status = await answer(request.url!, received.filter(({ path }) => path === request.url).length);
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end('ignored');
    };
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received, server };
}

describe('webhooks', function () {
  this.timeout(60_000);
  let db: TestDatabase;
  let told: Told;
  let book: Book;
  let clock: ManualClock;
  let webhooks: Webhooks;
  let stop: (() => Promise<unknown>)[];
  let faults: unknown[];

  before(async () => (db = await testDatabase()));
  after(() => db.close());
  beforeEach(async () => {
    stop = [];
    faults = [];
    clock = new ManualClock(START_MS);
    told = headsOf(db.url);
    stop.push(() => told.heads.close());
    book = await openBook({ database: db.database, bookId: newBookId(), clock });
    stop.push(() => book.close());
    const account = (name: string, owner: MerchantId): Command => ({
      kind: 'openAccount',
      id: idOf<'account'>(name),
      asset: 1 as AssetNo,
      code: 20,
      owner,
    });
    const opening: Command = { kind: 'openAsset', asset: 1 as AssetNo, decimals: 6, caip19: null, peg: 'USD', symbol: 'T' };
    await book.submit([opening, account('alice', ALICE), account('bob', BOB), { kind: 'openAccount', id: idOf('nobody'), asset: 1 as AssetNo, code: 20 }]);
    webhooks = openWebhooks(db.database, 'sandbox', book);
    await db.owner.query('delete from cairn.webhook_delivery; delete from cairn.webhook');
  });
  afterEach(async () => {
    for (const step of stop.reverse()) await step();
    assert.deepEqual(faults, []);
  });

  function run(): { close(): Promise<void> } {
    const running = startWebhooks({
      database: db.database,
      book,
      heads: told.heads,
      clock,
      random,
      reach: 'sandbox',
      onLook: (_part, failure) => failure !== null && faults.push(failure),
    });
    stop.push(() => running.close());
    return running;
  }

  async function serve(answer: Parameters<typeof receiver>[0]): Promise<Awaited<ReturnType<typeof receiver>>> {
    const it = await receiver(answer);
    stop.push(async () => (it.server.closeAllConnections(), it.server.close()));
    return it;
  }

  const add = (merchant: MerchantId, url: string) =>
    webhooks.add({ id: newId<WebhookId>(Date.now(), random), merchant, url, secret: SECRET, nowMs: clock.nowMs() });
  const move = async (debit: string, credit: string, more: object = {}) => {
    const id = newId(Date.now(), random);
    const command = { kind: 'transfer', id, debit: idOf(debit), credit: idOf(credit), asset: 1 as AssetNo, amount: 1n, code: 1, ...more } as Command;
    const [result] = await book.submit([command]);
    assert.equal(result!.code, 'created');
    return { id, seq: (result as { record: { seq: bigint } }).record.seq };
  };
  const ids = (received: readonly Received[], path = '/') =>
    received.filter((each) => each.path === path).map(({ body }) => (JSON.parse(body) as { id: string }).id);
  const evt = ({ seq }: { seq: bigint }) => `evt_${book.bookId}_${seq}`;

  it('tell a merchant of what moves his money, and of nobody else’s, once each, signed', async () => {
    const { url, received } = await serve(() => 204);
    await add(ALICE, `${url}/`);
    await add(BOB, `${url}/bob`);
    run();
    const deposit = await move('nobody', 'alice');
    await move('nobody', 'bob');
    const both = await move('alice', 'bob');
    const hold = await move('alice', 'nobody', { flags: PENDING });
    const voided = await move('alice', 'nobody', { pendingId: hold.id, amount: 0n, flags: VOID_PENDING });
    const dying = await move('alice', 'nobody', { flags: PENDING, timeoutS: 1 });
    clock.advance(2_000);
    assert.equal(await book.expireDue(), 1);
    const expired = { seq: (await book.head()).seq };

    await until(() => received.length === 8, 'eight deliveries');
    assert.deepEqual(ids(received), [deposit, both, hold, voided, dying, expired].map(evt));
    const types = received.filter(({ path }) => path === '/').map(({ body }) => (JSON.parse(body) as { type: string }).type);
    assert.deepEqual(types, ['transfer.booked', 'transfer.booked', 'transfer.held', 'transfer.voided', 'transfer.held', 'transfer.expired']);
    for (const { body, headers } of received) {
      assert.equal(headers['content-type'], 'application/json');
      assert.ok(isSigned(SECRET, { header: String(headers['cairn-signature']), body, nowS: clock.nowMs() / 1000 }), 'it is signed');
    }
  });

  it('try again, later and later, what was not taken, give it up in the end, and note what came of it', async () => {
    const { url, received } = await serve((path, nth) => (path === '/recovers' && nth > 2 ? 200 : 500));
    const recovers = await add(ALICE, `${url}/recovers`);
    const never = await add(ALICE, `${url}/never`);
    run();
    const { seq } = await move('nobody', 'alice');
    const outcome = async (id: WebhookId) => (await webhooks.deliveries(id, seq + 1n, 10))[0]!;
    /** Noted, and not only claimed, for as long as the claim holds. */
    const isNoted = ({ attempts, endedMs, dueMs }: WebhookDelivery, tries: number) =>
      attempts === tries && (endedMs !== null || dueMs! - clock.nowMs() !== MINUTE_MS);
    let last: WebhookDelivery | undefined;
    for (let tries = 1; tries <= 11; tries++) {
      await until(() => ids(received, '/never').length === tries, `attempt ${tries}`);
      do last = await outcome(never.id);
      while (!isNoted(last, tries));
      assert.ok(last.endedMs !== null || last.dueMs! > clock.nowMs(), 'not at once');
      if (last.dueMs !== null) clock.advance(last.dueMs - clock.nowMs());
    }
    assert.deepEqual([last!.outcome, last!.attempts, last!.dueMs], ['given up: answered 500', 11, null]);
    assert.deepEqual(new Set(ids(received, '/never')), new Set([evt({ seq })]), 'the same event each time');
    const taken = await outcome(recovers.id);
    assert.deepEqual([taken.outcome, taken.attempts, taken.dueMs], ['answered 200', 3, null]);
  });

  it('keep nobody waiting for an endpoint that is slow or not there, and follow no redirection', async () => {
    let release: (status: number) => void = () => undefined;
    const held = new Promise<number>((resolve) => (release = resolve));
    const { url, received } = await serve((path) => (path === '/slow' ? held : path === '/moved' ? 302 : 200));
    await add(ALICE, `${url}/slow`);
    await add(ALICE, 'http://127.0.0.1:1/');
    const moved = await add(ALICE, `${url}/moved`);
    await add(ALICE, `${url}/`);
    run();
    const sent = [await move('nobody', 'alice'), await move('nobody', 'alice'), await move('nobody', 'alice')];
    await until(() => ids(received).length === 3, 'all three at the endpoint that answers');
    assert.deepEqual(ids(received), sent.map(evt));
    assert.deepEqual(ids(received, '/slow'), [evt(sent[0]!)], 'one thing at a time');
    assert.deepEqual(ids(received, '/elsewhere'), []);
    release(200);
    await until(() => ids(received, '/slow').length === 3, 'the rest at the slow endpoint');
    assert.equal((await webhooks.deliveries(moved.id, sent[0]!.seq + 1n, 1))[0]!.outcome, 'answered 302');
  });

  it('tell an endpoint nothing more once it is ended, nor anything from before it was made', async () => {
    const { url, received } = await serve(() => 200);
    const early = await add(ALICE, `${url}/early`);
    run();
    await move('nobody', 'alice');
    await until(() => received.length === 1, 'the first');
    await webhooks.end(early.id, clock.nowMs());
    await add(ALICE, `${url}/late`);
    const second = await move('nobody', 'alice');
    await until(() => ids(received, '/late').length === 1, 'the second');
    assert.deepEqual(ids(received, '/late'), [evt(second)]);
    assert.equal(ids(received, '/early').length, 1);
  });

  it('keep their secrets from whoever only reads', async () => {
    await add(ALICE, 'https://example.com/');
    const reader = await openForReading({ url: db.url });
    stop.push(() => reader.close());
    for (const table of ['webhook', 'webhook_delivery']) await assert.rejects(reader.pool.query(`select * from cairn.${table}`), { code: '42501' });
  });

  it('tell again, under the same id, what a process had in hand that died, and what it left for later', async () => {
    const { url, received } = await serve(() => 200);
    const endpoint = await add(ALICE, `${url}/`);
    const first = run();
    const taken = await move('nobody', 'alice');
    await until(() => received.length === 1, 'the first');
    await first.close();
    // What a process that is killed leaves behind: a claim, and no note of what came of it.
    await db.owner.query('update cairn.webhook_delivery set due_ms = $1, ended_ms = null where webhook = $2', [clock.nowMs(), endpoint.id]);
    const claim = { nowMs: clock.nowMs(), untilMs: clock.nowMs() + MINUTE_MS, but: [], after: NIL_UUID as WebhookId, limit: 9, limitOfMerchant: 9 };
    assert.equal((await claimDue(db.database, claim)).length, 1);
    const later = await move('nobody', 'alice');
    run();
    while ((await webhooks.deliveries(endpoint.id, later.seq + 1n, 9)).length < 2);
    assert.deepEqual(await claimDue(db.database, claim), [], 'nobody tells it anything meanwhile');
    clock.advance(MINUTE_MS);
    await until(() => received.length === 3, 'what was left, and what was in hand');
    assert.deepEqual(ids(received), [taken, later, taken].map(evt));
  });

  it('are told of nothing from before they were made, however late it is read', async () => {
    const { url, received } = await serve(() => 200);
    await add(BOB, `${url}/bob`);
    await move('nobody', 'alice');
    await add(ALICE, `${url}/`);
    const second = await move('nobody', 'alice');
    run();
    await until(() => received.length === 1, 'the second');
    assert.deepEqual(ids(received), [evt(second)]);
  });

  it('stop by themselves where the book is somebody else’s, who tells it', async () => {
    const { url, received } = await serve(() => 200);
    await add(ALICE, `${url}/`);
    const looks = new Set<string>();
    let lose: () => unknown = () => undefined;
    const lost = new Promise<never>(() => undefined);
    Reflect.set(lost, 'then', (then: () => unknown) => void (lose = then));
    const running = startWebhooks({
      database: db.database,
      book: { ...book, lost },
      heads: told.heads,
      clock,
      random,
      reach: 'sandbox',
      onLook: (part) => looks.add(part),
    });
    stop.push(() => running.close());
    await move('nobody', 'alice');
    await until(() => received.length === 1 && looks.size === 2, 'the first, and word of both parts');
    await lose();
    looks.clear();
    run();
    await move('nobody', 'alice');
    await until(() => received.length === 2, 'the second, from somebody else');
    assert.deepEqual([...looks], []);
  });
});
