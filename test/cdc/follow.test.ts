import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Problem, systemClock } from '#base';
import { follow, type Consumer } from '#cdc';
import { openReplication, type OpenReplication } from '#db';
import { openBook, readCursor, type Book } from '#ledger';
import { newBookId } from '../ledger/support/backends.ts';
import { OPENING } from '../ledger/support/commands.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { assertComplete, createDiary, diarist, fresh, headsOf, type Told } from './support/diary.ts';

/** A consumer in a process of its own, and the lines that it says. */
function startConsumer(url: string, bookId: string, name: string, dwellMs: number): { child: ChildProcess; lines: string[] } {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./support/consumer.ts', import.meta.url)), url, bookId, name, String(dwellMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  return { child, lines };
}

function ended(child: ChildProcess): Promise<unknown> {
  return child.exitCode === null && child.signalCode === null ? new Promise((resolve) => child.once('exit', resolve)) : Promise.resolve();
}

describe('a consumer of committed records', function () {
  this.timeout(60_000);
  let db: TestDatabase;
  let told: Told;
  let stop: (() => Promise<unknown>)[];
  let faults: unknown[];

  before(async () => {
    db = await testDatabase();
    await createDiary(db.owner);
  });
  after(() => db.close());
  beforeEach(async () => {
    stop = [];
    faults = [];
    told = headsOf(db.url);
    stop.push(() => told.heads.close());
    await until(() => told.heads.isStreaming(), 'the stream');
  });
  afterEach(async () => {
    for (const step of stop.reverse()) await step();
    assert.deepEqual(faults, []);
  });

  async function bookWithRecords(): Promise<Book> {
    const book = await openBook({ database: db.database, bookId: newBookId(), clock: systemClock });
    stop.push(() => book.close());
    await book.submit(OPENING);
    return book;
  }

  function start(book: Book, consumer: Consumer, heads = told.heads): { close(): Promise<void> } {
    const following = follow({ database: db.database, source: book, heads, consumer, onFault: (error) => faults.push(error) });
    stop.push(() => following.close());
    return following;
  }

  it('is given what was booked before it came and what is booked while it is there, each record once and in order', async () => {
    const book = await bookWithRecords();
    start(book, diarist('one', book.bookId));
    for (let i = 0; i < 20; i++) await Promise.all([book.submit(fresh(1)), book.submit(fresh(3))]);
    await assertComplete(db.owner, 'one', book);
    assert.equal(await readCursor(db.database.pool, 'one', book.bookId), (await book.head()).seq);
  });

  it('is given a batch of 8,000 records whole, in more transactions than one', async () => {
    const book = await bookWithRecords();
    start(book, diarist('one', book.bookId));
    await book.submit(fresh(8_000));
    await assertComplete(db.owner, 'one', book);
  });

  it('has a position of its own beside others of the same book, and goes on where it was when it comes again', async () => {
    const book = await bookWithRecords();
    start(book, diarist('early', book.bookId));
    const leaving = start(book, diarist('leaving', book.bookId));
    await book.submit(fresh(30));
    await assertComplete(db.owner, 'leaving', book);
    await leaving.close();
    await book.submit(fresh(30));
    start(book, diarist('late', book.bookId));
    start(book, diarist('leaving', book.bookId));
    for (const name of ['early', 'late', 'leaving']) await assertComplete(db.owner, name, book);
  });

  it('is one consumer under one name, however many processes follow under it', async () => {
    const book = await bookWithRecords();
    for (let i = 0; i < 3; i++) start(book, diarist('shared', book.bookId));
    for (let i = 0; i < 20; i++) await book.submit(fresh(5));
    await assertComplete(db.owner, 'shared', book);
  });

  it('is told of a book that is made while the stream runs', async () => {
    const book = await bookWithRecords();
    const { seq } = await book.head();
    // Longer than any test may take: whoever is not told waits in vain.
    const isTold = told.heads.after(book.bookId, seq, { forMs: 600_000 });
    await book.submit(fresh(1));
    await isTold;
    start(book, diarist('one', book.bookId));
    await assertComplete(db.owner, 'one', book);
    assert.deepEqual(
      told.events.map(({ kind }) => kind),
      ['streaming'],
    );
  });

  it('passes over what nothing in it concerns, unread, and is given all that comes once something does', async () => {
    const book = await bookWithRecords();
    const { name, handle } = diarist('idler', book.bookId);
    let isIdle = true;
    const commits = new Set<unknown>();
    const asked: Consumer['isIdle'] = async (client) => {
      commits.add((await client.query<{ synchronous_commit: string }>('show synchronous_commit')).rows[0]!.synchronous_commit);
      return isIdle;
    };
    start(book, { name, handle, isIdle: asked });
    await book.submit(fresh(2_000));
    const { seq: passed } = await book.head();
    const at = () => readCursor(db.database.pool, name, book.bookId);
    while ((await at()) < passed);
    isIdle = false;
    await book.submit(fresh(3));
    while ((await at()) < passed + 3n);
    const { rows } = await db.owner.query('select seq from public.diary where consumer = $1 and book = $2 order by no', [name, book.bookId]);
    assert.deepEqual(
      rows.map(({ seq }: { seq: string }) => BigInt(seq)),
      [passed + 1n, passed + 2n, passed + 3n],
    );
    assert.deepEqual([...commits], ['off'], 'whatever it does to find out, nobody waits for the disk');
  });

  it('is given again what it failed to deal with, and says so', async () => {
    const book = await bookWithRecords();
    const { name, handle } = diarist('clumsy', book.bookId);
    const clumsy: Consumer = {
      name,
      handle: async (client, records) => {
        await handle(client, records);
        if (faults.length < 2) throw new Problem('store/busy', 'A test is clumsy.');
      },
    };
    start(book, clumsy);
    await assertComplete(db.owner, 'clumsy', book);
    assert.deepEqual(
      faults.splice(0).map((error) => error instanceof Problem && error.code),
      ['store/busy', 'store/busy'],
    );
  });

  it('has done nothing twice and left nothing out when it is killed between its work and its position', async () => {
    const book = await bookWithRecords();
    for (const dwellMs of [10_000, 10_000, 2]) {
      await book.submit(fresh(50));
      const { child, lines } = startConsumer(db.url, book.bookId, 'killed', dwellMs);
      stop.push(async () => (child.kill('SIGKILL'), ended(child)));
      const booked = new AbortController();
      const booking = (async () => {
        while (!booked.signal.aborted) await book.submit(fresh(2));
      })();
      const pages = dwellMs === 2 ? 12 : 1;
      await until(() => lines.filter((line) => line.startsWith('handled')).length >= pages, 'pages that are handled');
      child.kill('SIGKILL');
      await ended(child);
      booked.abort();
      await booking;
    }
    start(book, diarist('killed', book.bookId));
    await assertComplete(db.owner, 'killed', book);
  });

  it('goes on with another slot and its own position when the slot is taken away, again and again', async () => {
    const book = await bookWithRecords();
    start(book, diarist('one', book.bookId));
    for (let i = 0; i < 3; i++) {
      await until(() => told.heads.isStreaming(), 'the stream');
      const streams = told.events.filter(({ kind }) => kind === 'streaming').length;
      const { rowCount } = await db.owner.query(
        `select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database() and slot_name like 'cairn_heads_%'`,
      );
      assert.equal(rowCount, 1);
      await book.submit(fresh(10));
      await until(() => told.events.filter(({ kind }) => kind === 'streaming').length > streams, 'another stream');
      await book.submit(fresh(10));
    }
    await assertComplete(db.owner, 'one', book);
    assert.ok(told.events.some((event) => event.kind === 'polling' && event.problem.code === 'store/unreachable'));
  });

  it('is given every record once whatever the transport loses, repeats, delays and makes up', async () => {
    let seed = 1;
    // A congruential generator: the same mischief every time.
    const next = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
    const mischief: OpenReplication = (options) => {
      let held: Uint8Array[] = [];
      const onData = (payload: Uint8Array) => {
        const copy = Uint8Array.from(payload);
        const tag = payload[0] === 0x77 ? String.fromCharCode(payload[25]!) : 'k';
        const chance = tag === 'R' ? 0.7 : next();
        if (chance < 0.25) return;
        if (chance < 0.4) return void held.push(copy);
        options.onData(copy);
        if (chance < 0.6) options.onData(copy);
        if (chance < 0.8) return;
        // A head that the book will never have, or once had: nine for each digit, or one.
        if (tag === 'U') options.onData(copy.map((byte) => (byte >= 0x32 && byte <= 0x39 ? (chance < 0.9 ? 0x39 : 0x31) : byte)));
        for (const late of held) options.onData(late);
        held = [];
      };
      return openReplication({ ...options, onData });
    };
    const book = await bookWithRecords();
    const { heads, events } = headsOf(db.url, mischief);
    stop.push(() => heads.close());
    await until(() => heads.isStreaming(), 'the stream');
    for (const name of ['left', 'right']) start(book, diarist(name, book.bookId), heads);
    for (let i = 0; i < 60; i++) await book.submit(fresh(1 + (i % 4)));
    for (const name of ['left', 'right']) await assertComplete(db.owner, name, book);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['streaming'],
    );
  });

  it('goes on by looking where the stream says what nobody can read', async () => {
    const book = await bookWithRecords();
    const { heads, events } = headsOf(db.url, (options) => openReplication({ ...options, onData: (payload) => options.onData(payload.subarray(1)) }));
    stop.push(() => heads.close());
    start(book, diarist('one', book.bookId), heads);
    for (let i = 0; i < 5; i++) await book.submit(fresh(5));
    await assertComplete(db.owner, 'one', book);
    await until(() => events.at(-1)?.kind === 'polling', 'the warning');
    const last = events.at(-1);
    assert.equal(last.kind === 'polling' && last.problem.code, 'store/unreadable-stream');
  });

  it('looks at the journal at intervals, and the operator is told once why and what to do, where the user may not replicate', async () => {
    await db.owner.query("drop role if exists cdc_plain; create role cdc_plain login password 'plain'");
    const url = new URL(db.url);
    url.username = 'cdc_plain';
    url.password = 'plain';
    const plain = headsOf(url.href);
    stop.push(async () => (await plain.heads.close(), await db.owner.query('drop role cdc_plain')));
    const book = await bookWithRecords();
    start(book, diarist('slow', book.bookId), plain.heads);
    await book.submit(fresh(100));
    await assertComplete(db.owner, 'slow', book);
    await until(() => plain.events.length > 0, 'the warning');
    assert.equal(plain.heads.isStreaming(), false);
    assert.deepEqual(
      plain.events.map((event) => event.kind === 'polling' && event.problem.code),
      ['store/no-stream'],
    );
  });
});
