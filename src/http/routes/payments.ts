import { z } from 'zod';
import { Problem, type OrderId, type PaymentId } from '#base';
import { maySee, merchantConcerned, merchantOf, type Caller } from '../access/scopes.ts';
import { decodeCursor, presentPage, UUID_POSITION } from '../frame/cursor.ts';
import { defineRoute, type Route } from '../frame/route.ts';
import { idSchema, PAGE_DEFAULT, pageOf, pageQuery } from '../schemas/common.ts';
import { authorisationHeader, merchantQuery, orderFileOut, paymentOut } from '../schemas/payments.ts';
import type { PaymentsService, PaymentView } from '../services.ts';
import { presentOrderFile, presentPayment } from './present.ts';

const PAYMENTS = { name: 'payments', position: UUID_POSITION };

const FILE_BYTES = 32 * 1024 * 1024;
const paymentParams = z.strictObject({ id: idSchema<PaymentId>('the payment') });

async function visiblePayment(caller: Caller, payments: PaymentsService, id: PaymentId): Promise<PaymentView> {
  const payment = await payments.getPayment(id);
  if (!payment || !maySee(caller, payment.merchant)) throw new Problem('http/not-found', 'There is no such payment.');
  return payment;
}

export const PAYMENT_ROUTES: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/v1/payment-files',
    operationId: 'submitPaymentFile',
    tag: 'payments',
    summary: 'Submit a pain.001 file with the merchant’s authorisation',
    description:
      'The body is the exact file: its SHA-256 is what the merchant signed. The authorisation travels in the header Cairn-Order-Authorisation, as base64url of its JSON.',
    access: { scope: 'payments:write', who: 'merchant' },
    once: true,
    headers: z.object({ 'cairn-order-authorisation': authorisationHeader }),
    body: { type: 'application/xml', limitBytes: FILE_BYTES },
    replies: { 202: { description: 'The file is taken; each payment says how far it is.', schema: orderFileOut } },
    problems: ['http/merchant-only'],
    async handle({ caller, headers, body }, { payments }) {
      const authorisation = headers['cairn-order-authorisation'];
      const file = await payments.submitOrderFile({ merchant: merchantOf(caller), fileBytes: body, authorisation });
      return { status: 202, json: presentOrderFile(file) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/payment-files/{order}',
    operationId: 'getPaymentFile',
    tag: 'payments',
    summary: 'A payment file with all its payments',
    access: { scope: 'payments:read', who: 'anyone' },
    once: false,
    params: z.strictObject({ order: idSchema<OrderId>('the order') }),
    replies: { 200: { description: 'The file.', schema: orderFileOut } },
    problems: ['http/not-found'],
    async handle({ caller, params }, { payments }) {
      const file = await payments.getOrderFile(params.order);
      if (!file || !maySee(caller, file.merchant)) throw new Problem('http/not-found', 'There is no such payment file.');
      return { status: 200, json: presentOrderFile(file) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/payments',
    operationId: 'listPayments',
    tag: 'payments',
    summary: 'List the payments of a merchant',
    access: { scope: 'payments:read', who: 'anyone' },
    once: false,
    query: z.strictObject({ ...pageQuery, merchant: merchantQuery }),
    replies: { 200: { description: 'A page of payments.', schema: pageOf(paymentOut) } },
    problems: ['http/bad-cursor', 'http/not-allowed-here'],
    async handle({ caller, query }, { payments }) {
      const page = { after: decodeCursor(PAYMENTS, query.cursor), limit: query.limit ?? PAGE_DEFAULT };
      const found = await payments.listPayments(merchantConcerned(caller, query.merchant), page);
      return { status: 200, json: presentPage(PAYMENTS, found, presentPayment) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/payments/{id}',
    operationId: 'getPayment',
    tag: 'payments',
    summary: 'One payment',
    access: { scope: 'payments:read', who: 'anyone' },
    once: false,
    params: paymentParams,
    replies: { 200: { description: 'The payment.', schema: paymentOut } },
    problems: ['http/not-found'],
    async handle({ caller, params }, { payments }) {
      return { status: 200, json: presentPayment(await visiblePayment(caller, payments, params.id)) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/payments/{id}/receipt',
    operationId: 'getReceipt',
    tag: 'receipts',
    summary: 'The receipt of a payment: one file that proves it without us',
    description: 'Save the body as it is and check it with `cairn verify FILE --rpc URL`.',
    access: { scope: 'receipts:read', who: 'anyone' },
    once: false,
    params: paymentParams,
    replies: { 200: { description: 'The receipt.', schema: z.record(z.string(), z.unknown()) } },
    problems: ['http/not-found', 'http/receipt-not-ready'],
    async handle({ caller, params }, { payments, receipts }) {
      await visiblePayment(caller, payments, params.id);
      const receipt = await receipts.receipt(params.id);
      if (!receipt) throw new Problem('http/receipt-not-ready', 'The records of this payment are not in a final anchor yet.', { retryAfterS: 5 });
      return { status: 200, json: receipt };
    },
  }),
];
