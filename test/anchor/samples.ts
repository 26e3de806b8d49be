import { canonicalJson } from '#anchor/core';
import { NIL_UUID, type AssetNo, type BookId, type PaymentId, type TransferId, type Uuid, type WindowId } from '#base';
import { listHash, paymentWord } from '#custody/intents';
import {
  FINAL_POST,
  PENDING,
  POST_PENDING,
  SETTLES,
  TRANSFER_CODES,
  VOID_PENDING,
  type Evidence,
  type LedgerRecord,
  type RecordBody,
  type TransferBody,
} from '#ledger/core';
import { VAULT } from './support.ts';

export const NOW_MS = 1_760_000_000_000;

export function sampleId<Id extends Uuid<string>>(n: number): Id {
  return `018f0000-0000-7000-8000-${n.toString(16).padStart(12, '0')}` as Id;
}

export const BOOK_A = sampleId<BookId>(0xa);
export const BOOK_B = sampleId<BookId>(0xb);

/** A journal: seq from 1, one second apart. */
function journal(bodies: readonly (RecordBody & Evidence)[]): LedgerRecord[] {
  return bodies.map((body, i) => ({ ...body, seq: BigInt(i + 1), nowMs: NOW_MS + i * 1_000 }));
}

/** So many records of no interest. */
export function filler(count: number): LedgerRecord[] {
  return journal(Array.from({ length: count }, (_, i) => ({ kind: 'expiry', transfer: sampleId(0x1000 + i) })));
}

export const TOKEN = `0x${'70'.repeat(20)}` as const;
export const PAYEE_ADDRESS = `0x${'fa'.repeat(20)}` as const;
export const PAYMENT = sampleId<PaymentId>(0x77);
const WINDOW = sampleId<WindowId>(0x99);
const ASSET = 1 as AssetNo;
const SUBJECT = sampleId(0x55);

/** Seqs of what tells the story of PAYMENT: asset, two holds, window, instruction, and from 7 on how it ended. */
export const STORY = [1n, 2n, 3n, 5n, 6n];
export const WORDS = [paymentWord(`0x${'01'.repeat(20)}`, 7n), paymentWord(PAYEE_ADDRESS, 125_000n)];

function leg(n: number, code: number, amount: bigint): TransferBody {
  return {
    kind: 'transfer',
    id: sampleId(0x300 + n),
    pendingId: NIL_UUID as TransferId,
    debit: sampleId(0x20),
    credit: sampleId(0x21 + n),
    asset: ASSET,
    amount,
    code,
    flags: PENDING | SETTLES,
    timeoutS: 86_400,
    effectiveMs: 0,
    reference: PAYMENT,
  };
}

const PAYOUT_LEG = leg(0, TRANSFER_CODES.payout, 125_000n);
const FEE_LEG = leg(1, TRANSFER_CODES.fee, 250n);

function closing(hold: TransferBody, flags: number): TransferBody {
  return { ...hold, id: sampleId(Number(BigInt(`0x${hold.id.slice(-4)}`)) + 0x100), pendingId: hold.id, flags, timeoutS: 0 };
}

/** A payment's journal until the vault may pay, and then how it ended. */
export function paymentJournal(end: 'settled' | 'returned'): LedgerRecord[] {
  const flags = end === 'settled' ? POST_PENDING | FINAL_POST : VOID_PENDING;
  return journal([
    { kind: 'asset', asset: ASSET, decimals: 6, caip19: `eip155:31337/erc20:${TOKEN}`, peg: 'USD', symbol: 'tUSD' },
    {
      ...PAYOUT_LEG,
      subject: SUBJECT,
      fields: {
        order: canonicalJson({ endToEndId: 'INV-1' }),
        payee: canonicalJson({ address: PAYEE_ADDRESS, name: 'Grüße & Söhne' }),
        screening: canonicalJson({ score: 3 }),
      },
    },
    FEE_LEG,
    { kind: 'expiry', transfer: sampleId(0x400) },
    { kind: 'window', window: WINDOW, fromSeq: 1n, toSeq: 4n },
    {
      kind: 'instruction',
      vault: VAULT,
      token: TOKEN,
      window: WINDOW,
      index: 0,
      listHash: listHash(WORDS),
      count: WORDS.length,
      total: 125_007n,
      notAfterS: 1_760_086_400,
    },
    closing(PAYOUT_LEG, flags),
    closing(FEE_LEG, flags),
  ]);
}
