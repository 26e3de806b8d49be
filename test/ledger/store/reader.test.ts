import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ManualClock, Problem, type AccountId, type AssetNo, type BookId } from '#base';
import { openBook, readBook, type Book } from '#ledger';
import {
  emptyState,
  FINAL_POST,
  PENDING,
  POST_PENDING,
  replay,
  VOID_PENDING,
  type Account,
  type LedgerRecord,
  type State,
  type TransferCommand,
} from '#ledger/core';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { newBookId } from '../support/backends.ts';
import { anyRequests, OPENING, type Ask } from '../support/commands.ts';
import { idOf } from '../support/table.ts';

const START_MS = 1_000_000;

function amounts(account: Omit<Account, 'id' | 'asset' | 'code' | 'flags' | 'overdraft' | 'owner' | 'seq'> | null | undefined): string | null {
  return account ? `${account.debitsPending}/${account.debitsPosted} ${account.creditsPending}/${account.creditsPosted}` : null;
}

describe('a reader of a book', () => {
  let db: TestDatabase;
  before(async () => (db = await testDatabase()));
  after(() => db.close());

  /** Plays the requests with the clock moving, several in a batch now and then. */
  async function played(requests: readonly Ask[], use: (book: Book, records: readonly LedgerRecord[]) => Promise<void>): Promise<void> {
    const clock = new ManualClock(START_MS);
    const book = await openBook({ database: db.database, bookId: newBookId(), clock });
    try {
      await book.submit(OPENING);
      const answers: Promise<unknown>[] = [];
      for (const [i, { commands, waitMs }] of requests.entries()) {
        clock.advance(waitMs);
        answers.push(book.submit(commands));
        if (i % 4 === 3) await Promise.all(answers);
      }
      await Promise.all(answers);
      await use(book, await book.records({ fromSeq: 1n, limit: 10_000 }));
    } finally {
      await book.close();
    }
  }

  const ACCOUNTS = ['A', 'B', 'L', 'O', 'M', 'X', 'Y', 'C'].map((name) => idOf<'account'>(name));

  it('knows every balance after every record, and at every time', async function () {
    this.timeout(120_000);
    await fc.assert(
      fc.asyncProperty(anyRequests(20, 25), (requests) =>
        played(requests, async (book, records) => {
          const state: State = emptyState();
          for (const [i, record] of records.entries()) {
            assert.equal(replay(state, [record]), null);
            for (const id of ACCOUNTS) assert.equal(amounts(await book.balanceAt(id, { seq: record.seq })), amounts(state.accounts.get(id)));
            // The last record of its millisecond speaks for that time.
            if (records[i + 1]?.nowMs === record.nowMs) continue;
            for (const id of ACCOUNTS.slice(0, 3)) assert.equal(amounts(await book.balanceAt(id, { ms: record.nowMs })), amounts(state.accounts.get(id)));
          }
        }),
      ),
      { numRuns: 5 },
    );
  });

  it('knows balances in the middle of a batch, where holds are posted, voided and expired', async () => {
    const clock = new ManualClock(START_MS);
    const book = await openBook({ database: db.database, bookId: newBookId(), clock });
    try {
      await book.submit(OPENING);
      const hold: Omit<TransferCommand, 'id' | 'amount'> = {
        kind: 'transfer',
        debit: ACCOUNTS[0]!,
        credit: ACCOUNTS[1]!,
        asset: 1 as AssetNo,
        code: 1,
        flags: PENDING,
      };
      await book.submit([1, 2, 3].map((n) => ({ ...hold, id: idOf<'transfer'>(`H${n}`), amount: 10n, timeoutS: 5 })));
      await book.submit([
        { kind: 'transfer', id: idOf('P1'), pendingId: idOf('H1'), amount: 3n, flags: POST_PENDING },
        { kind: 'transfer', id: idOf('P2'), pendingId: idOf('H1'), amount: 4n, flags: POST_PENDING | FINAL_POST },
        { kind: 'transfer', id: idOf('V1'), pendingId: idOf('H2'), amount: 0n, flags: VOID_PENDING },
        { kind: 'transfer', id: idOf('P3'), pendingId: idOf('H3'), amount: 1n, flags: POST_PENDING },
        { ...hold, id: idOf<'transfer'>('H4'), amount: 100n },
      ]);
      clock.advance(5_000);
      await book.submit([
        { kind: 'expire', transfer: idOf('H3') },
        { ...hold, id: idOf<'transfer'>('H5'), amount: 1n },
      ]);
      const seen: (string | null)[] = [];
      const first = OPENING.length + 1;
      for (let seq = first; seq < first + 10; seq++) seen.push(amounts(await book.balanceAt(idOf('A'), { seq: BigInt(seq) })));
      assert.deepEqual(
        seen.map((balance) => balance?.split(' ')[0]),
        ['10/0', '20/0', '30/0', '27/3', '20/7', '10/7', '9/8', '109/8', '100/8', '101/8'],
      );
    } finally {
      await book.close();
    }
  });

  it('lists the records that touched an account, page by page, latest first', async () => {
    await fc.assert(
      fc.asyncProperty(anyRequests(40, 20), (requests) =>
        played(requests, async (book, records) => {
          for (const id of ACCOUNTS) {
            const expected = records.filter((record) => touches(records, record, id)).reverse();
            const listed: LedgerRecord[] = [];
            for (let beforeSeq = BigInt(records.length + 1); ; beforeSeq = listed[listed.length - 1]!.seq) {
              const page = await book.entries(id, { beforeSeq, limit: 3 });
              listed.push(...page);
              if (page.length < 3) break;
            }
            assert.deepEqual(listed, expected);
          }
        }),
      ),
      { numRuns: 5 },
    );
  });

  it('pages through the journal', async () => {
    await played([], async (book, records) => {
      assert.equal(records.length, OPENING.length);
      assert.deepEqual(await book.records({ fromSeq: 3n, limit: 2 }), records.slice(2, 4));
      assert.deepEqual(await book.records({ fromSeq: BigInt(records.length + 1), limit: 2 }), []);
    });
  });

  it('knows no balance before an account was opened, nor before the book began', async () => {
    await played([], async (book) => {
      assert.equal(await book.balanceAt(idOf('A'), { seq: 2n }), null);
      assert.equal(amounts(await book.balanceAt(idOf('A'), { seq: 3n })), '0/0 0/0');
      assert.equal(await book.balanceAt(idOf('A'), { ms: START_MS - 1 }), null);
      assert.equal(await book.balanceAt(idOf('nobody'), { seq: 9n }), null);
    });
  });

  it('reads what another process writes, and refuses a book that nobody opened', async () => {
    await played([], async (book, records) => {
      const reader = await readBook(db.database, book.bookId);
      assert.deepEqual(await reader.records({ fromSeq: 1n, limit: 100 }), records);
      assert.deepEqual(await reader.byKey('asset:1'), records[0]);
      assert.equal(await reader.byKey('asset:9'), null);
    });
    await assert.rejects(readBook(db.database, newBookId() satisfies BookId), (error) => error instanceof Problem && error.code === 'ledger/no-such-book');
  });

  function touches(records: readonly LedgerRecord[], record: LedgerRecord, id: AccountId): boolean {
    if (record.kind === 'account') return record.id === id;
    if (record.kind === 'transfer') return record.debit === id || record.credit === id;
    const held = record.kind === 'expiry' ? records.find((other) => other.kind === 'transfer' && other.id === record.transfer) : undefined;
    return held?.kind === 'transfer' && (held.debit === id || held.credit === id);
  }
});
