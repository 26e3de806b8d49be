import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Problem, systemClock, type AssetNo, type BookId, type TransferId } from '#base';
import { openDatabase } from '#db';
import { openBook, type Book } from '#ledger';
import { emptyState, replay, type TransferCommand } from '#ledger/core';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { until } from '../../support/until.ts';
import { newBookId } from '../support/backends.ts';
import { OPENING } from '../support/commands.ts';
import { idOf } from '../support/table.ts';

const LEASE_MS = 600;

function transfer(id: TransferId): TransferCommand {
  return { kind: 'transfer', id, debit: idOf('A'), credit: idOf('B'), asset: 1 as AssetNo, amount: 1n, code: 1 };
}

/** A writer in a process of its own, and what it has said so far. */
interface Holder {
  readonly child: ChildProcess;
  readonly asked: TransferId[];
  readonly created: TransferId[];
  readonly refused: string[];
  lost: string | null;
  readonly ended: Promise<number | null>;
}

async function startHolder(url: string, bookId: BookId, callers: number): Promise<Holder> {
  const program = fileURLToPath(new URL('../support/hammer.ts', import.meta.url));
  const child = spawn(process.execPath, [program, url, bookId, String(callers), String(LEASE_MS)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const holder: Holder = { child, asked: [], created: [], refused: [], lost: null, ended };
  let isReady = false;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [what = '', id = ''] = line.split(' ');
    if (what === 'asked') holder.asked.push(id as TransferId);
    else if (what === 'created') holder.created.push(id as TransferId);
    else if (what === 'ready') isReady = true;
    else if (what === 'lost') holder.lost = id;
    else holder.refused.push(what);
  });
  await until(() => isReady, 'the holder');
  return holder;
}

describe('the lease of a book', () => {
  let db: TestDatabase;
  let bookId: BookId;
  let schema: string;
  before(async () => (db = await testDatabase()));
  after(() => db.close());
  beforeEach(() => {
    bookId = newBookId();
    schema = `book_${bookId.replaceAll('-', '')}`;
  });

  const open = (waitMs: number): Promise<Book> => openBook({ database: db.database, bookId, clock: systemClock, waitMs, leaseMs: LEASE_MS });

  /** How many sessions wait for a lock that somebody has on the journal. */
  async function waitingForJournal(): Promise<number> {
    const { rows } = await db.owner.query("select 1 from pg_locks where relation = ($1 || '.journal')::regclass and not granted", [schema]);
    return rows.length;
  }

  async function isNoted(isSo: () => Promise<boolean>, what: string): Promise<void> {
    for (let tries = 0; !(await isSo()); tries++) assert.ok(tries < 20_000, what);
  }

  /** Everything that was acknowledged is in the journal once, nothing that was not asked is, and who got no answer asks the new writer. */
  async function assertNothingLost(taker: Book, { asked, created }: Holder): Promise<void> {
    const records = await taker.records({ fromSeq: 1n, limit: 1_000_000 });
    assert.equal(replay(emptyState(), records), null);
    const booked = records.flatMap((record) => (record.kind === 'transfer' ? [record.id] : []));
    const known = new Set(booked);
    assert.equal(known.size, booked.length);
    assert.deepEqual(
      created.filter((id) => !known.has(id)),
      [],
    );
    const wanted = new Set(asked);
    assert.deepEqual(
      booked.filter((id) => !wanted.has(id)),
      [],
    );
    const again = asked.length === 0 ? [] : await taker.submit(asked.map(transfer));
    assert.deepEqual(
      again.map(({ code }) => code),
      asked.map((id) => (known.has(id) ? 'exists' : 'created')),
    );
  }

  /** The woken one finds itself fenced, tells every caller of its own so, and ends; the book is as its new writer left it. */
  async function assertFenced(taker: Book, holder: Holder): Promise<void> {
    const before = (await taker.head()).seq;
    holder.child.kill('SIGCONT');
    assert.equal(await holder.ended, 3);
    assert.equal(holder.lost, 'ledger/fenced');
    assert.deepEqual(new Set(holder.refused), new Set(holder.asked.length > 0 ? ['ledger/fenced'] : []));
    assert.equal(holder.created.length + holder.refused.length, holder.asked.length);
    assert.equal((await taker.head()).seq, before);
    for (const id of holder.created) assert.equal((await taker.submit([transfer(id)]))[0]!.code, 'exists');
  }

  it('is over at once when its holder is killed', async function () {
    this.timeout(60_000);
    const holder = await startHolder(db.url, bookId, 20);
    await until(() => holder.created.length > 50, 'fifty answers');
    holder.child.kill('SIGKILL');
    await holder.ended;
    // Less than the lease would take: what was left of it is not waited for.
    const taker = await openBook({ database: db.database, bookId, clock: systemClock, waitMs: 3_000 });
    await assertNothingLost(taker, holder);
    await taker.close();
  });

  it('runs out when its holder is paused while nothing happens', async function () {
    this.timeout(60_000);
    const holder = await startHolder(db.url, bookId, 0);
    holder.child.kill('SIGSTOP');
    const taker = await open(20_000);
    await assertFenced(taker, holder);
    await taker.close();
  });

  it('runs out when its holder is paused in a stream of batches, and every acknowledged transfer is there once', async function () {
    this.timeout(60_000);
    const holder = await startHolder(db.url, bookId, 40);
    await until(() => holder.created.length > 200, 'two hundred answers');
    holder.child.kill('SIGSTOP');
    const taker = await open(20_000);
    await assertNothingLost(taker, holder);
    await assertFenced(taker, holder);
    await taker.close();
  });

  /** Pauses the holder while its batch waits inside the server, for a lock that somebody has. */
  async function pauseInBatch(holder: Holder, meanwhile: () => Promise<void>): Promise<void> {
    const blocker = await db.owner.connect();
    try {
      await blocker.query(`begin; lock table ${schema}.journal in share mode`);
      await isNoted(async () => (await waitingForJournal()) > 0, 'no batch waits');
      holder.child.kill('SIGSTOP');
      await meanwhile();
      await blocker.query('commit');
    } finally {
      blocker.release(true);
    }
  }

  it('runs out when its holder is paused in a batch, which is undone', async function () {
    this.timeout(60_000);
    const holder = await startHolder(db.url, bookId, 30);
    let taker: Book | undefined;
    await pauseInBatch(holder, async () => {
      const opened = open(20_000);
      await isNoted(async () => (await waitingForJournal()) === 0, 'the batch still waits');
      taker = await opened;
    });
    assert.ok(taker);
    await assertNothingLost(taker, holder);
    await assertFenced(taker, holder);
    await taker.close();
  });

  it('runs out when its holder is paused between a batch and its answers, which are then true or not given', async function () {
    this.timeout(60_000);
    const holder = await startHolder(db.url, bookId, 30);
    await pauseInBatch(holder, async () => undefined);
    await isNoted(async () => (await waitingForJournal()) === 0, 'the batch still waits');
    const taker = await open(20_000);
    await assertNothingLost(taker, holder);
    await assertFenced(taker, holder);
    await taker.close();
  });

  it('is durable before anything is decided in it, on a server that is not by default', async () => {
    const { rows } = await db.owner.query<{ name: string }>('select quote_ident(current_database()) as name');
    await (await open(0)).close();
    // What the setting is at the end of each transaction that moves the epoch.
    await db.owner.query(`
      create table ${schema}.commits (setting text);
      create function ${schema}.note_commit() returns trigger language plpgsql security definer as $$
      begin
        insert into ${schema}.commits values (current_setting('synchronous_commit'));
        return null;
      end $$;
      create constraint trigger note_commit after update on ${schema}.head deferrable initially deferred
        for each row when (old.epoch <> new.epoch) execute function ${schema}.note_commit();
      alter database ${rows[0]!.name} set synchronous_commit = off`);
    const database = await openDatabase({ url: db.url });
    try {
      const book = await openBook({ database, bookId, clock: systemClock, leaseMs: LEASE_MS });
      await assert.rejects(openBook({ database, bookId, clock: systemClock, waitMs: 0 }), { code: 'ledger/book-taken' });
      // Nobody else is held to it who gets a connection that did not take the book.
      const others = await database.pool.query('show synchronous_commit');
      const commits = await db.owner.query(`select setting from ${schema}.commits`);
      await book.close();
      assert.deepEqual(commits.rows, [{ setting: 'on' }]);
      assert.deepEqual(others.rows, [{ synchronous_commit: 'off' }]);
    } finally {
      await database.close();
      await db.owner.query(`alter database ${rows[0]!.name} reset synchronous_commit`);
    }
  });

  it('is looked after while nobody asks for anything: a lost connection is replaced, and a lost book is told', async function () {
    this.timeout(60_000);
    const book = await open(0);
    const holderPid = async () => (await db.owner.query<{ pid: number }>(`select holder_pid as pid from ${schema}.head`)).rows[0]!.pid;
    const before = await holderPid();
    await db.owner.query('select pg_terminate_backend($1, 15000)', [before]);
    await isNoted(async () => (await holderPid()) !== before, 'nobody took the book again');
    await assert.rejects(open(0), (error) => error instanceof Problem && error.code === 'ledger/book-taken');

    await db.owner.query(`update ${schema}.head set epoch = epoch + 1`);
    assert.equal((await book.lost).code, 'ledger/fenced');
    await assert.rejects(book.submit(OPENING), (error) => error instanceof Problem && error.code === 'ledger/fenced');
    await book.close();
  });

  it('is taken again on another connection where the server fails to renew it, in a way that nobody knows', async function () {
    this.timeout(60_000);
    const book = await open(0);
    // Once only: a sequence goes on whatever becomes of its transaction.
    await db.owner.query(`
      create sequence ${schema}.renewal;
      create function ${schema}.no_memory() returns trigger language plpgsql security definer as $$
      begin
        if nextval('${schema}.renewal') = 1 then raise exception 'out of memory' using errcode = 'out_of_memory'; end if;
        return new;
      end $$;
      create trigger no_memory before update of lease_until on ${schema}.head for each row execute function ${schema}.no_memory()`);
    const epoch = async () => (await db.owner.query<{ epoch: string }>(`select epoch from ${schema}.head`)).rows[0]!.epoch;
    const before = await epoch();
    await isNoted(async () => (await epoch()) !== before, 'nobody took the book again');
    assert.ok((await book.submit(OPENING)).every(({ code }) => code === 'created'));
    await book.close();
  });

  it('runs out when its holder is cut off, who tells its callers and is fenced when the network is back', async function () {
    this.timeout(60_000);
    const network = await startNetwork(db.url);
    const database = await openDatabase({ url: network.url });
    const book = await openBook({ database, bookId, clock: systemClock, leaseMs: LEASE_MS, recoverMs: 100 });
    await book.submit(OPENING);
    network.cut();
    const away = (error: unknown) => error instanceof Problem && ['store/unreachable', 'store/outcome-unknown'].includes(error.code);
    await assert.rejects(book.submit([transfer(idOf('T1'))]), away);
    const taker = await open(20_000);
    assert.equal(await taker.transfer(idOf('T1')), null);
    network.mend();
    await assert.rejects(book.submit([transfer(idOf('T1'))]), (error) => error instanceof Problem && error.code === 'ledger/fenced');
    assert.equal((await book.lost).code, 'ledger/fenced');
    assert.equal((await taker.submit([transfer(idOf('T1'))]))[0]!.code, 'created');
    await taker.close();
    await book.close();
    await database.close();
    await network.close();
  });

  it('is not taken again by making the book a second time, where its database has it no more', async () => {
    const book = await open(0);
    await book.submit(OPENING);
    await db.owner.query(`delete from cairn.book where id = '${bookId}'`);
    await db.owner.query(`select pg_terminate_backend(holder_pid) from ${schema}.head`);
    assert.equal((await book.lost).code, 'ledger/no-such-book');
    const { rowCount } = await db.owner.query('select from cairn.book where id = $1', [bookId]);
    assert.equal(rowCount, 0);
    await book.close();
  });

  it('is given up after its time by who waits for a server that takes what is said and never answers', async function () {
    this.timeout(60_000);
    const network = await startNetwork(db.url);
    const database = await openDatabase({ url: network.url });
    const options = { database, bookId, clock: systemClock, leaseMs: LEASE_MS };
    const [busy, idle] = [await openBook({ ...options, recoverMs: 100 }), await openBook({ ...options, bookId: newBookId(), recoverMs: 100 })];
    // Connections that are there and idle: these hang as well, and longer than the setting up of new ones.
    await Promise.all([1, 2, 3].map(() => database.pool.query('select pg_sleep(0.1)')));
    network.silence();
    const away = (error: unknown) => error instanceof Problem && ['store/unreachable', 'store/outcome-unknown'].includes(error.code);
    const closed = idle.close();
    await assert.rejects(busy.submit([transfer(idOf('T1'))]), away);
    await assert.rejects(openBook({ ...options, waitMs: 100 }), away);
    await closed;
    await busy.close();
    await network.close();
    await database.close();
  });
});

/** The way to a server, which can be cut: what is connected hangs without a word from either side, what comes new is refused. */
async function startNetwork(url: string) {
  const server = new URL(url);
  const pairs: [Socket, Socket][] = [];
  const held: Socket[] = [];
  let isCut = false;
  let isSilent = false;
  const proxy = createServer((near) => {
    if (isCut) return near.destroy();
    if (isSilent) return void held.push(near.on('error', () => undefined).resume());
    const far = connect(Number(server.port || 5432), server.hostname);
    pairs.push([near, far]);
    near.on('error', () => far.destroy()).on('close', () => (isCut ? undefined : far.destroy()));
    far.on('error', () => near.destroy()).on('close', () => (isCut ? undefined : near.destroy()));
    near.pipe(far).pipe(near);
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const unpipe = (): void => {
    for (const [near, far] of pairs) {
      near.unpipe(far);
      far.unpipe(near);
    }
  };
  const through = new URL(url);
  through.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return {
    url: through.href,
    cut: () => {
      isCut = true;
      unpipe();
    },
    /** What comes new is let in, and hangs like the rest. */
    silence: () => {
      isSilent = true;
      unpipe();
    },
    mend: () => (isCut = false),
    close: async () => {
      for (const socket of [...pairs.flat(), ...held]) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
