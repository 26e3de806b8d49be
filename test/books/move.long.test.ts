import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Problem, systemClock, type BookId } from '#base';
import { moveBook, type MoveStep } from '#books';
import { databaseName } from '#db';
import { openBook } from '#ledger';
import { newBookId } from '../ledger/support/backends.ts';
import { OPENING } from '../ledger/support/commands.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { assertHoldsExactly, Callers } from './support/callers.ts';

const STEPS: readonly MoveStep[] = ['arrive', 'copy', 'depart', 'copy the rest', 'verify', 'leave', 'open'];

describe('a move whose mover is killed', () => {
  let here: TestDatabase;
  let there: TestDatabase;
  let bookId: BookId;
  let callers: Callers;
  before(async () => ([here, there] = await Promise.all([testDatabase(), testDatabase()])));
  after(() => Promise.all([here.close(), there.close()]));

  beforeEach(async () => {
    bookId = newBookId();
    const book = await openBook({ database: here.database, bookId, clock: systemClock });
    await book.submit(OPENING);
    await book.close();
    callers = new Callers(bookId, new Map([here, there].map(({ url }) => [databaseName(url), url])), 8, 40);
    await until(() => callers.acknowledged.length > 50, 'fifty answers');
  });

  /** In how many of the two databases the book says that it may be written, by the owner's eyes. */
  async function writablePlaces(): Promise<number> {
    const found = await Promise.all([here, there].map(({ owner }) => owner.query("select from cairn.book where id = $1 and status = 'open'", [bookId])));
    return found.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0);
  }

  function startMover(last: MoveStep | 'none') {
    const program = fileURLToPath(new URL('./support/mover.ts', import.meta.url));
    return spawn(process.execPath, [program, bookId, here.url, there.url, last], { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  async function finish(): Promise<void> {
    await moveBook({ bookId, fromUrl: here.url, toUrl: there.url });
    const atMove = callers.acknowledged.length;
    await until(() => callers.acknowledged.length > atMove + 50, 'fifty answers from the new place');
    await callers.stop();
    assert.equal(await writablePlaces(), 1);
    await assert.rejects(
      openBook({ database: here.database, bookId, clock: systemClock }),
      (error) => error instanceof Problem && error.code === 'ledger/book-moved' && error.facts['to'] === databaseName(there.url),
    );
    const book = await openBook({ database: there.database, bookId, clock: systemClock });
    await assertHoldsExactly(book, callers.acknowledged);
    await book.close();
  }

  it('before each of its steps, goes on when it is run again: nothing is lost, and never are there two places to write', async function () {
    this.timeout(180_000);
    for (const step of STEPS) {
      const mover = startMover(step);
      const [, signal] = (await once(mover, 'close')) as [number | null, string | null];
      assert.equal(signal, 'SIGKILL', step);
      assert.equal(await writablePlaces(), STEPS.indexOf(step) <= STEPS.indexOf('depart') ? 1 : 0, step);
    }
    await finish();
  });

  it('is not passed by another one where it lost one of its two sessions only, and does nothing more', async function () {
    this.timeout(180_000);
    let passing: Promise<unknown> | undefined;
    const first = moveBook({
      bookId,
      fromUrl: here.url,
      toUrl: there.url,
      onStep: async (step) => {
        if (step !== 'copy') return;
        const { rowCount } = await here.owner.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'cairn owner'",
        );
        assert.ok(rowCount! > 0);
        // Waits at the source for as long as a session that is ended may take, then at the target.
        passing = moveBook({ bookId, fromUrl: here.url, toUrl: there.url });
        await assert.rejects(passing, (error) => error instanceof Problem && error.code === 'books/move-under-way');
      },
    });
    await assert.rejects(first, (error) => error instanceof Problem && error.code === 'store/unreachable');
    assert.ok(passing);
    await finish();
  });

  it('at any moment between them, likewise', async function () {
    this.timeout(180_000);
    for (const afterMs of [5, 40, 15, 90, 25]) {
      const mover = startMover('none');
      // From its first word on: what comes before is the start of a process.
      const over = once(mover, 'close');
      await Promise.race([once(mover.stdout, 'data'), over]);
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      mover.kill('SIGKILL');
      await over;
      assert.ok((await writablePlaces()) <= 1);
    }
    await finish();
  });
});
