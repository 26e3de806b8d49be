import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ManualClock, Problem, systemClock, type AssetNo, type BookId, type TransferId } from '#base';
import { MAX_BATCH, openBook, type Book } from '#ledger';
import { BALANCING_DEBIT, emptyState, PENDING, POST_PENDING, replay, type Command, type LedgerRecord, type TransferCommand } from '#ledger/core';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { newBookId } from './support/backends.ts';
import { anyRequests, OPENING } from './support/commands.ts';
import { idOf } from './support/table.ts';

function transfer(name: string, rest: Partial<TransferCommand> = {}): TransferCommand {
  return { kind: 'transfer', id: idOf(name), debit: idOf('A'), credit: idOf('B'), asset: 1 as AssetNo, amount: 1n, code: 1, ...rest };
}

async function journalOf(book: Book): Promise<LedgerRecord[]> {
  const records: LedgerRecord[] = [];
  for (;;) {
    const page = await book.records({ fromSeq: BigInt(records.length + 1), limit: 1_000 });
    records.push(...page);
    if (page.length < 1_000) return records;
  }
}

/** The journal, replayed by the pure core, gives every balance and hold that the tables hold. */
async function assertSound(book: Book): Promise<LedgerRecord[]> {
  const records = await journalOf(book);
  const state = emptyState();
  assert.equal(replay(state, records), null);
  assert.equal((await book.head()).seq, state.seq);
  for (const [id, account] of state.accounts) assert.deepEqual(await book.account(id), account);
  for (const [id, hold] of state.holds) assert.deepEqual(await book.hold(id), hold);
  return records;
}

describe('the writer of a book', () => {
  let db: TestDatabase;
  let bookId: BookId;
  let book: Book;
  const open = (clock = systemClock, waitMs = 2_000): Promise<Book> => openBook({ database: db.database, bookId, clock, waitMs });

  before(async () => (db = await testDatabase()));
  after(() => db.close());
  beforeEach(async () => {
    bookId = newBookId();
    book = await open();
    await book.submit(OPENING);
  });
  afterEach(() => book.close());

  async function onTables<T>(text: string, params: unknown[] = []): Promise<T[]> {
    const schema = `book_${bookId.replaceAll('-', '')}`;
    return (await db.owner.query(text.replaceAll('book.', `${schema}.`), params)).rows as T[];
  }

  /** What a crash of the network or of the server does to the writer's connection. Waits until they are gone: a reader must not be given one that is about to break. */
  async function breakConnections(): Promise<void> {
    await db.owner.query("select pg_terminate_backend(pid, 15000) from pg_stat_activity where datname = current_database() and application_name = 'cairn'");
  }

  it('gathers callers into batches and gives each its own answer', async () => {
    const names = Array.from({ length: 300 }, (_, n) => `G${n}`);
    const answers = await Promise.all(names.map((name, n) => book.submit([transfer(name, n % 3 === 0 ? { credit: idOf('A') } : {})])));
    for (const [n, [answer]] of answers.entries()) {
      assert.equal(answer!.code, n % 3 === 0 ? 'accounts_must_be_different' : 'created');
      if (answer!.record?.kind === 'transfer') assert.equal(answer!.record.id, idOf(names[n]!));
    }
    const [batches] = await onTables<{ count: string }>(
      'select count(*) from book.account_history where account = (select no from book.account where id = $1)',
      [idOf('A')],
    );
    // One for the opening; the 200 that were booked share a few.
    assert.ok(Number(batches!.count) <= 5, `${batches!.count} batches`);
    await assertSound(book);
  });

  it('never links one caller’s chain to the next caller’s command', async () => {
    const [first, second] = await Promise.all([book.submit([transfer('C1', { flags: 1 })]), book.submit([transfer('C2')])]);
    assert.equal(first[0]!.code, 'linked_event_chain_open');
    assert.equal(second[0]!.code, 'created');
  });

  it('answers a chain with a malformed id, broken or open, and who asks beside it', async () => {
    const malformed = { ...transfer('M'), id: 'no id' as TransferId };
    const [broken, open, beside] = await Promise.all([
      book.submit([transfer('M1', { flags: 1, credit: idOf('A') }), malformed]),
      book.submit([{ ...malformed, flags: 1 }]),
      book.submit([transfer('M2')]),
    ]);
    assert.deepEqual(
      [...broken, ...open, ...beside].map(({ code }) => code),
      ['accounts_must_be_different', 'linked_event_failed', 'linked_event_chain_open', 'created'],
    );
  });

  it('answers what was booked before, even if only the journal remembers it', async () => {
    await book.submit([transfer('H1', { flags: PENDING }), transfer('L1', { debit: idOf('L'), amount: 9n })]);
    await book.submit([transfer('P1', { pendingId: idOf('H1'), flags: POST_PENDING })]);
    await book.close();
    book = await open();
    const again = await book.submit([
      transfer('P1', { pendingId: idOf('H1'), flags: POST_PENDING }),
      transfer('H1', { flags: PENDING }),
      transfer('L1', { amount: 9n }),
      transfer('N1'),
    ]);
    assert.deepEqual(
      again.map((result) => result.code),
      ['exists', 'exists', 'id_already_failed', 'created'],
    );
  });

  it('answers what was booked before also where the tables object to it before the index of ids does', async () => {
    const asked = [
      transfer('H', { amount: 10n, flags: PENDING | BALANCING_DEBIT }),
      { kind: 'transfer' as const, id: idOf<'transfer'>('P'), pendingId: idOf<'transfer'>('H'), amount: 8n, flags: POST_PENDING },
    ];
    await book.submit([transfer('F', { debit: idOf('B'), credit: idOf('A'), amount: 5n })]);
    const codes = async (): Promise<string[]> => (await book.submit(asked)).map((result) => result.code);
    assert.deepEqual(await codes(), ['created', 'exceeds_pending_transfer_amount']);
    await book.submit([transfer('G', { debit: idOf('B'), credit: idOf('A'), amount: 50n })]);
    await book.close();
    // With nothing in memory the hold is decided anew, larger now, and captured for more than it was booked for.
    book = await open();
    assert.deepEqual(await codes(), ['exists', 'exceeds_pending_transfer_amount']);
    await assertSound(book);
  });

  it('gives balances after each transfer with its answer', async () => {
    const [first, second] = await book.submit([transfer('B1', { amount: 5n }), transfer('B2', { amount: 7n, flags: PENDING })]);
    assert.equal(first!.balances?.debit?.debitsPosted, 5n);
    assert.equal(first!.balances?.debit?.debitsPending, 0n);
    assert.equal(second!.balances?.credit?.creditsPending, 7n);
    const [refused] = await book.submit([transfer('B3', { debit: idOf('L') })]);
    assert.equal(refused!.balances?.debit?.debitsPosted, 0n);
  });

  it('refuses a request of too many commands and books nothing of it', async () => {
    const many = Array.from({ length: MAX_BATCH + 1 }, (_, n) => transfer(`M${n}`));
    await assert.rejects(book.submit(many), (error) => error instanceof Problem && error.code === 'ledger/batch-too-large');
    assert.equal((await book.head()).seq, BigInt(OPENING.length));
  });

  it('takes a request of the largest size', async () => {
    const many = Array.from({ length: MAX_BATCH }, (_, n) => transfer(`M${n}`));
    assert.ok((await book.submit(many)).every((result) => result.code === 'created'));
    assert.equal((await book.account(idOf('A')))?.debitsPosted, BigInt(MAX_BATCH));
  });

  it('never lets time go back, whatever the clock does', async () => {
    await book.close();
    const clock = new ManualClock(Date.now() + 60_000);
    book = await open(clock);
    const [first] = await book.submit([transfer('Z1')]);
    clock.advance(-120_000);
    const [second] = await book.submit([transfer('Z2')]);
    assert.equal(second!.record!.nowMs, first!.record!.nowMs);
    await assertSound(book);
  });

  it('expires what is due, and nothing else', async () => {
    await book.close();
    const clock = new ManualClock(Date.now() + 60_000);
    book = await open(clock);
    await book.submit([transfer('E1', { flags: PENDING, timeoutS: 5 }), transfer('E2', { flags: PENDING, timeoutS: 9 }), transfer('E3', { flags: PENDING })]);
    assert.equal(await book.expireDue(), 0);
    clock.advance(5_000);
    assert.equal(await book.expireDue(), 1);
    assert.equal(await book.expireDue(), 0);
    assert.equal((await book.account(idOf('A')))?.debitsPending, 2n);
    await assertSound(book);
  });

  it('expires what is due by the book’s time, which a clock that was put back is behind', async () => {
    await book.close();
    const clock = new ManualClock(Date.now());
    book = await open(clock);
    await book.submit([transfer('D1', { flags: PENDING, timeoutS: 3_600 })]);
    clock.advance(86_400_000);
    await book.submit([transfer('D2')]);
    clock.advance(-86_400_000);
    assert.equal(await book.expireDue(), 1);
    assert.equal((await book.account(idOf('A')))?.debitsPending, 0n);
    await assertSound(book);
  });

  it('books nothing by a clock that is far ahead of the database’s, where it is told to look', async () => {
    await book.close();
    const [server] = await onTables<{ ms: string }>('select ceil(extract(epoch from clock_timestamp()) * 1000) as ms');
    const clock = new ManualClock(Number(server!.ms) + 365 * 86_400_000);
    book = await openBook({ database: db.database, bookId, clock, maxAheadMs: 0, leaseMs: 60_000 });
    await assert.rejects(book.submit([transfer('Y1')]), { code: 'ledger/clock-ahead' });
    assert.equal(await book.transfer(idOf('Y1')), null);
    // Later than what the server said when the book was taken, and not ahead of what it says now.
    const [later] = await onTables<{ ms: string }>('select ceil(extract(epoch from clock_timestamp()) * 1000) as ms');
    clock.advance(Number(later!.ms) - clock.nowMs());
    assert.equal((await book.submit([transfer('Y1')]))[0]!.code, 'created');
    assert.equal((await book.head()).nowMs, Number(later!.ms));
  });

  it('keeps a second writer out for as long as it is open', async () => {
    await assert.rejects(open(systemClock, 0), (error) => error instanceof Problem && error.code === 'ledger/book-taken');
    await book.submit([transfer('S1')]);
    await book.close();
    book = await open(systemClock, 0);
    assert.equal((await book.submit([transfer('S1')]))[0]!.code, 'exists');
  });

  it('answers what was asked before it was closed, and refuses what comes after', async () => {
    const waiting = book.submit([transfer('Q1')]);
    const closed = book.close();
    await assert.rejects(book.submit([transfer('Q2')]), (error) => error instanceof Problem && error.code === 'ledger/closed');
    assert.equal((await waiting)[0]!.code, 'created');
    await closed;
  });

  it('is fenced once another writer has taken the book, and writes nothing more', async () => {
    await book.submit([transfer('F1')]);
    await onTables('update book.head set epoch = epoch + 1');
    await assert.rejects(book.submit([transfer('F2')]), (error) => error instanceof Problem && error.code === 'ledger/fenced');
    await assert.rejects(book.submit([transfer('F3')]), (error) => error instanceof Problem && error.code === 'ledger/fenced');
    assert.equal(await book.transfer(idOf('F2')), null);
    await book.close();
    book = await open();
    assert.equal((await book.submit([transfer('F2')]))[0]!.code, 'created');
    await assertSound(book);
  });

  for (const [what, statement] of [
    ['the journal went on', 'update book.head set seq = seq + 1'],
    ['another writer took the book', 'update book.head set epoch = epoch + 1'],
  ] as const) {
    it(`is fenced when ${what} without it`, async () => {
      await book.submit([transfer('V1')]);
      await onTables(statement);
      await assert.rejects(book.submit([transfer('V2')]), (error) => error instanceof Problem && error.code === 'ledger/fenced');
      assert.equal(await book.transfer(idOf('V2')), null);
    });
  }

  it('is fenced when a hold was closed without it', async () => {
    await book.submit([transfer('V1', { flags: PENDING })]);
    await onTables("update book.pending set status = 'posted', closed_by = $1", [idOf('elsewhere')]);
    const post = transfer('V2', { pendingId: idOf('V1'), flags: POST_PENDING });
    await assert.rejects(book.submit([post]), (error) => error instanceof Problem && error.code === 'ledger/fenced');
    assert.equal((await book.account(idOf('A')))?.debitsPending, 1n);
  });

  it('goes on over broken connections: what was acknowledged is there once, and every caller is answered', async () => {
    const asked: TransferId[] = [];
    const answers: Promise<void>[] = [];
    for (let wave = 0; wave < 12; wave++) {
      for (let n = 0; n < 20; n++) {
        const id = idOf<'transfer'>(`K${wave}/${n}`);
        asked.push(id);
        answers.push(book.submit([{ ...transfer('K'), id }]).then(([result]) => assert.equal(result!.code, 'created')));
      }
      if (wave % 3 === 1) await breakConnections();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(answers);
    const records = await assertSound(book);
    const booked = records.flatMap((record) => (record.kind === 'transfer' ? [record.id] : []));
    assert.deepEqual([...booked].sort(), [...asked].sort());
  });

  it('sends no batch that is refused where nobody else writes, however many callers there are', async () => {
    const refused = async () =>
      (await db.owner.query<{ n: string }>('select xact_rollback as n from pg_stat_database where datname = current_database()')).rows[0]!.n;
    const before = await refused();
    // Each caller settles a hold of the one before, which may be in the batch that is still in flight.
    const caller = async (n: number): Promise<void> => {
      for (let turn = 0; turn < 6; turn++) {
        const [hold] = await book.submit([transfer(`F${n}/${turn}`, { flags: PENDING })]);
        assert.equal(hold!.code, 'created');
        const [post] = await book.submit([transfer(`P${n}/${turn}`, { pendingId: idOf(`F${n}/${turn}`), flags: POST_PENDING })]);
        assert.equal(post!.code, 'created');
      }
    };
    await Promise.all(Array.from({ length: 300 }, (_, n) => caller(n)));
    const many = [0, 1, 2, 3].map((part) => Array.from({ length: 200 }, (_, n) => transfer(`N${part}/${n}`)));
    await Promise.all(many.map((commands) => book.submit(commands)));
    await assertSound(book);
    // A connection tells what it did when it ends.
    await book.close();
    assert.equal(await refused(), before);
  });

  it('waits for a batch that takes the server longer than a lease, and answers who came after it', async () => {
    await book.close();
    book = await openBook({ database: db.database, bookId, clock: systemClock, leaseMs: 300 });
    await onTables(`create function book.take_long() returns trigger language plpgsql as $$ begin perform pg_sleep(1); return new; end $$;
                    create trigger take_long before insert on book.pending for each row execute function book.take_long()`);
    const [before] = await onTables<{ epoch: string }>('select epoch from book.head');
    const [[long], [next]] = await Promise.all([book.submit([transfer('L1', { flags: PENDING })]), book.submit([transfer('L2')])]);
    assert.deepEqual([long!.code, next!.code], ['created', 'created']);
    assert.deepEqual(await onTables('select epoch from book.head'), [before]);
  });

  it('gives up a request that costs each connection it is sent on, and answers who shares its batch', async () => {
    await onTables(`create function book.break_off() returns trigger language plpgsql security definer as $$
                    begin if new.code = 666 then perform pg_terminate_backend(pg_backend_pid()); end if; return new; end $$;
                    create trigger break_off before insert on book.journal for each row execute function book.break_off()`);
    const beside = ['S1', 'S2', 'S3'].map((name) => book.submit([transfer(name)]));
    const costly = book.submit([transfer('X1', { code: 666 })]);
    await assert.rejects(costly, { code: 'store/outcome-unknown' });
    for (const answer of beside) assert.equal((await answer)[0]!.code, 'created');
    assert.equal((await book.submit([transfer('S4')]))[0]!.code, 'created');
    assert.equal(await book.transfer(idOf('X1')), null);
    await assertSound(book);
  });

  it('decides a batch on top of the one in flight, and anew where that one did not become what was decided', async function () {
    this.timeout(120_000);
    await fc.assert(
      fc.asyncProperty(fc.array(anyRequests(60, 120), { minLength: 3, maxLength: 3 }), fc.boolean(), async ([before, again, more], isBroken) => {
        await book.close();
        bookId = newBookId();
        const clock = new ManualClock(1_000_000);
        book = await open(clock);
        await book.submit(OPENING);
        const asked = before!.map(({ commands }) => commands);
        const first = await Promise.all(asked.map((commands) => book.submit(commands)));
        // A writer that remembers nothing takes the old ids for new ones until the journal refuses its batch, with the next one decided already.
        await book.close();
        book = await open(clock);
        const mixed = [...again!, ...asked.flatMap((commands, i) => [{ commands, waitMs: 0 }, more![i % more!.length]!])];
        const answers = mixed.map(({ commands }) => book.submit(commands));
        if (isBroken) await breakConnections();
        const second = await Promise.all(answers);
        const records = await assertSound(book);
        for (const result of [...first, ...second].flat())
          if (result.code === 'created') assert.deepEqual(records[Number(result.record.seq) - 1], result.record);
      }),
      { numRuns: 12 },
    );
  });

  it('holds the rules over whatever is asked by many callers at once', async function () {
    this.timeout(120_000);
    await fc.assert(
      fc.asyncProperty(anyRequests(30, 40), async (requests) => {
        await book.close();
        bookId = newBookId();
        const clock = new ManualClock(1_000_000);
        book = await open(clock);
        await book.submit(OPENING);
        const answers = requests.map(({ commands, waitMs }) => {
          clock.advance(waitMs);
          return book.submit(commands);
        });
        const results = await Promise.all(answers);
        const records = await assertSound(book);
        for (const result of results.flat()) if (result.code === 'created') assert.deepEqual(records[Number(result.record.seq) - 1], result.record);
        const commands: readonly Command[] = requests.flatMap((request) => request.commands);
        const created = new Set(results.flat().flatMap((result) => (result.code === 'created' && result.record.kind === 'transfer' ? [result.record.id] : [])));
        for (const command of commands) {
          if (command.kind === 'transfer') assert.equal((await book.transfer(command.id))?.kind === 'transfer', created.has(command.id));
        }
      }),
      { numRuns: 8 },
    );
  });
});
