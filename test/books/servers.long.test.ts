import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type BookId } from '#base';
import { moveBook, openBooks, parseBookDatabases, type Books } from '#books';
import { databaseName, startPostgres, type EmbeddedPostgres } from '#db';
import { newBookId } from '../ledger/support/backends.ts';
import { OPENING } from '../ledger/support/commands.ts';
import { until } from '../support/until.ts';
import { assertHoldsExactly, Callers } from './support/callers.ts';

const NAMES = ['one', 'two', 'three'] as const;
type Name = (typeof NAMES)[number];

describe('books on three servers', () => {
  const stateDirs: string[] = [];
  const servers = new Map<Name, EmbeddedPostgres>();
  /** Two books a server. */
  const bookIds = new Map(NAMES.flatMap((name) => [newBookId(), newBookId()].map((id): [BookId, Name] => [id, name])));
  let books: Books;

  const urlOf = (name: Name): string => servers.get(name)!.url;
  const configure = (): Books => {
    const file = JSON.stringify({ databases: Object.fromEntries(NAMES.map((name) => [name, urlOf(name)])), books: Object.fromEntries(bookIds) });
    return openBooks(parseBookDatabases(file, {}), urlOf('one'));
  };

  before(async function () {
    this.timeout(120_000);
    await Promise.all(
      NAMES.map(async (name) => {
        const stateDir = mkdtempSync(join(tmpdir(), `cairn-${name}-`));
        stateDirs.push(stateDir);
        // Where PostgreSQL's own user gets in, the data are in it, and go with it.
        chmodSync(stateDir, 0o711);
        servers.set(name, await startPostgres({ stateDir }));
      }),
    );
    books = configure();
    for (const bookId of bookIds.keys()) {
      const book = await books.create({ bookId, clock: systemClock });
      await book.submit(OPENING);
      await book.close();
    }
  });
  after(async () => {
    await books.close();
    for (const server of servers.values()) await server.stop();
    for (const stateDir of stateDirs) rmSync(stateDir, { recursive: true, force: true });
  });

  it('go on while one of the servers is killed, whose own come back, and while one of them moves to another server', async function () {
    this.timeout(180_000);
    const places = (first: Name) => new Map([first, ...NAMES.filter((name) => name !== first)].map((name) => [databaseName(urlOf(name)), urlOf(name)]));
    const callers = new Map([...bookIds].map(([bookId, name]) => [bookId, new Callers(bookId, places(name), 4, 10)]));
    const moreFrom = async (which: readonly Callers[], count: number, what: string): Promise<void> => {
      const goals = which.map((one) => one.acknowledged.length + count);
      await until(() => which.every((one, i) => one.acknowledged.length >= goals[i]!), what, 60_000);
    };
    const of = (wanted: (name: Name) => boolean): Callers[] => [...bookIds].flatMap(([bookId, name]) => (wanted(name) ? [callers.get(bookId)!] : []));
    await moreFrom([...callers.values()], 30, 'answers from every book');

    process.kill(servers.get('two')!.pid(), 'SIGKILL');
    await moreFrom(
      of((name) => name !== 'two'),
      30,
      'answers from the books of the other servers',
    );
    await moreFrom(
      of((name) => name === 'two'),
      30,
      'answers from the books of the server that was killed',
    );
    for (const one of of((name) => name !== 'two')) assert.deepEqual([...one.told], [], 'nobody elsewhere heard of it');

    const moving = [...bookIds].find(([, name]) => name === 'two')![0];
    await moveBook({ bookId: moving, fromUrl: urlOf('two'), toUrl: urlOf('three') });
    await moreFrom([...callers.values()], 30, 'answers from every book after the move');
    assert.ok(callers.get(moving)!.told.has('ledger/book-moved'));
    for (const one of callers.values()) await one.stop();

    // Whoever opens them now needs no new configuration, and finds each whole where it is.
    for (const [bookId, one] of callers) {
      const book = await books.open({ bookId, clock: systemClock });
      await assertHoldsExactly(book, one.acknowledged);
      await book.close();
    }
  });
});
