import { z } from 'zod';
import { Problem, type AssetNo, type PayeeId } from '#base';
import { maySee, merchantConcerned, merchantOf } from '../access/scopes.ts';
import { decodeCursor, presentPage, UUID_POSITION } from '../frame/cursor.ts';
import { defineRoute, type Route } from '../frame/route.ts';
import { idSchema, PAGE_DEFAULT, pageOf, pageQuery } from '../schemas/common.ts';
import { merchantQuery, payeeIn, payeeOut, priceOut, quoteQuery } from '../schemas/payments.ts';
import type { PayeeView } from '../services.ts';
import { presentPrice } from './present.ts';

const PAYEES = { name: 'payees', position: UUID_POSITION };

function present(payee: PayeeView): z.input<typeof payeeOut> {
  return { ...payee };
}

/** What a payment takes before it can be sent: a payee and a price. */
export const PAYEE_ROUTES: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/v1/quotes',
    operationId: 'quote',
    tag: 'payments',
    summary: 'What a payment would cost now',
    description: 'Changes nothing and locks nothing: the rate of a payment is locked when its file is processed.',
    access: { scope: 'payments:read', who: 'anyone' },
    once: false,
    query: quoteQuery,
    replies: { 200: { description: 'The price, to the minor unit.', schema: priceOut } },
    problems: ['http/not-allowed-here', 'payments/no-corridor', 'payments/no-rate', 'payments/rates-expired', 'payments/unknown-currency'],
    async handle({ caller, query }, { payments }) {
      const merchant = merchantConcerned(caller, query.merchant);
      const assets = { payerAsset: query.payerAsset as AssetNo, payeeAsset: query.payeeAsset as AssetNo };
      const price = await payments.quote({ merchant, currency: query.currency, amountMinor: query.amount, ...assets });
      return { status: 200, json: presentPrice(price) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/v1/payees',
    operationId: 'addPayee',
    tag: 'payees',
    summary: 'Add a payee to the directory, with the merchant’s signature',
    access: { scope: 'payees:write', who: 'merchant' },
    once: true,
    body: { type: 'application/json', limitBytes: 16_384, schema: payeeIn },
    replies: { 201: { description: 'The payee.', schema: payeeOut } },
    problems: ['http/merchant-only'],
    async handle({ caller, body }, { payments }) {
      return { status: 201, json: present(await payments.addPayee(merchantOf(caller), body)) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/payees',
    operationId: 'listPayees',
    tag: 'payees',
    summary: 'List the payees of a merchant',
    access: { scope: 'payees:read', who: 'anyone' },
    once: false,
    query: z.strictObject({ ...pageQuery, merchant: merchantQuery }),
    replies: { 200: { description: 'A page of payees.', schema: pageOf(payeeOut) } },
    problems: ['http/bad-cursor', 'http/not-allowed-here'],
    async handle({ caller, query }, { payments }) {
      const page = { after: decodeCursor(PAYEES, query.cursor), limit: query.limit ?? PAGE_DEFAULT };
      const payees = await payments.listPayees(merchantConcerned(caller, query.merchant), page);
      return { status: 200, json: presentPage(PAYEES, payees, present) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/payees/{id}',
    operationId: 'getPayee',
    tag: 'payees',
    summary: 'One payee',
    access: { scope: 'payees:read', who: 'anyone' },
    once: false,
    params: z.strictObject({ id: idSchema<PayeeId>('the payee') }),
    replies: { 200: { description: 'The payee.', schema: payeeOut } },
    problems: ['http/not-found'],
    async handle({ caller, params }, { payments }) {
      const payee = await payments.getPayee(params.id);
      if (!payee || !maySee(caller, payee.merchant)) throw new Problem('http/not-found', 'There is no such payee.');
      return { status: 200, json: present(payee) };
    },
  }),
];
