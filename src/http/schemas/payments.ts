import { z } from 'zod';
import type { AccountId, Hex, MerchantId, OrderId, PayeeId } from '#base';
import { amountIn, amountOut, assetNoOut, hexOf, idSchema, timeMs } from './common.ts';

const hexIn = (bytes: number) => hexOf(bytes).refine((text): text is Hex => text.startsWith('0x'));

/** The merchant whom a list is about. */
export const merchantQuery = idSchema<MerchantId>('the merchant')
  .optional()
  .meta({ description: 'The merchant concerned. The operator has to name one; for a merchant it is always himself.' });

const MAX_U64 = (1n << 64n) - 1n;
const u64 = (what: string) =>
  z
    .string()
    .regex(/^(0|[1-9][0-9]{0,19})$/, 'must be an integer as a string')
    .refine((text) => !/^\d{1,20}$/.test(text) || BigInt(text) <= MAX_U64, 'must be at most 2^64 - 1')
    .meta({ description: what })
    .transform((text) => BigInt(text));

const signed = {
  nonce: u64('Used once a merchant; at most 2^64 - 1, as a decimal string.'),
  expiryS: u64('Seconds since 1970, as a decimal string.'),
  signature: hexIn(65).meta({ description: 'EIP-712 signature r, s, v of the merchant’s key.' }),
};

/** What the merchant signed over an order file, without what the server takes from the file and the key. */
export const orderAuthorisation = z
  .strictObject({
    order: idSchema<OrderId>('the order, chosen by the merchant'),
    account: idSchema<AccountId>('the merchant’s account that pays'),
    count: z.int().min(1).max(1_000_000),
    controlSum: z.string().regex(/^(0|[1-9][0-9]{0,20})(\.[0-9]{0,16}[1-9])?$/, 'must be a plain decimal without trailing zeros'),
    ...signed,
  })
  .meta({ id: 'OrderAuthorisation', description: 'Order(...) of docs/formats.md, signed by the merchant.' });

/** The authorisation as it travels beside the raw file: base64url of its JSON, in one header. */
export const authorisationHeader = z
  .string()
  .max(4096)
  .regex(/^[A-Za-z0-9_-]+$/, 'must be base64url without padding')
  .transform((text, context) => {
    try {
      return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'must be base64url of JSON' });
      return z.NEVER;
    }
  })
  .pipe(orderAuthorisation);

export const payeeIn = z
  .strictObject({
    payee: idSchema<PayeeId>('the payee, chosen by the merchant'),
    name: z.string().min(1).max(140),
    account: z.string().min(1).max(34).meta({ description: 'IBAN or other account number, as order files name the payee.' }),
    settlementAddress: hexIn(20),
    token: hexIn(20),
    ...signed,
  })
  .meta({ id: 'PayeeAuthorisation', description: 'Payee(...) of docs/formats.md, signed by the merchant.' });

export const payeeOut = z
  .object({
    payee: z.string(),
    merchant: z.string(),
    name: z.string(),
    account: z.string(),
    settlementAddress: hexOf(20),
    asset: assetNoOut,
    sandbox: z.boolean().meta({ description: 'Invented for a rehearsal by --sandbox-payees.' }),
  })
  .meta({ id: 'Payee' });

export const priceOut = z
  .object({
    payerAsset: assetNoOut,
    payeeAsset: assetNoOut,
    principal: amountOut.meta({ description: 'What the payee gets, in minor units of payeeAsset.' }),
    cost: amountOut.meta({ description: 'The principal at the middle rate; this and all that follow in minor units of payerAsset.' }),
    spread: amountOut,
    fee: amountOut,
    rounding: amountOut,
    total: amountOut.meta({ description: 'What the merchant pays: cost + spread + fee + rounding.' }),
    expiresMs: timeMs,
  })
  .meta({ id: 'Price' });

export const paymentOut = z
  .object({
    id: z.string(),
    order: z.string(),
    position: z.int(),
    merchant: z.string(),
    payee: z.string().nullable(),
    state: z.string().meta({ description: 'received, screened, quoted, held, instructed, settled, returned, refused or expired.' }),
    endToEndId: z.string(),
    creditorName: z.string(),
    creditorAccount: z.string(),
    currency: z.string(),
    instructed: z.string().meta({ description: 'As the file says: a plain decimal of `currency`.' }),
    price: priceOut.nullable(),
    reasonCode: z.string().nullable(),
    reason: z.string().nullable(),
    transaction: z.string().nullable(),
    createdMs: timeMs,
    updatedMs: timeMs,
  })
  .meta({ id: 'Payment' });

export const orderFileOut = z
  .object({
    order: z.string(),
    merchant: z.string(),
    fileHash: hexOf(32),
    messageId: z.string(),
    receivedMs: timeMs,
    payments: z.array(paymentOut),
  })
  .meta({ id: 'PaymentFile' });

/** A quote is asked in the query: it changes nothing. */
export const quoteQuery = z.strictObject({
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code'),
  amount: amountIn.meta({ description: 'Minor units of `currency` (ISO 4217), as in a payment file.' }),
  payerAsset: z
    .string()
    .regex(/^[1-9][0-9]{0,9}$/, 'must be the number of an asset')
    .transform(Number),
  payeeAsset: z
    .string()
    .regex(/^[1-9][0-9]{0,9}$/, 'must be the number of an asset')
    .transform(Number),
  merchant: merchantQuery,
});
