import { ManualClock, type AccountId, type AssetNo, type BookId, type TransferId } from '#base';
import { apply, DEBITS_MUST_NOT_EXCEED_CREDITS, emptyState, TRANSFER_CODES, type Command, type State } from '#ledger/core';
import { clearingAccount, type InterbookTransfer } from '#interbook/core';
import type { Desk, InterbookRequest } from '#interbook';
import { idOf } from '../../ledger/support/table.ts';

/** Two books number one asset differently. */
export const ASSETS = { A: 1 as AssetNo, B: 7 as AssetNo };
export const BOOKS = { A: idOf<'book'>('book A'), B: idOf<'book'>('book B') };
export const OTHER_ASSET = 2 as AssetNo;

export type Name = keyof typeof BOOKS;

/** In each book: a bank without a limit, a customer with 1,000 who cannot owe, and a second asset that only looks alike. */
export function openingOf(name: Name): readonly Command[] {
  const asset = ASSETS[name];
  const token = { decimals: 6, caip19: 'eip155:31337/erc20:0x00000000000000000000000000000000000000aa', peg: 'USD', symbol: 'tUSD' };
  const [bank, customer] = [idOf<'account'>(`${name} bank`), idOf<'account'>(`${name} customer`)];
  return [
    { kind: 'openAsset', asset, ...token },
    { kind: 'openAsset', asset: OTHER_ASSET, ...token, decimals: name === 'A' ? 6 : 2, caip19: null },
    { kind: 'openAccount', id: bank, asset, code: 10 },
    { kind: 'openAccount', id: customer, asset, code: 20, flags: DEBITS_MUST_NOT_EXCEED_CREDITS },
    { kind: 'openAccount', id: idOf(`${name} other`), asset: OTHER_ASSET, code: 20 },
    { kind: 'transfer', id: idOf(`${name} funds`), debit: bank, credit: customer, asset, amount: 1_000n, code: TRANSFER_CODES.other },
  ];
}

export function request(id: TransferId, from: Name, to: Name, amount: bigint, books = BOOKS): InterbookRequest {
  return {
    id,
    from: { book: books[from], account: idOf(`${from} customer`) },
    to: { book: books[to], account: idOf(`${to} customer`) },
    asset: ASSETS[from],
    amount,
  };
}

/** The same with the receiver's number of the asset: what the steps are made of. */
export function whole({ id, from, to, asset, amount }: InterbookRequest, receiver: Name): InterbookTransfer {
  return { id, from: { ...from, asset }, to: { ...to, asset: ASSETS[receiver] }, amount };
}

/** What `book` owes the other less what that one owes it: posted, and whatever still waits. */
export async function position(desk: Desk, name: Name, books = BOOKS): Promise<{ readonly posted: bigint; readonly pending: bigint }> {
  const other = books[name === 'A' ? 'B' : 'A'];
  const account = await desk.account(clearingAccount(desk.bookId, ASSETS[name], other));
  if (!account) return { posted: 0n, pending: 0n };
  return { posted: account.creditsPosted - account.debitsPosted, pending: account.creditsPending + account.debitsPending };
}

/** A book in memory, on the pure core alone. */
export class MemoryBook {
  readonly state: State = emptyState();
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly desk: Desk;

  constructor(bookId: BookId) {
    const { state } = this;
    this.desk = {
      bookId,
      submit: async (commands) => [...apply(state, commands, this.clock.nowMs()).results],
      account: async (id: AccountId) => state.accounts.get(id) ?? null,
      hold: async (id) => state.holds.get(id) ?? null,
      transfer: async (id) => state.transfers.get(id) ?? state.refusals.get(id) ?? null,
      byKey: async (key) => state.keyed.get(key) ?? null,
      interbookHolds: async ({ afterSeq, limit }) =>
        [...state.holds.values()]
          .filter(({ status, code, seq }) => status === 'open' && code === TRANSFER_CODES.interbook && seq > afterSeq)
          .sort((a, b) => (a.seq < b.seq ? -1 : 1))
          .slice(0, limit),
    };
  }

  now(commands: readonly Command[]): readonly string[] {
    return apply(this.state, commands, this.clock.nowMs()).results.map(({ code }) => code);
  }

  /** As `Book.expireDue`. */
  expireDue(): void {
    const due = [...this.state.holds.values()].filter((hold) => hold.status === 'open' && hold.expiresMs !== 0 && hold.expiresMs <= this.clock.nowMs());
    this.now(due.map(({ id }) => ({ kind: 'expire', transfer: id })));
  }
}

/** Two books in memory, as they are opened. */
export function memoryBooks(): Readonly<Record<Name, MemoryBook>> {
  const books = { A: new MemoryBook(BOOKS.A), B: new MemoryBook(BOOKS.B) };
  for (const name of ['A', 'B'] as const) books[name].now(openingOf(name));
  return books;
}
