import type { MerchantId } from '#base';

const evidence = { scheme: 'eip712', signature: `0x${'3'.repeat(130)}` };
const EXPIRY = '1900000000';

/** A payee's authorisation in the shape the API takes; whether the signature is good is not the API's question. */
export function payeeAuthorisation(merchant: MerchantId, n: number, name = 'Ada') {
  const payee = `0190c000-0000-7000-8000-${String(n).padStart(12, '0')}`;
  const where = { account: `A${n}`, settlementAddress: `0x${'1'.repeat(40)}`, token: `0x${'2'.repeat(40)}` };
  return { kind: 'Payee', message: { merchant, payee, name, ...where, nonce: String(n), expiry: EXPIRY }, evidence };
}

export function orderAuthorisation(merchant: MerchantId, n: number, count: number) {
  const order = `0190d000-0000-7000-8000-${String(n).padStart(12, '0')}`;
  const what = { account: merchant, fileHash: `0x${'4'.repeat(64)}`, count: String(count), controlSum: '10.5' };
  return { kind: 'Order', message: { merchant, order, ...what, nonce: String(n), expiry: EXPIRY }, evidence };
}

/** As the header Cairn-Order-Authorisation carries it. */
export function authorisationHeader(json: unknown): string {
  return Buffer.from(JSON.stringify(json)).toString('base64url');
}
