import type { BookId, TransferId } from '#base';
import { query, type Queryable } from '#db';
import type { LedgerRecord, Seq, WholeState } from '#ledger/core';
import type { Stored } from './statements.ts';

interface FiledRow {
  readonly seq: bigint;
  readonly kind: number;
  readonly id: TransferId | null;
  readonly key: string | null;
}

/** That each of these records, which the state was just brought past, is filed under its own id and key, and that no record before them was. */
export async function checkFiling(client: Queryable, stored: Stored, records: readonly LedgerRecord[], state: WholeState): Promise<string | null> {
  const [first, last] = [records[0]!.seq, records.at(-1)!.seq];
  const keys = new Map([...state.keyed].flatMap(([key, { seq }]) => (seq >= first ? [[seq, key] as const] : [])));
  const refused = new Map(records.flatMap((record) => (record.kind === 'refusal' ? [[record.seq, record.transfer] as const] : [])));
  for (const row of await query<FiledRow>(client, stored.filed, [first, last])) {
    if (row.key !== (keys.get(row.seq) ?? null))
      return `Record ${row.seq} is filed under the key ${row.key ?? 'of nobody'} instead of ${keys.get(row.seq) ?? 'none'}`;
    if (row.kind !== 3 && row.id !== (refused.get(row.seq) ?? null))
      return `Record ${row.seq} is filed under the id ${row.id ?? 'of nobody'} instead of ${refused.get(row.seq) ?? 'none'}`;
  }
  const ids = records.flatMap((record) => (record.kind === 'transfer' ? [record.id] : record.kind === 'refusal' ? [record.transfer] : []));
  const [twice] = await query<{ seq: bigint; name: string }>(client, stored.bookedBefore, [ids, [...keys.values()], first]);
  return twice ? `${twice.name} was booked by record ${twice.seq}, and again by one of records ${first} to ${last}` : null;
}

interface Differing {
  readonly id: string;
  /** Stored, and in no record. */
  readonly unknown: boolean;
  /** In the records, and not stored. */
  readonly missing: boolean;
  readonly name: string | null;
  readonly replayed: string | null;
  readonly stored: string | null;
}

function sentence(what: string, { id, unknown, missing, name, replayed, stored }: Differing): string {
  if (unknown) return `${what} ${id} is stored and in no record`;
  if (missing) return `${what} ${id} is in the records and not stored`;
  return `The ${(name ?? 'state').replaceAll('_', ' ')} of ${what.toLowerCase()} ${id} is stored as ${stored ?? 'nothing'}; the records give ${replayed ?? 'nothing'}`;
}

/** What the records add up to, against what is stored of it, in the snapshot that the client is in. The first difference, as a sentence. */
export async function compareState(client: Queryable, stored: Stored, state: WholeState): Promise<string | null> {
  const [head] = await query<{ seq: bigint; now_ms: bigint; last: bigint }>(client, stored.head);
  if (!head || head.seq !== state.seq || head.last !== head.seq)
    return `The head stands at record ${head?.seq ?? 'none'}; the journal ends at ${head?.last ?? state.seq}`;
  if (Number(head.now_ms) !== state.nowMs) return `The head says the time ${head.now_ms}, the last record ${state.nowMs}`;
  const [account] = await query<Differing>(client, stored.wrongAccount);
  if (account) return sentence('Account', account);
  const [hold] = await query<Differing>(client, stored.wrongHold);
  if (hold) return sentence('Hold', hold);
  const [history] = await query<{ id: string; stored: bigint; replayed: bigint }>(client, stored.wrongHistory);
  if (history) return `The history of account ${history.id} has ${history.stored} rows; the records account for ${history.replayed}`;
  const [evidence] = await query<{ seq: bigint }>(client, stored.strayEvidence);
  return evidence ? `There is evidence for record ${evidence.seq}, which is not in the journal` : null;
}

/** The views of other parts that follow from the journal, against it: how far they read, payments, instructions. The first difference, as a sentence. */
export async function compareViews(client: Queryable, stored: Stored, book: BookId, head: Seq): Promise<string | null> {
  const [cursor] = await query<{ reader: string; seq: bigint }>(client, stored.strayCursor, [book, head]);
  if (cursor) return `The reader "${cursor.reader}" is said to have read to record ${cursor.seq}, of ${head}`;
  const [payment] = await query<{ payment: string; stored: string; replayed: string; hold_seq: bigint | null; seq: bigint }>(client, stored.wrongPayment, [
    book,
  ]);
  if (payment && payment.stored !== payment.replayed)
    return `Payment ${payment.payment} is stored as ${payment.stored}; the records of its hold give ${payment.replayed}`;
  if (payment) return `Payment ${payment.payment} names record ${payment.hold_seq ?? 'none'} for its hold, which is record ${payment.seq}`;
  const [stray] = await query<{ payment: string; state: string }>(client, stored.strayPayment, [book]);
  if (stray) return `Payment ${stray.payment} is stored as ${stray.state} and its hold is in no record`;
  const [instruction] = await query<{ window_id: string; index: number; seq: bigint }>(client, stored.wrongInstruction, [book]);
  return instruction
    ? `Instruction ${instruction.index} of window ${instruction.window_id} is not stored as record ${instruction.seq} and its window give it`
    : null;
}
