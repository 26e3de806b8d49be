import assert from 'node:assert/strict';
import { Problem, systemClock, type AssetNo, type BookId, type ProblemCode } from '#base';
import { cancelMove, moveBook, type MoveStep } from '#books';
import { databaseName } from '#db';
import { openBook, readBook, type Book } from '#ledger';
import { FINAL_POST, PENDING, POST_PENDING, SETTLES } from '#ledger/core';
import { newBookId } from '../ledger/support/backends.ts';
import { OPENING } from '../ledger/support/commands.ts';
import { idOf } from '../ledger/support/table.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { assertHoldsExactly, Callers } from './support/callers.ts';

const TRANSFER = { kind: 'transfer', debit: idOf<'account'>('A'), credit: idOf<'account'>('B'), asset: 1 as AssetNo, amount: 5n, code: 1 } as const;

function isProblem(code: ProblemCode): (error: unknown) => boolean {
  return (error) => error instanceof Problem && error.code === code;
}

describe('the move of a book', () => {
  let here: TestDatabase;
  let there: TestDatabase;
  let elsewhere: TestDatabase;
  let bookId: BookId;
  before(async () => ([here, there, elsewhere] = await Promise.all([testDatabase(), testDatabase(), testDatabase()])));
  after(() => Promise.all([here, there, elsewhere].map((database) => database.close())));
  beforeEach(() => (bookId = newBookId()));

  const open = ({ database }: TestDatabase): Promise<Book> => openBook({ database, bookId, clock: systemClock, waitMs: 0 });
  const move = (onStep?: (step: MoveStep) => Promise<void> | void) => moveBook({ bookId, fromUrl: here.url, toUrl: there.url, ...(onStep ? { onStep } : {}) });
  const schema = () => `book_${bookId.replaceAll('-', '')}`;

  /** A book with records of every sort: holds that are open and settled, evidence, a refusal that is remembered. */
  async function fill(book: Book): Promise<void> {
    await book.submit(OPENING);
    await book.submit([
      { ...TRANSFER, id: idOf<'transfer'>('H1'), flags: PENDING | SETTLES, timeoutS: 0 },
      { ...TRANSFER, id: idOf<'transfer'>('H2'), flags: PENDING, timeoutS: 60, subject: idOf('S'), fields: { metadata: '{"a":1}' } },
      { ...TRANSFER, id: idOf<'transfer'>('P2'), pendingId: idOf<'transfer'>('H2'), flags: POST_PENDING, amount: 3n },
      { ...TRANSFER, id: idOf<'transfer'>('R'), debit: idOf('L'), amount: 9n },
    ]);
  }

  it('loses nothing while many callers write: each is told where the book went, and goes on there with the same ids', async function () {
    this.timeout(60_000);
    const first = await open(here);
    await first.submit(OPENING);
    await first.close();
    const places = new Map([here, there].map(({ url }) => [databaseName(url), url]));
    const callers = new Callers(bookId, places, 40);
    await until(() => callers.acknowledged.length > 200, 'two hundred answers');
    const steps: MoveStep[] = [];
    const { seq, to } = await move((step) => void steps.push(step));
    const atMove = callers.acknowledged.length;
    await until(() => callers.acknowledged.length > atMove + 200, 'two hundred answers from the new place');
    await callers.stop();

    assert.equal(to, databaseName(there.url));
    assert.deepEqual([...new Set(steps)], ['arrive', 'copy', 'depart', 'copy the rest', 'verify', 'leave', 'open']);
    assert.ok(callers.told.has('ledger/book-moved'));
    await assert.rejects(open(here), (error) => isProblem('ledger/book-moved')(error) && (error as Problem).facts['to'] === to);
    const book = await open(there);
    assert.ok((await book.head()).seq > seq);
    await assertHoldsExactly(book, callers.acknowledged);
    await book.close();
  });

  it('brings every table whole, and the book goes on as if it had always been there', async () => {
    const before = await open(here);
    await fill(before);
    const hold = await before.hold(idOf('H1'));
    const records = await before.records({ fromSeq: 1n, limit: 1_000 });
    const reader = await readBook(here.database, bookId);
    await move();
    await assert.rejects(reader.head(), isProblem('ledger/book-moved'), 'nobody waits here for what is booked there');
    await assert.rejects(readBook(here.database, bookId), isProblem('ledger/book-moved'));
    assert.equal((await before.lost).code, 'ledger/book-moved');
    await assert.rejects(before.submit(OPENING), isProblem('ledger/book-moved'));
    await assert.rejects(before.account(idOf('A')), isProblem('ledger/book-moved'), 'what is left here is not the book');
    await assert.rejects(before.head(), isProblem('ledger/book-moved'));
    await before.close();

    const book = await open(there);
    assert.deepEqual(await book.records({ fromSeq: 1n, limit: 1_000 }), records);
    assert.deepEqual(await book.hold(idOf('H1')), hold);
    assert.equal((await book.balanceAt(idOf('A'), { seq: BigInt(records.length) }))?.debitsPosted, 3n);
    const results = await book.submit([
      { ...TRANSFER, id: idOf<'transfer'>('R'), debit: idOf('L'), amount: 9n },
      { ...TRANSFER, id: idOf<'transfer'>('P1'), pendingId: idOf<'transfer'>('H1'), flags: POST_PENDING },
    ]);
    assert.deepEqual(
      results.map(({ code }) => code),
      ['id_already_failed', 'created'],
    );
    await book.close();
    // Once more is no mistake, and the way back is a move as well.
    await move();
    await moveBook({ bookId, fromUrl: there.url, toUrl: here.url });
    await assert.rejects(open(there), isProblem('ledger/book-moved'));
    const back = await open(here);
    assert.deepEqual((await back.hold(idOf('H1')))?.status, 'posted');
    await back.close();
  });

  it('cannot be got round: neither end is written meanwhile, not even by the owner’s mistake', async () => {
    const before = await open(here);
    await fill(before);
    await before.close();
    const tried = new Set<string>();
    await assert.rejects(
      move((step) => {
        if (step === 'verify') throw new Problem('store/unreachable', 'The mover ends here.');
      }),
    );
    await assert.rejects(open(here), isProblem('ledger/book-moved'));
    await assert.rejects(open(there), isProblem('ledger/book-arriving'));
    await assert.rejects(readBook(there.database, bookId), isProblem('ledger/book-arriving'));
    assert.ok((await (await readBook(here.database, bookId)).head()).seq > 0n, 'until it has left, the book is read here');
    for (const { owner } of [here, there])
      for (const change of ['seq = seq + 1', 'epoch = epoch + 1'])
        await assert.rejects(owner.query(`update ${schema()}.head set ${change}`), (error) => {
          tried.add((error as { constraint?: string }).constraint ?? '');
          return true;
        });
    assert.deepEqual([...tried], ['head_stands_where_it_was_left']);

    await assert.rejects(moveBook({ bookId, fromUrl: here.url, toUrl: here.url }), isProblem('books/moves-elsewhere'));
    await cancelMove({ bookId, fromUrl: here.url });
    const book = await open(here);
    await book.submit([{ ...TRANSFER, id: idOf<'transfer'>('later') }]);
    await assert.rejects(open(there), isProblem('ledger/book-arriving'));
    await move();
    await book.close();
    await assert.rejects(cancelMove({ bookId, fromUrl: here.url }), isProblem('books/not-moving'));
    const moved = await open(there);
    assert.equal((await moved.transfer(idOf('later')))?.kind, 'transfer');
    await moved.close();
  });

  /** A mover that ends before this step. */
  async function moveUpTo(last: MoveStep, from = here, to = there): Promise<void> {
    const died = new Problem('store/unreachable', 'The mover ends here.');
    const onStep = (step: MoveStep) => (step === last ? Promise.reject(died) : undefined);
    await assert.rejects(moveBook({ bookId, fromUrl: from.url, toUrl: to.url, onStep }), (error) => error === died);
  }

  const statusIn = async ({ owner }: TestDatabase) =>
    (await owner.query<{ status: string }>('select status from cairn.book where id = $1', [bookId])).rows[0]?.status;

  /** What a server does that comes back without its last commits: the records after `seq` were never there. */
  async function loseAfter({ owner }: TestDatabase, seq: bigint): Promise<void> {
    await owner.query(
      `delete from ${schema()}.journal where seq > ${seq}; delete from ${schema()}.account_history where seq > ${seq}; delete from ${schema()}.evidence where seq > ${seq};
       update ${schema()}.head set seq = ${seq}, left_seq = ${seq} where left_seq is not null; update ${schema()}.head set seq = ${seq}`,
    );
  }

  it('opens no copy on which the book has gone on from elsewhere', async () => {
    const first = await open(here);
    await fill(first);
    await first.close();
    await move();
    await moveBook({ bookId, fromUrl: there.url, toUrl: elsewhere.url });
    const book = await open(elsewhere);
    await book.submit([{ ...TRANSFER, id: idOf<'transfer'>('later') }]);
    await moveUpTo('copy', elsewhere, there);
    await assert.rejects(move(), isProblem('books/newer-there'));
    assert.deepEqual([await statusIn(there), await statusIn(elsewhere)], ['arriving', 'open']);
    await book.submit([{ ...TRANSFER, id: idOf<'transfer'>('latest') }]);
    await moveBook({ bookId, fromUrl: elsewhere.url, toUrl: there.url });
    await book.close();
    const back = await open(there);
    assert.equal((await back.transfer(idOf('latest')))?.kind, 'transfer');
    await back.close();
  });

  it('copies again what the other server lost after the book was left for good', async () => {
    const book = await open(here);
    await fill(book);
    const { seq } = await book.head();
    const hold = await book.hold(idOf('H2'));
    await book.close();
    await moveUpTo('open');
    await loseAfter(there, seq - 2n);
    const steps: MoveStep[] = [];
    await move((step) => void steps.push(step));
    assert.deepEqual(steps, ['arrive', 'copy the rest', 'verify', 'open']);
    const moved = await open(there);
    const found = [(await moved.head()).seq, await moved.hold(idOf('H2'))];
    await moved.close();
    assert.deepEqual(found, [seq, hold]);
  });

  it('copies a book anew of which the other database has what the source has lost since', async () => {
    const book = await open(here);
    await fill(book);
    await book.submit([{ ...TRANSFER, id: idOf<'transfer'>('lost') }]);
    const { seq } = await book.head();
    await book.close();
    await moveUpTo('depart');
    await loseAfter(here, seq - 1n);
    for (const more of [[], [idOf<'transfer'>('another'), idOf<'transfer'>('lost')]]) {
      const again = await open(here);
      await again.submit(more.map((id) => ({ ...TRANSFER, id })));
      await again.close();
      await moveUpTo('depart');
    }
    await move();
    const moved = await open(there);
    const records = await moved.records({ fromSeq: seq, limit: 9 });
    assert.deepEqual(
      records.map((record) => record.kind === 'transfer' && record.id),
      [idOf('another'), idOf('lost')],
    );
    await moved.close();
  });

  it('changes nothing of a copy that was opened while it was made', async () => {
    for (const last of ['copy', 'copy the rest', 'verify'] as const) {
      bookId = newBookId();
      const book = await open(here);
      await fill(book);
      await book.close();
      const tables = async () =>
        (await there.owner.query(`select h.*, j.id from ${schema()}.head h left join ${schema()}.journal j on true order by j.seq`)).rows;
      let before: unknown;
      const opened = move(async (step) => {
        if (step !== last) return;
        // As another mover would that came to its end, or an operator by hand.
        await there.owner.query("update cairn.book set status = 'open' where id = $1", [bookId]);
        before = await tables();
      });
      await assert.rejects(opened, isProblem('books/already-there'), last);
      assert.deepEqual(await tables(), before);
      assert.notEqual(await statusIn(here), 'moved');
    }
  });

  it('takes no copy for its own that was opened as it arrived', async () => {
    const book = await open(here);
    await book.close();
    const opened = move(async (step) => {
      if (step === 'arrive') await (await open(there)).close();
    });
    await assert.rejects(opened, isProblem('books/already-there'));
    assert.deepEqual([await statusIn(here), await statusIn(there)], ['open', 'open']);
  });

  it('does not end as if it had left a source that somebody else sent on', async () => {
    const book = await open(here);
    await fill(book);
    await book.close();
    const disturbed = move(async (step) => {
      if (step === 'leave') await here.owner.query("update cairn.book set status = 'open', moved_to = null where id = $1", [bookId]);
    });
    await assert.rejects(disturbed, isProblem('books/not-moving'));
    assert.equal(await statusIn(there), 'arriving');
  });

  for (const [what, damage] of [
    ['a record', (s: string) => `update ${s}.journal set amount = amount + 1 where id = '${idOf('P2')}'`],
    ['a balance', (s: string) => `update ${s}.account_history set credits_posted = credits_posted + 1 where account = 2`],
  ] as const) {
    it(`throws away what an earlier run left in which ${what} is not what the source has`, async () => {
      const book = await open(here);
      await fill(book);
      const records = await book.records({ fromSeq: 1n, limit: 1_000 });
      await book.close();
      await moveUpTo('depart');
      await there.owner.query(damage(schema()));
      await move();
      const moved = await open(there);
      assert.deepEqual(await moved.records({ fromSeq: 1n, limit: 1_000 }), records);
      await moved.close();
    });
  }

  for (const [what, table, damage] of [
    ['a record', 'journal', 'new.amount := new.amount + 1'],
    ['a balance', 'account_history', 'new.credits_posted := new.credits_posted + 1'],
    ['an account', 'account', 'new.code := new.code + 1'],
    ['evidence', 'evidence', `new.fields := '{"metadata": "{}"}'`],
    ['a hold that stands open', 'pending', "new.amount := new.amount + (new.status = 'open')::int4"],
    ['a hold that has ended', 'pending', "new.captured := new.captured - (new.status <> 'open')::int4"],
  ] as const) {
    it(`refuses a copy in which ${what} is not what the source has, also when it was copied anew`, async () => {
      const book = await open(here);
      await fill(book);
      await book.submit([{ ...TRANSFER, id: idOf<'transfer'>('P3'), pendingId: idOf<'transfer'>('H2'), flags: POST_PENDING | FINAL_POST, amount: 1n }]);
      await book.close();
      let looks = 0;
      const damaging = move(async (now) => {
        if (now !== 'copy') return;
        looks += 1;
        // The other server writes something else than it is given.
        await there.owner.query(
          `create or replace function ${schema()}.damage() returns trigger language plpgsql as $$ begin ${damage}; return new; end $$;
           create or replace trigger damage before insert on ${schema()}.${table} for each row execute function ${schema()}.damage()`,
        );
      });
      await assert.rejects(damaging, isProblem('books/copies-differ'));
      assert.equal(looks, 2);
      await assert.rejects(open(there), isProblem('ledger/book-arriving'));
      assert.notEqual(await statusIn(here), 'moved');
    });
  }

  it('has copied before the writing ends whatever nobody changes any more: holds that have ended too', async () => {
    const book = await open(here);
    await fill(book);
    await book.submit([{ ...TRANSFER, id: idOf<'transfer'>('P3'), pendingId: idOf<'transfer'>('H2'), flags: POST_PENDING | FINAL_POST, amount: 1n }]);
    await book.close();
    const statuses: string[][] = [];
    await move(async (step) => {
      if (step !== 'depart' && step !== 'leave') return;
      const { rows } = await there.owner.query<{ status: string }>(`select status from ${schema()}.pending order by status desc`);
      statuses.push(rows.map(({ status }) => status));
    });
    assert.deepEqual(statuses, [['posted'], ['posted', 'open']]);
  });

  it('lets the source be written while it copies again, where an earlier run had ended that', async () => {
    const book = await open(here);
    await fill(book);
    await book.close();
    await moveUpTo('verify');
    await assert.rejects(open(here), isProblem('ledger/book-moved'));
    let written = 0;
    await move(async (step) => {
      if (step !== 'copy') return;
      const again = await open(here);
      await again.submit([{ ...TRANSFER, id: idOf<'transfer'>('meanwhile') }]);
      await again.close();
      written += 1;
    });
    assert.equal(written, 1);
    const moved = await open(there);
    const found = await moved.transfer(idOf('meanwhile'));
    await moved.close();
    assert.equal(found?.kind, 'transfer');
  });

  it('brings no evidence that is erased while it is copied', async () => {
    const book = await open(here);
    await fill(book);
    await book.close();
    await move(async (step) => {
      if (step === 'depart') await here.owner.query(`delete from ${schema()}.evidence`);
    });
    const { rowCount } = await there.owner.query(`select from ${schema()}.evidence`);
    assert.equal(rowCount, 0);
  });

  it('is refused where the other database has a book of this id, and where there is none to move', async () => {
    await assert.rejects(move(), isProblem('ledger/no-such-book'));
    for (const db of [here, there]) await (await open(db)).close();
    await assert.rejects(move(), isProblem('books/already-there'));
    await assert.rejects(moveBook({ bookId, fromUrl: here.url, toUrl: here.url }), isProblem('books/already-there'));
  });
});
