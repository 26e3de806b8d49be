import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { newId, systemClock, type AssetNo, type TransferId } from '#base';
import { openHeads, type Consumer, type Heads, type HeadsEvent } from '#cdc';
import type { OpenReplication } from '#db';
import type { Book } from '#ledger';
import type { Command } from '#ledger/core';
import { idOf } from '../../ledger/support/table.ts';

export const random = (length: number) => new Uint8Array(randomBytes(length));

/** What consumers write down of what they are given, with nothing that would keep a record from being there twice. */
export async function createDiary(owner: pg.Pool): Promise<void> {
  await owner.query(
    'create table public.diary (no bigserial, consumer text, book uuid, seq int8); grant all on public.diary to cairn_app; grant usage on sequence diary_no_seq to cairn_app',
  );
}

/** A consumer whose work is on the connection that it is handed. */
export function diarist(name: string, book: string): Consumer {
  return {
    name,
    handle: (client, records) =>
      client.query('insert into public.diary (consumer, book, seq) select $1, $2, unnest($3::int8[])', [name, book, records.map(({ seq }) => seq)]),
  };
}

/** Waits until the consumer has come to the end of the book, and compares: every record, once, in order. */
export async function assertComplete(owner: pg.Pool, name: string, book: Pick<Book, 'bookId' | 'head'>, patienceMs = 30_000): Promise<void> {
  const deadline = performance.now() + patienceMs;
  const { seq: end } = await book.head();
  for (;;) {
    const { rows } = await owner.query<{ seq: string }>('select seq from public.diary where consumer = $1 and book = $2 order by no', [name, book.bookId]);
    if (BigInt(rows.at(-1)?.seq ?? 0) >= end || performance.now() > deadline) {
      assert.deepEqual(
        rows.map(({ seq }) => BigInt(seq)),
        Array.from({ length: Number(end) }, (_, i) => BigInt(i + 1)),
      );
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Transfers that nobody booked before. */
export function fresh(count: number): Command[] {
  return Array.from({ length: count }, () => ({
    kind: 'transfer',
    id: newId<TransferId>(Date.now(), random),
    debit: idOf('A'),
    credit: idOf('B'),
    asset: 1 as AssetNo,
    amount: 1n,
    code: 1,
  }));
}

export interface Told {
  readonly heads: Heads;
  readonly events: HeadsEvent[];
}

export function headsOf(url: string, open?: OpenReplication): Told {
  const events: HeadsEvent[] = [];
  return { events, heads: openHeads({ url, clock: systemClock, random, onEvent: (event) => events.push(event), ...(open && { open }) }) };
}
