import assert from 'node:assert/strict';
import { ManualClock, type AssetNo, type BookId, type TransferId, type Uuid } from '#base';
import { openBook, type Book } from '#ledger';
import { POST_PENDING, TRANSFER_CODES, type Command } from '#ledger/core';
import { clearingAccount, commandsOf, holdIdOf, type Step } from '#interbook/core';
import { coordinator, reconcileBooks, type ClearingReport, type Coordinator } from '#interbook';
import { newBookId } from '../ledger/support/backends.ts';
import { idOf } from '../ledger/support/table.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { ASSETS, openingOf, request, whole, type Name } from './support/books.ts';

describe('the reconciliation of two books', () => {
  const databases: TestDatabase[] = [];
  let ids: Readonly<Record<Name, BookId>>;
  let books: Readonly<Record<Name, Book>>;
  let between: Coordinator;

  before(async () => void databases.push(await testDatabase(), await testDatabase()));
  after(() => Promise.all(databases.map((database) => database.close())));

  beforeEach(async () => {
    ids = { A: newBookId(), B: newBookId() };
    const open = (name: Name, i: number) => openBook({ database: databases[i]!.database, bookId: ids[name], clock: new ManualClock(1_700_000_000_000) });
    books = { A: await open('A', 0), B: await open('B', 1) };
    for (const name of ['A', 'B'] as const) await books[name].submit(openingOf(name));
    between = coordinator({ books: new Map([books.A, books.B].map((book) => [book.bookId, book])) });
    for (let i = 0; i < 5; i++) {
      await between.transfer(request(idOf(`out ${i}`), 'A', 'B', 10n, ids));
      await between.transfer(request(idOf(`in ${i}`), 'B', 'A', 3n, ids));
    }
  });
  afterEach(() => Promise.all([books.A.close(), books.B.close()]));

  const report = async (): Promise<ClearingReport> => {
    const [found, ...others] = await reconcileBooks(books.A, books.B);
    assert.ok(found && others.length === 0);
    return found;
  };
  const book = async (name: Name, ...commands: readonly Command[]) => {
    for (const { code } of await books[name].submit(commands)) assert.equal(code, 'created');
  };
  const take = async (id: TransferId, steps: readonly Step[]) => {
    for (const step of steps) await book(step.endsWith('Sender') ? 'A' : 'B', ...commandsOf(step, whole(request(id, 'A', 'B', 7n, ids), 'B'), 60));
  };
  /** Exactly these are named, and they account for the whole difference, whichever book is asked first. */
  const names = async (kind: 'moving' | 'wrong', expected: readonly (readonly [id: TransferId, sent: bigint, received: bigint, what: RegExp])[]) => {
    const found = await report();
    const [turned] = await reconcileBooks(books.B, books.A);
    assert.deepEqual([turned!.owed, turned!.claimed], [-found.claimed, -found.owed]);
    assert.deepEqual(
      found[kind].map(({ transfer, sent, received }) => [transfer, sent, received]),
      expected.map(([transfer, sent, received]) => [transfer, sent, received]),
    );
    for (const [i, [, , , what]] of expected.entries()) assert.match(found[kind][i]!.what, what);
    assert.deepEqual(found[kind === 'moving' ? 'wrong' : 'moving'], []);
    assert.equal(
      found.owed - found.claimed,
      expected.reduce((sum, [, sent, received]) => sum + sent - received, 0n),
    );
    assert.deepEqual([found.unexplained, turned!.unexplained], [0n, 0n]);
  };

  it('finds that what one owes is what the other claims, to the last unit', async () => {
    const found = await report();
    assert.deepEqual([found.owed, found.claimed, found.unexplained], [35n, 35n, 0n]);
    assert.equal(found.symbol, 'tUSD');
    await names('wrong', []);
    assert.deepEqual(await reconcileBooks(books.A, { ...books.B, bookId: idOf('C') }), [], 'nothing between books that never met');
  });

  it('tells what is under way from what is wrong', async () => {
    const [S, T, U] = [idOf<'transfer'>('S'), idOf<'transfer'>('T'), idOf<'transfer'>('U')];
    await take(S, ['holdSender']);
    await names('moving', [[S, 0n, 0n, /next is holdReceiver/]]);
    await take(T, ['holdSender', 'holdReceiver']);
    await take(U, ['holdSender', 'holdReceiver', 'postSender']);
    await names('moving', [
      [S, 0n, 0n, /next is holdReceiver/],
      [T, 0n, 0n, /next is postSender/],
      [U, 7n, 0n, /next is postReceiver/],
    ]);
    await between.recover();
    await names('moving', []);
    assert.equal((await report()).owed, 56n);
  });

  it('calls nothing wrong that ended between its looks at the two books', async () => {
    const head: Book['head'] = async () => {
      const seen = await books.A.head();
      await between.transfer(request(idOf('U'), 'A', 'B', 7n, ids));
      await between.transfer(request(idOf('V'), 'B', 'A', 2n, ids));
      return seen;
    };
    const [found] = await reconcileBooks({ ...books.A, head }, books.B);
    assert.deepEqual([found!.owed, found!.claimed, found!.unexplained, found!.wrong], [35n, 40n, 0n, []]);
    assert.deepEqual(found!.moving, [
      { transfer: idOf('U'), sent: 0n, received: 7n, what: 'posted meanwhile' },
      { transfer: idOf('V'), sent: 2n, received: 0n, what: 'posted meanwhile' },
    ]);
    await names('moving', []);
  });

  it('takes an asset that one book has under two numbers for one', async () => {
    const [asset] = openingOf('B');
    const twin = { kind: 'openAccount', id: idOf<'account'>('B twin'), asset: 9 as AssetNo, code: 20 } as const;
    await book('B', { ...asset, kind: 'openAsset', asset: 9 as AssetNo } as Command, twin);
    const to = { book: ids.B, account: twin.id };
    assert.equal((await between.transfer({ ...request(idOf('T'), 'A', 'B', 4n, ids), to })).ending, 'posted');
    const back = { ...request(idOf('U'), 'B', 'A', 1n, ids), asset: 9 as AssetNo, from: to };
    assert.equal((await between.transfer(back)).ending, 'posted');
    assert.deepEqual([(await report()).owed, (await report()).claimed], [38n, 38n]);
    await names('moving', []);
  });

  it('names a hold of the sender’s that was posted by hand', async () => {
    const T = idOf<'transfer'>('T');
    await take(T, ['holdSender']);
    await book('A', { kind: 'transfer', id: idOf('hand'), pendingId: T, amount: 7n, flags: POST_PENDING });
    await names('wrong', [[T, 7n, 0n, /the sender's book has posted it, the receiver's knows nothing of it/]]);
  });

  it('names a hold of the receiver’s that was posted by hand', async () => {
    const T = idOf<'transfer'>('T');
    await take(T, ['holdSender', 'holdReceiver']);
    await book('B', { kind: 'transfer', id: idOf('hand'), pendingId: holdIdOf(ids.A, T, 'receiver'), amount: 7n, flags: POST_PENDING });
    await names('wrong', [[T, 0n, 7n, /the sender's book still holds the money, the receiver's has posted it/]]);
  });

  it('names a posting that belongs to no transfer by its own id', async () => {
    const hand = idOf<'transfer'>('hand');
    const accounts = { debit: clearingAccount(ids.B, ASSETS.B, ids.A), credit: idOf<'account'>('B customer') };
    await book('B', { kind: 'transfer', id: hand, ...accounts, asset: ASSETS.B, amount: 9n, code: TRANSFER_CODES.other });
    await names('wrong', [[hand, 0n, 9n, /not its own/]]);
  });

  it('names a transfer in whose name money came in twice', async () => {
    const T = idOf<'transfer'>('out 2');
    const accounts = { debit: clearingAccount(ids.B, ASSETS.B, ids.A), credit: idOf<'account'>('B customer') };
    const again = { asset: ASSETS.B, amount: 10n, code: TRANSFER_CODES.interbook, reference: T as string as Uuid<string> };
    await book('B', { kind: 'transfer', id: idOf('hand'), ...accounts, ...again });
    await names('wrong', [[T, 0n, 10n, /not its own/]]);
  });

  it('finds two errors that hide each other', async () => {
    const [S, T] = [idOf<'transfer'>('S'), idOf<'transfer'>('T')];
    await take(S, ['holdSender']);
    await book('A', { kind: 'transfer', id: idOf('hand S'), pendingId: S, amount: 7n, flags: POST_PENDING });
    await take(T, ['holdSender', 'holdReceiver']);
    await book('B', { kind: 'transfer', id: idOf('hand T'), pendingId: holdIdOf(ids.A, T, 'receiver'), amount: 7n, flags: POST_PENDING });
    const found = await report();
    assert.equal(found.owed, found.claimed);
    assert.deepEqual(
      found.wrong.map(({ transfer }) => transfer),
      [T, S],
    );
  });
});
