import assert from 'node:assert/strict';
import { Problem, type TransferId } from '#base';
import { chartAccount } from '#ledger/core';
import { clearingAccount, commandsOf, holdIdOf, openClearing, openSuspense, partIdOf, type Step } from '#interbook/core';
import { coordinator, type Coordinator, type Desk, type Outcome } from '#interbook';
import { idOf } from '../ledger/support/table.ts';
import { ASSETS, BOOKS, MemoryBook, memoryBooks, openingOf, OTHER_ASSET, position, request, whole, type Name } from './support/books.ts';

const T = idOf<'transfer'>('T');

describe('a transfer between books', () => {
  let books: Readonly<Record<Name, MemoryBook>>;
  let between: Coordinator;

  beforeEach(() => {
    books = memoryBooks();
    between = coordinator({ books: new Map([books.A.desk, books.B.desk].map((desk) => [desk.bookId, desk])), holdTimeoutS: 60 });
  });

  const customer = (name: Name) => books[name].state.accounts.get(idOf(`${name} customer`))!;
  const close = (name: Name) => assert.deepEqual(books[name].now([{ kind: 'closeAccount', id: idOf(`${name} customer`) }]), ['created']);
  /** Takes steps as a coordinator would that stops behind them. */
  const take = (steps: readonly Step[], transfer = whole(request(T, 'A', 'B', 5n), 'B')) => {
    for (const step of steps) {
      const book = step.endsWith('Sender') ? books.A : books.B;
      book.now(commandsOf(step, transfer, 60));
    }
  };
  const ends = async (expected: Outcome, outcome: Promise<Outcome>) => assert.deepEqual(await outcome, expected);
  const net = async () => [await position(books.A.desk, 'A'), await position(books.B.desk, 'B')];
  const refuses = async (code: string, asked: Promise<unknown>) => {
    const before = [books.A.state.seq, books.B.state.seq];
    await assert.rejects(asked, (error) => error instanceof Problem && error.code === code);
    assert.deepEqual([books.A.state.seq, books.B.state.seq], before, 'nothing was booked');
  };

  it('takes the money from the debtor to the creditor, and both books say that one owes it to the other', async () => {
    await ends({ ending: 'posted', code: null }, between.transfer(request(T, 'A', 'B', 30n)));
    await ends({ ending: 'posted', code: null }, between.transfer(request(idOf('U'), 'B', 'A', 10n)));
    assert.deepEqual([customer('A').debitsPosted, customer('B').creditsPosted], [30n, 1_030n]);
    assert.deepEqual(await net(), [
      { posted: 20n, pending: 0n },
      { posted: -20n, pending: 0n },
    ]);
  });

  it('is the same transfer under the same id, for ever, and another one is a conflict', async () => {
    await between.transfer(request(T, 'A', 'B', 30n));
    const seqs = [books.A.state.seq, books.B.state.seq];
    await ends({ ending: 'posted', code: null }, between.transfer(request(T, 'A', 'B', 30n)));
    await ends(
      { ending: 'posted', code: null },
      coordinator({
        books: new Map([
          [BOOKS.A, books.A.desk],
          [BOOKS.B, books.B.desk],
        ]),
      }).transfer(request(T, 'A', 'B', 30n)),
    );
    assert.deepEqual([books.A.state.seq, books.B.state.seq], seqs);
    await refuses('interbook/id-taken', between.transfer(request(T, 'A', 'B', 31n)));
    await refuses('interbook/id-taken', between.transfer({ ...request(T, 'A', 'B', 30n), to: { book: BOOKS.B, account: idOf('B bank') } }));
    await refuses('interbook/id-taken', between.transfer(request(idOf('A funds'), 'A', 'B', 1_000n)));
  });

  it('is refused before anything is booked where it could never be booked whole', async () => {
    await refuses('interbook/same-book', between.transfer(request(T, 'A', 'A', 1n)));
    await refuses('interbook/bad-amount', between.transfer(request(T, 'A', 'B', 0n)));
    await refuses('interbook/bad-amount', between.transfer(request(T, 'A', 'B', 2n ** 128n)));
    await refuses('interbook/unknown-book', between.transfer({ ...request(T, 'A', 'B', 1n), to: { book: idOf('C'), account: idOf('B customer') } }));
    await refuses('interbook/no-creditor', between.transfer({ ...request(T, 'A', 'B', 1n), to: { book: BOOKS.B, account: idOf('nobody') } }));
    await refuses('interbook/asset-differs', between.transfer({ ...request(T, 'A', 'B', 1n), to: { book: BOOKS.B, account: idOf('B other') } }));
    await refuses('interbook/asset-differs', between.transfer({ ...request(T, 'A', 'B', 1n), asset: OTHER_ASSET }));
  });

  it('is refused before anything is booked where one of its ends is a clearing account or suspense', async () => {
    const third = idOf<'book'>('book C');
    for (const name of ['A', 'B'] as const) books[name].now([openClearing(BOOKS[name], ASSETS[name], third), openSuspense(BOOKS[name], ASSETS[name])]);
    for (const account of [clearingAccount(BOOKS.B, ASSETS.B, third), chartAccount(BOOKS.B, 'suspense', ASSETS.B)])
      await refuses('interbook/not-a-party', between.transfer({ ...request(T, 'A', 'B', 1n), to: { book: BOOKS.B, account } }));
    for (const account of [clearingAccount(BOOKS.A, ASSETS.A, third), chartAccount(BOOKS.A, 'suspense', ASSETS.A)])
      await refuses('interbook/not-a-party', between.transfer({ ...request(T, 'A', 'B', 1n), from: { book: BOOKS.A, account } }));
  });

  it('is given back where somebody began it by hand from, or to, such an account', async () => {
    await between.transfer(request(idOf('U'), 'A', 'B', 1n));
    const third = idOf<'book'>('book C');
    for (const name of ['A', 'B'] as const) books[name].now([openClearing(BOOKS[name], ASSETS[name], third)]);
    const whole5 = whole(request(T, 'A', 'B', 5n), 'B');
    take(['holdSender'], { ...whole5, from: { ...whole5.from, account: clearingAccount(BOOKS.A, ASSETS.A, third) } });
    take(['holdSender'], { ...whole5, id: idOf('V'), to: { ...whole5.to, account: clearingAccount(BOOKS.B, ASSETS.B, third) } });
    assert.deepEqual(await between.recover(), { ended: 2, left: [] });
    assert.deepEqual([books.A.state.holds.get(T)?.status, books.A.state.holds.get(idOf('V'))?.status], ['voided', 'voided']);
  });

  it('has a hold that ends by itself', () => {
    for (const holdTimeoutS of [0, -1, 1.5, Number.NaN, 2 ** 32]) assert.throws(() => coordinator({ books: new Map(), holdTimeoutS }), /no hold lasts/);
  });

  it('is refused by the debtor’s book in its own words, and remembered where the ledger remembers', async () => {
    await ends({ ending: 'refused', code: 'exceeds_credits' }, between.transfer(request(T, 'A', 'B', 1_001n)));
    await between.transfer(request(idOf('U'), 'B', 'A', 500n));
    await ends({ ending: 'refused', code: 'exceeds_credits' }, between.transfer(request(T, 'A', 'B', 1_001n)));
    const nobody = { ...request(idOf('V'), 'A', 'B', 1n), from: { book: BOOKS.A, account: idOf<'account'>('nobody') } };
    await ends({ ending: 'refused', code: 'debit_account_not_found' }, between.transfer(nobody));
    const nil = request('00000000-0000-0000-0000-000000000000' as TransferId, 'A', 'B', 1n);
    await ends({ ending: 'refused', code: 'id_must_not_be_zero' }, between.transfer(nil));
    assert.equal(customer('A').debitsPending, 0n);
  });

  it('is given back where the creditor’s book refuses it, and stays so', async () => {
    close('B');
    await ends({ ending: 'returned', code: 'credit_account_already_closed' }, between.transfer(request(T, 'A', 'B', 30n)));
    await ends({ ending: 'returned', code: 'credit_account_already_closed' }, between.transfer(request(T, 'A', 'B', 30n)));
    assert.deepEqual([customer('A').debitsPending, customer('A').debitsPosted], [0n, 0n]);
    assert.deepEqual(
      (await net()).map(({ pending }) => pending),
      [0n, 0n],
    );
  });

  it('is given back where the debtor’s account is closed before it is decided', async () => {
    await between.transfer(request(idOf('U'), 'A', 'B', 1n));
    take(['holdSender', 'holdReceiver']);
    close('A');
    assert.deepEqual(await between.recover(), { ended: 1, left: [] });
    await ends({ ending: 'returned', code: 'debit_account_already_closed' }, between.transfer(request(T, 'A', 'B', 5n)));
    assert.deepEqual([customer('A').debitsPending, customer('B').creditsPending], [0n, 0n]);
  });

  it('goes into suspense where the creditor’s account is closed once it is decided', async () => {
    await between.transfer(request(idOf('U'), 'A', 'B', 1n));
    take(['holdSender', 'holdReceiver', 'postSender']);
    close('B');
    assert.deepEqual(await between.recover(), { ended: 1, left: [] });
    await ends({ ending: 'suspended', code: 'credit_account_already_closed' }, between.transfer(request(T, 'A', 'B', 5n)));
    assert.equal(books.B.state.accounts.get(chartAccount(BOOKS.B, 'suspense', ASSETS.B))?.creditsPosted, 5n);
    assert.deepEqual(await net(), [
      { posted: 6n, pending: 0n },
      { posted: -6n, pending: 0n },
    ]);
  });

  it('stays held, and is named, where suspense cannot take it either', async () => {
    await between.transfer(request(idOf('U'), 'A', 'B', 1n));
    take(['holdSender', 'holdReceiver', 'postSender']);
    close('B');
    books.B.now([{ kind: 'closeAccount', id: chartAccount(BOOKS.B, 'suspense', ASSETS.B) }]);
    const { ended, left } = await between.recover();
    assert.deepEqual([ended, left.map(({ why }) => why.code)], [0, ['interbook/contradiction']]);
    assert.match(left[0]!.why.detail, /the receiver's can post it neither to the creditor nor to suspense/);
    assert.equal(customer('B').creditsPending, 5n);
  });

  it('expires in the debtor’s book alone, and only as long as it is not decided', async () => {
    await between.transfer(request(idOf('U'), 'A', 'B', 1n));
    take(['holdSender', 'holdReceiver']);
    books.A.clock.advance(60_000);
    assert.deepEqual(await between.recover(), { ended: 1, left: [] });
    await ends({ ending: 'expired', code: null }, between.transfer(request(T, 'A', 'B', 5n)));
    const later = whole(request(idOf('V'), 'A', 'B', 5n), 'B');
    take(['holdSender', 'holdReceiver', 'postSender'], later);
    for (const name of ['A', 'B'] as const) {
      books[name].clock.advance(10 ** 10);
      books[name].expireDue();
    }
    assert.deepEqual(await between.recover(), { ended: 1, left: [] });
    assert.equal(customer('B').creditsPosted, 1_006n);
    assert.equal(books.B.state.holds.get(holdIdOf(BOOKS.A, later.id, 'receiver'))?.expiresMs, 0);
  });

  it('is finished from the sender’s journal alone, by whoever finds it', async () => {
    take(['holdSender'], whole(request(T, 'A', 'B', 5n), 'B'));
    assert.equal(books.A.state.refusals.get(T)?.code, 'credit_account_not_found', 'there is no clearing account yet');
    await between.transfer(request(idOf('U'), 'A', 'B', 1n));
    for (const [i, steps] of (
      [['holdSender'], ['holdSender', 'holdReceiver'], ['holdSender', 'holdReceiver', 'postSender']] as const satisfies readonly (readonly Step[])[]
    ).entries()) {
      take(steps, whole(request(idOf(`R${i}`), 'A', 'B', 5n), 'B'));
      const { left } = await between.recover();
      assert.deepEqual(left, []);
      await ends({ ending: 'posted', code: null }, between.transfer(request(idOf(`R${i}`), 'A', 'B', 5n)));
    }
    assert.equal(customer('B').creditsPosted, 1_016n);
  });

  it('is left alone, and named, where somebody wrote one of its sides by hand', async () => {
    await between.transfer(request(idOf('U'), 'A', 'B', 1n));
    take(['holdSender', 'holdReceiver']);
    const byHand = { kind: 'transfer', id: idOf<'transfer'>('hand'), pendingId: holdIdOf(BOOKS.A, T, 'receiver'), amount: 5n, flags: 4 } as const;
    assert.deepEqual(books.B.now([byHand]), ['created']);
    const { ended, left } = await between.recover();
    assert.equal(ended, 0);
    assert.deepEqual(
      left.map(({ transfer, why }) => [transfer, why.code]),
      [[T, 'interbook/contradiction']],
    );
    assert.match(left[0]!.why.detail, /the sender's book still holds the money, the receiver's has posted it/);
    assert.equal(customer('A').debitsPending, 5n, 'nothing is done about it');
  });

  it('is not begun by whoever only finds what somebody took back by hand', async () => {
    await between.transfer(request(idOf('U'), 'A', 'B', 1n));
    take(['holdReceiver']);
    assert.deepEqual((await between.recover()).left[0]?.why.code, 'interbook/contradiction', 'the sender never held it');
    const listed = await books.B.desk.interbookHolds({ afterSeq: 0n, limit: 9 });
    take(['voidReceiver']);
    const late: Desk = { ...books.B.desk, interbookHolds: async () => listed };
    assert.deepEqual(await coordinator({ books: new Map([books.A.desk, late].map((desk) => [desk.bookId, desk])) }).recover(), { ended: 1, left: [] });
    assert.equal(books.A.state.transfers.get(T), undefined);
  });

  it('is its own where two books send under one id', async () => {
    const third = new MemoryBook(idOf('book C'));
    third.now(openingOf('A'));
    const all = coordinator({ books: new Map([books.A.desk, books.B.desk, third.desk].map((desk) => [desk.bookId, desk])) });
    await ends({ ending: 'posted', code: null }, all.transfer(request(T, 'A', 'B', 5n)));
    await ends({ ending: 'posted', code: null }, all.transfer(request(T, 'A', 'B', 7n, { A: third.desk.bookId, B: BOOKS.B })));
    await ends({ ending: 'posted', code: null }, all.transfer(request(T, 'B', 'A', 1n)));
    assert.deepEqual([customer('B').creditsPosted, customer('B').debitsPosted], [1_012n, 1n]);
  });

  it('is finished though another book is away', async () => {
    await between.transfer(request(idOf('U'), 'A', 'B', 1n));
    take(['holdSender']);
    const away: Desk = { ...new MemoryBook(idOf('away')).desk, interbookHolds: () => Promise.reject(new Problem('store/unreachable', 'It is away.')) };
    const { ended, left } = await coordinator({ books: new Map([away, books.A.desk, books.B.desk].map((desk) => [desk.bookId, desk])) }).recover();
    assert.deepEqual([ended, left.map(({ book, transfer, why }) => [book, transfer, why.code])], [1, [[idOf('away'), null, 'store/unreachable']]]);
  });

  it('keeps a book that is not open here from nothing but its own transfers', async () => {
    await between.transfer(request(idOf('U'), 'A', 'B', 1n));
    take(['holdSender']);
    const alone = coordinator({ books: new Map([[BOOKS.A, books.A.desk]]) });
    const { left } = await alone.recover();
    assert.deepEqual(
      left.map(({ why }) => why.code),
      ['interbook/unknown-book'],
    );
    assert.equal(books.A.state.transfers.has(partIdOf(BOOKS.A, T, 'sender-void')), false);
  });

  it('is finished though another one cannot be placed, or meets a bug of ours', async () => {
    await between.transfer(request(idOf('U'), 'A', 'B', 1n));
    const asked = (id: TransferId) => whole(request(id, 'A', 'B', 5n), 'B');
    for (const id of [T, idOf<'transfer'>('V')]) take(['holdSender'], asked(id));
    const bug = new TypeError('a bug of ours');
    let asks = 0;
    const failing = (why: Error): Desk => ({
      ...books.A.desk,
      account: (id) => (id === idOf('A customer') && asks++ === 0 ? Promise.reject(why) : books.A.desk.account(id)),
    });
    const recover = (desk: Desk) => coordinator({ books: new Map([desk, books.B.desk].map((one) => [one.bookId, one])) }).recover();
    const { ended, left } = await recover(failing(new Problem('store/unreachable', 'It is away.')));
    assert.deepEqual([ended, left.map(({ book, transfer, why }) => [book, transfer, why.code])], [1, [[BOOKS.A, null, 'store/unreachable']]]);

    asks = 0;
    take(['holdSender'], asked(idOf('W')));
    await assert.rejects(recover(failing(bug)), (error) => error === bug);
    const statuses = [T, idOf<'transfer'>('V'), idOf<'transfer'>('W')].map((id) => books.A.state.holds.get(id)?.status);
    assert.deepEqual(statuses, ['open', 'posted', 'posted'], 'the others are at their end when the bug is told');
  });
});
