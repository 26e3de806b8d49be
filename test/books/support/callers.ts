import assert from 'node:assert/strict';
import { newId, Problem, systemClock, type AssetNo, type BookId, type TransferId } from '#base';
import { openDatabase, type Database } from '#db';
import { openBook, type Book } from '#ledger';
import { emptyState, replay } from '#ledger/core';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { idOf } from '../../ledger/support/table.ts';

/** Clients of a book that know where it is by what they are told: who is sent elsewhere asks there, with the same ids. */
export class Callers {
  readonly bookId: BookId;
  readonly acknowledged: TransferId[] = [];
  /** The codes of the problems that callers got. */
  readonly told = new Set<string>();
  readonly #places: ReadonlyMap<string, string>;
  readonly #databases = new Map<string, Database>();
  #book: Promise<Book>;
  #isOver = false;
  readonly #running: Promise<void>[];

  readonly #pauseMs: number;

  /** `places`: the URL of each database by the name that callers are told; the first is where the book is. `pauseMs`: between an answer and the next request. */
  constructor(bookId: BookId, places: ReadonlyMap<string, string>, count: number, pauseMs = 0) {
    this.bookId = bookId;
    this.#pauseMs = pauseMs;
    this.#places = places;
    this.#book = this.#open([...places.keys()][0]!);
    this.#running = Array.from({ length: count }, () => this.#call());
  }

  async #open(place: string): Promise<Book> {
    const url = this.#places.get(place);
    assert.ok(url, `nobody knows the database ${place}`);
    const database = this.#databases.get(place) ?? (await openDatabase({ url }));
    this.#databases.set(place, database);
    for (;;) {
      try {
        return await openBook({ database, bookId: this.bookId, clock: systemClock });
      } catch (error) {
        if (!(error instanceof Problem) || error.definition.retry === 'never') throw error;
        this.told.add(error.code);
        if (error.code === 'ledger/book-moved') return this.#open(String(error.facts['to']));
        await sleep(20);
      }
    }
  }

  async #call(): Promise<void> {
    while (!this.#isOver) {
      const id = newId<TransferId>(Date.now(), (length) => new Uint8Array(randomBytes(length)));
      await this.#submit(id);
      this.acknowledged.push(id);
      await sleep(this.#pauseMs);
    }
  }

  async #submit(id: TransferId): Promise<void> {
    for (;;) {
      const asked = this.#book;
      const book = await asked;
      try {
        const [result] = await book.submit([{ kind: 'transfer', id, debit: idOf('A'), credit: idOf('B'), asset: 1 as AssetNo, amount: 1n, code: 1 }]);
        assert.ok(result?.code === 'created' || result?.code === 'exists', result?.code);
        return;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        this.told.add(error.code);
        assert.notEqual(error.definition.retry, 'never', error.code);
        // Whoever of the callers hears it first opens the book elsewhere for all of them.
        if (error.code === 'ledger/book-moved' && this.#book === asked) this.#book = book.close().then(() => this.#open(String(error.facts['to'])));
        else if (this.#book === asked) await sleep(20);
      }
    }
  }

  /** Ends the callers, each with its last answer. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
    await (await this.#book).close();
    for (const database of this.#databases.values()) await database.close();
  }
}

/** The records of a book add up, and hold each of these transfers exactly once and no other. */
export async function assertHoldsExactly(book: Book, transfers: readonly TransferId[]): Promise<void> {
  const booked: TransferId[] = [];
  const state = emptyState();
  for (let fromSeq = 1n; ;) {
    const records = await book.records({ fromSeq, limit: 10_000 });
    if (records.length === 0) break;
    assert.equal(replay(state, records), null);
    booked.push(...records.flatMap((record) => (record.kind === 'transfer' ? [record.id] : [])));
    fromSeq += BigInt(records.length);
  }
  assert.deepEqual(booked.sort(), [...transfers].sort());
  for (const [id, account] of state.accounts) assert.deepEqual(await book.account(id), account);
}
