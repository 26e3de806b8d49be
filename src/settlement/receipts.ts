import type { PaymentId } from '#base';
import type { Prover } from '#anchor';
import type { EntryProof, Receipt } from '#anchor/core';
import type { Database } from '#db';
import type { Book } from '#ledger';
import { closingIdOf, legIdOf, type Account, type FieldName, type LedgerRecord } from '#ledger/core';
import { instructionRow, payoutOfPayment } from './store.ts';

export interface ReceiptDependencies {
  readonly database: Database;
  readonly book: Book;
  readonly prover: Prover;
}

/** What a receipt shows of its records: the order, the payee, the price and the payout. Screening and what else there is stays hidden. */
const SHOWN: readonly FieldName[] = ['order', 'payee', 'quote', 'authorisation', 'isoMessage', 'settlement', 'reason'];

/** Every record that tells the payment's story, proven. anchor/not-yet while one of them is in no block. */
export async function receiptOfPayment(deps: ReceiptDependencies, payment: PaymentId): Promise<Receipt> {
  const payout = await payoutOfPayment(deps.database.pool, payment);
  const instruction = payout && (await instructionRow(deps.database.pool, payout.instruction));
  const seqs = [...(await legSeqs(deps, payment)), ...(instruction ? await instructionSeqs(deps, instruction.window, instruction.seq) : [])];
  const paid =
    payout?.state === 'booked' && payout.txHash && instruction ? { words: instruction.words, index: payout.index, transaction: payout.txHash } : null;
  return deps.prover.receiptOf(deps.book, { payment, seqs, show: SHOWN, payout: paid });
}

/** What a line of a statement shows to whose account it is, beside that: his own notes and where his deposit came from. */
const SHOWN_TO_OWNER: readonly FieldName[] = [...SHOWN, 'deposit', 'metadata'];

/** One line of the account's statement, proven. Fields are salted by their subject's key: those of another subject than the owner stay hidden. anchor/not-yet while it is in no block. */
export async function proofOfEntry({ book, prover }: ReceiptDependencies, account: Account, entry: LedgerRecord): Promise<EntryProof> {
  const hold = entry.kind === 'expiry' ? await book.transfer(entry.transfer) : null;
  const records = [entry, ...(hold ? [hold] : [])];
  const money = records.find(({ kind }) => kind === 'transfer');
  const asset = money && (await book.byKey(`asset:${account.asset}`));
  const show = records.every(({ subject }) => subject === undefined || subject === account.owner) ? SHOWN_TO_OWNER : [];
  return prover.entryOf(book, { account: account.id, seq: entry.seq, seqs: [...records, ...(asset ? [asset] : [])].map(({ seq }) => seq), show });
}

/** Holds and what closed them, the assets they are in, and the signed order and payee behind them. */
async function legSeqs({ book }: ReceiptDependencies, payment: PaymentId): Promise<bigint[]> {
  const seqs: bigint[] = [];
  const keys = new Set<string>();
  for (let leg = 0; ; leg++) {
    const hold = await book.transfer(legIdOf(payment, leg));
    if (hold?.kind !== 'transfer') break;
    const closing = await book.transfer(closingIdOf(hold.id));
    seqs.push(hold.seq, ...(closing?.kind === 'transfer' ? [closing.seq] : []));
    keys.add(`asset:${hold.asset}`);
    if (hold.fields?.order) keys.add(`order:${(JSON.parse(hold.fields.order) as { order: string }).order}`);
    if (hold.fields?.payee) keys.add(`payee:${(JSON.parse(hold.fields.payee) as { payee: string }).payee}`);
  }
  for (const key of keys) {
    const record = await book.byKey(key);
    if (record) seqs.push(record.seq);
  }
  return seqs;
}

async function instructionSeqs({ book }: ReceiptDependencies, window: string, seq: bigint): Promise<bigint[]> {
  const record = await book.byKey(`window:${window}`);
  return record ? [record.seq, seq] : [seq];
}
