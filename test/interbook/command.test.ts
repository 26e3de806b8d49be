import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem, systemClock, type BookId } from '#base';
import { openBook, type Book } from '#ledger';
import { POST_PENDING } from '#ledger/core';
import { commandsOf, openClearing, openSuspense } from '#interbook/core';
import { coordinator, reconcileCommand, recoverCommand } from '#interbook';
import { newBookId } from '../ledger/support/backends.ts';
import { idOf } from '../ledger/support/table.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { ASSETS, openingOf, request, whole, type Name } from './support/books.ts';

describe('cairn book reconcile', () => {
  const databases: TestDatabase[] = [];
  const ids: Readonly<Record<Name, BookId>> = { A: newBookId(), B: newBookId() };
  let books: Readonly<Record<Name, Book>>;

  before(async () => {
    databases.push(await testDatabase(), await testDatabase());
    const open = (name: Name, i: number) => openBook({ database: databases[i]!.database, bookId: ids[name], clock: systemClock });
    books = { A: await open('A', 0), B: await open('B', 1) };
    for (const name of ['A', 'B'] as const) await books[name].submit(openingOf(name));
  });
  after(async () => {
    await Promise.all([books.A.close(), books.B.close()]);
    await Promise.all(databases.map((database) => database.close()));
  });

  const run = async (more: Readonly<Record<string, string>> = {}) => {
    const lines: string[] = [];
    const where = { at: databases[0]!.url, 'other-at': databases[1]!.url };
    const code = await reconcileCommand({ book: ids.A, other: ids.B, ...where, ...more }, (line) => void lines.push(line));
    return { code, lines };
  };

  it('tells who owes what while the books are in use, what is under way, and what is wrong, and ends accordingly', async () => {
    assert.deepEqual(await run(), { code: 0, lines: ['The two books never owed each other anything.'] });
    const between = coordinator({ books: new Map([books.A, books.B].map((book) => [book.bookId, book])) });
    await between.transfer(request(idOf('T'), 'A', 'B', 35n, ids));
    const agreed = await run();
    assert.equal(agreed.code, 0);
    assert.match(agreed.lines.join('\n'), /^tUSD \(eip155:31337\/erc20:0x0+aa\): the first book owes 0\.000035, the second claims 0\.000035$/);

    await books.A.submit(commandsOf('holdSender', whole(request(idOf('S'), 'A', 'B', 7n, ids), 'B'), 60));
    const underWay = await run();
    assert.equal(underWay.code, 0);
    assert.equal(underWay.lines[1], `  under way  ${idOf('S')}  sent 0.000000, received 0.000000: next is holdReceiver`);

    await books.A.submit([{ kind: 'transfer', id: idOf('hand'), pendingId: idOf('S'), amount: 7n, flags: POST_PENDING }]);
    const wrong = await run();
    assert.equal(wrong.code, 1);
    assert.equal(
      wrong.lines[1],
      `  WRONG      ${idOf('S')}  sent 0.000007, received 0.000000: the sender's book has posted it, the receiver's knows nothing of it`,
    );
  });

  it('refuses what it cannot compare', async () => {
    const refuses = (code: string, more: Readonly<Record<string, string>>) =>
      assert.rejects(run(more), (error) => error instanceof Problem && error.code === code);
    await refuses('cli/bad-arguments', { book: 'A' });
    await refuses('cli/bad-arguments', { other: ids.A });
    await refuses('ledger/no-such-book', { other: newBookId() });
    await refuses('ledger/no-such-book', { 'other-at': databases[0]!.url });
    const { pathname } = new URL(databases[0]!.url);
    await assert.rejects(run({ 'other-at': databases[0]!.url }), new RegExp(`There is no book ${ids.B} in \\S+${pathname}\\.`));
    const isNow = (status: string, to: string | null) =>
      databases[1]!.owner.query('update cairn.book set status = $1, moved_to = $2 where id = $3', [status, to, ids.B]);
    await isNow('moved', 'elsewhere:5432/books');
    await refuses('ledger/book-moved', {});
    await isNow('arriving', null);
    await refuses('ledger/book-arriving', {});
    await isNow('open', null);
  });
});

describe('cairn book recover', () => {
  const databases: TestDatabase[] = [];
  const ids: Readonly<Record<Name, BookId>> = { A: newBookId(), B: newBookId() };
  const given = { ...process.env };
  let folder: string;

  const open = (name: Name) => openBook({ database: databases[name === 'A' ? 0 : 1]!.database, bookId: ids[name], clock: systemClock });
  const take = async (name: Name, ...commands: Parameters<Book['submit']>[0]) => {
    const book = await open(name);
    await book.submit(commands);
    await book.close();
  };
  const run = async () => {
    const lines: string[] = [];
    return { code: await recoverCommand(systemClock, (line) => void lines.push(line)), lines };
  };

  before(async () => {
    databases.push(await testDatabase(), await testDatabase());
    folder = mkdtempSync(join(tmpdir(), 'cairn-recover-'));
    // It does not say where B is: a book is taken where it is found.
    writeFileSync(join(folder, 'books.json'), JSON.stringify({ databases: { there: databases[1]!.url } }));
    process.env['DATABASE_URL'] = databases[0]!.url;
    process.env['BOOK_DATABASES'] = join(folder, 'books.json');
    for (const name of ['A', 'B'] as const) {
      const other = ids[name === 'A' ? 'B' : 'A'];
      await take(name, ...openingOf(name), openClearing(ids[name], ASSETS[name], other), openSuspense(ids[name], ASSETS[name]));
    }
  });
  after(async () => {
    for (const name of ['DATABASE_URL', 'BOOK_DATABASES']) {
      delete process.env[name];
      if (given[name] !== undefined) process.env[name] = given[name];
    }
    rmSync(folder, { recursive: true });
    await Promise.all(databases.map((database) => database.close()));
  });

  it('ends what stands half-way, and takes no book that has nothing to finish', async () => {
    const busy = await open('A');
    assert.deepEqual(await run(), { code: 0, lines: ['0 transfers between books were under way and have ended.'] });
    await busy.close();
    const [S, T] = [request(idOf<'transfer'>('S'), 'A', 'B', 7n, ids), request(idOf<'transfer'>('T'), 'B', 'A', 5n, ids)];
    await take('A', ...commandsOf('holdSender', whole(S, 'B'), 60));
    await take('B', ...commandsOf('holdSender', whole(T, 'A'), 60));
    await take('A', ...commandsOf('holdReceiver', whole(T, 'A'), 60));
    assert.deepEqual(await run(), { code: 0, lines: ['2 transfers between books were under way and have ended.'] });
    const [a, b] = [await open('A'), await open('B')];
    const customers = [await a.account(idOf('A customer')), await b.account(idOf('B customer'))];
    await Promise.all([a.close(), b.close()]);
    assert.deepEqual(
      customers.map((customer) => [customer?.creditsPosted, customer?.debitsPosted]),
      [
        [1_005n, 7n],
        [1_007n, 5n],
      ],
    );
  });

  it('leaves a transfer to whoever writes one of its books, and says so', async () => {
    const U = request(idOf<'transfer'>('U'), 'A', 'B', 7n, ids);
    await take('A', ...commandsOf('holdSender', whole(U, 'B'), 60));
    const busy = await open('B');
    const { code, lines } = await run();
    await busy.close();
    assert.equal(code, 1);
    assert.match(lines[0]!, new RegExp(`^Book ${ids.B}: Another process writes`));
    assert.match(lines[2]!, new RegExp(`^ {2}left {2}${idOf('U')} in book ${ids.A}: Book ${ids.B} is not open here`));
    assert.equal((await run()).code, 0);
  });
});
