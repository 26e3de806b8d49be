import { z } from 'zod';
import type { MerchantId } from '#base';
import { parseAuthorisation, STRUCTS, type MessageKind } from '#identity/core';
import { amountIn, amountOut, assetNoOut, hexOf, idSchema, timeMs } from './common.ts';

/** The merchant whom a list is about. */
export const merchantQuery = idSchema<MerchantId>('the merchant')
  .optional()
  .meta({ description: 'The merchant concerned. The operator has to name one; for a merchant it is always himself.' });

/** A signed message as JSON, the same shape everywhere: its members are those of the struct that was signed (docs/formats.md), all of them strings. */
function authorisationIn<Kind extends MessageKind>(kind: Kind) {
  const members = STRUCTS[kind].members.map(([type, name]) => [name, z.string().max(200).meta({ description: type })] as const);
  return z
    .strictObject({
      kind: z.literal(kind),
      message: z.strictObject(Object.fromEntries(members)),
      evidence: z.strictObject({ scheme: z.literal('eip712'), signature: hexOf(65) }),
    })
    .meta({ id: `${kind}Authorisation`, description: `${kind}(...) of docs/formats.md, signed by the merchant: integers as decimal strings, ids as UUIDs.` })
    .transform((json) => parseAuthorisation(kind, json));
}

export const payeeIn = authorisationIn('Payee');

/** How an order's authorisation travels beside the raw file: base64url of its JSON, in one header. */
export const authorisationHeader = z
  .string()
  .max(8192)
  .regex(/^[A-Za-z0-9_-]+$/, 'must be base64url without padding')
  .meta({ description: 'base64url, without padding, of the JSON {kind: "Order", message, evidence: {scheme: "eip712", signature}}.' })
  .transform((text, context) => {
    try {
      return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'must be base64url of JSON' });
      return z.NEVER;
    }
  })
  .pipe(authorisationIn('Order'));

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
