import { z } from 'zod';
import { NIL_UUID, type AccountId, type TransferId, type Uuid } from '#base';
import { RESULT_CODES } from '#ledger/core';
import { amountIn, amountOut, assetNo, assetNoOut, digits, idSchema, seqIn, seqOut, timeMs } from './common.ts';

/** Names of the flag bits of docs/formats.md, in their order: bit i is the i-th name. */
export const ACCOUNT_FLAGS = ['linked', 'debitsMustNotExceedCredits', 'creditsMustNotExceedDebits', 'closed'] as const;
export const TRANSFER_FLAGS = ['linked', 'pending', 'postPending', 'voidPending', 'balancingDebit', 'balancingCredit', 'settles', 'finalPost'] as const;

/** The most transfers one call may carry. */
export const TRANSFERS_A_CALL = 8_000;

const code = z
  .int()
  .min(1)
  .max(2 ** 16 - 1);

/** An id of something that is there; nil names nothing. */
const namedId = <Id extends Uuid<string>>(what: string) => idSchema<Id>(what).refine((id) => id !== NIL_UUID, 'must not be nil');

/**
 * An id the caller chooses. Version 8 is ours: the ids of deposits, of the legs of payments and of what closes them, of the accounts of the chart all follow from public
 * facts, so whoever could choose one would book something else under it first, and the real thing could never be booked.
 */
const chosenId = <Id extends Uuid<string>>(what: string) => namedId<Id>(what).refine((id) => id[14] !== '8', 'must not be of version 8, whose ids we derive');

export const assetOut = z
  .object({
    asset: assetNoOut,
    symbol: z.string(),
    decimals: z.int().meta({ description: 'One whole unit is 10 to this power minor units.' }),
    caip19: z.string().nullable().meta({ description: 'The token on its chain; null for an asset off the chain.' }),
    peg: z.string().meta({ description: 'ISO 4217 code of the currency it is pegged to.' }),
  })
  .meta({ id: 'Asset' });

export const accountIn = z
  .strictObject({
    id: chosenId<AccountId>('the account').optional().meta({ description: 'Follows from the Idempotency-Key where absent.' }),
    asset: assetNo,
    code: code.optional().meta({ description: 'Chart of accounts; 20 (merchant) unless told. Only the operator may choose another.' }),
    flags: z
      .array(z.enum(['debitsMustNotExceedCredits', 'creditsMustNotExceedDebits']))
      .max(1)
      .optional(),
    overdraft: amountIn.optional().meta({ description: 'By how much the limited side may exceed the other. Only the operator may set it.' }),
    owner: idSchema('the merchant who owns it').optional().meta({ description: 'A merchant always owns what he opens.' }),
  })
  .meta({ id: 'AccountRequest' });

export const balancesOut = z
  .object({
    account: z.string(),
    debitsPending: amountOut,
    debitsPosted: amountOut,
    creditsPending: amountOut,
    creditsPosted: amountOut,
    seq: seqOut.meta({ description: 'The last record that changed them.' }),
  })
  .meta({ id: 'Balances' });

export const accountOut = z
  .object({
    id: z.string(),
    asset: assetNoOut,
    code: z.int(),
    flags: z.array(z.enum(ACCOUNT_FLAGS)),
    overdraft: amountOut,
    owner: z.string(),
    balances: balancesOut,
  })
  .meta({ id: 'Account' });

export const balanceQuery = z
  .strictObject({
    seq: seqIn.optional().meta({ description: 'As of this record.' }),
    atMs: digits(0, Number.MAX_SAFE_INTEGER).optional().meta({ description: 'As of this time, inclusive.' }),
  })
  .refine(({ seq, atMs }) => seq === undefined || atMs === undefined, 'seq and atMs exclude each other');

const metadata = z
  .record(z.string().regex(/^[A-Za-z0-9_.-]{1,40}$/, 'must be 1 to 40 of A-Z a-z 0-9 _ . -'), z.string().max(500))
  .refine((entries) => Object.keys(entries).length <= 20, 'must have at most 20 entries')
  .meta({ description: 'Up to 20 short texts, kept as a field of the record and proven with it.' });

export const transferIn = z
  .strictObject({
    id: chosenId<TransferId>('the transfer').optional().meta({ description: 'Follows from the Idempotency-Key and the place in the call where absent.' }),
    pendingId: namedId<TransferId>('the hold').optional().meta({ description: 'Only with postPending or voidPending.' }),
    debit: idSchema<AccountId>('the account debited').optional(),
    credit: idSchema<AccountId>('the account credited').optional(),
    asset: assetNo.optional(),
    amount: amountIn,
    code: code.optional().meta({ description: 'Why money moves; 99 unless told. Only the operator may choose another, and not one of deposits or payments.' }),
    flags: z.array(z.enum(TRANSFER_FLAGS)).max(TRANSFER_FLAGS.length).optional(),
    timeoutS: z
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .optional(),
    effectiveMs: timeMs.optional().meta({ description: 'The date it counts for. Only for the operator.' }),
    reference: idSchema('what the transfer belongs to').optional().meta({ description: 'Only for the operator.' }),
    metadata: metadata.optional(),
    subject: idSchema('the subject of the metadata').optional().meta({ description: 'Whose key salts the metadata; a merchant is always his own subject.' }),
  })
  .meta({ id: 'TransferRequest' });

export type TransferItem = z.output<typeof transferIn>;

export const transfersIn = z
  .strictObject({ transfers: z.array(transferIn).min(1).max(TRANSFERS_A_CALL) })
  .meta({ id: 'TransfersRequest', description: 'In order; an item with the flag `linked` succeeds or fails with the next.' });

export const transferResultOut = z
  .object({
    id: z.string(),
    code: z.enum(RESULT_CODES).meta({ description: '`created`, `exists` (the same transfer was booked before), or why it was refused.' }),
    seq: seqOut.nullable(),
    nowMs: timeMs.nullable(),
    debit: balancesOut.nullable(),
    credit: balancesOut.nullable(),
  })
  .meta({ id: 'TransferResult' });

export const transferOut = z
  .object({
    kind: z.literal('transfer'),
    id: z.string(),
    seq: seqOut,
    nowMs: timeMs,
    pendingId: z.string().nullable(),
    debit: z.string(),
    credit: z.string(),
    asset: assetNoOut,
    amount: amountOut,
    code: z.int(),
    flags: z.array(z.enum(TRANSFER_FLAGS)),
    timeoutS: z.int(),
    effectiveMs: timeMs,
    reference: z.string().nullable(),
    metadata: z.record(z.string(), z.string()).nullable(),
  })
  .meta({ id: 'Transfer' });

const expiryOut = z.object({ kind: z.literal('expiry'), seq: seqOut, nowMs: timeMs, transfer: z.string() }).meta({ id: 'Expiry' });

const openingOut = z
  .object({ kind: z.literal('account'), seq: seqOut, nowMs: timeMs, flags: z.array(z.enum(ACCOUNT_FLAGS)) })
  .meta({ id: 'Opening', description: 'The account was opened, or written once more as closed.' });

/** What can touch an account. */
export const entryOut = z.union([transferOut, expiryOut, openingOut]).meta({ id: 'Entry' });

/** Any record of the journal: what every kind has, then the members of its own body (docs/formats.md). */
export const recordOut = z
  .object({ seq: seqOut, nowMs: timeMs, kind: z.string(), fields: z.record(z.string(), z.unknown()).optional() })
  .catchall(z.unknown())
  .meta({ id: 'Record' });
