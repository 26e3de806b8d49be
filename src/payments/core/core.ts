/** The pure half of payments: what an order file says and what it costs. No clock, no disk, no database. */
export * from './currencies.ts';
export { legAccount, mayOwe, paymentIdOf, type OrderEvidence, type PayeeEvidence } from './legs.ts';
export { MAX_FILE_BYTES } from './pain001/decode.ts';
export * from './pain001/parse.ts';
export { duplicateKey } from './pain001/payment.ts';
export * from './pain001/types.ts';
export * from './quote/evidence.ts';
export * from './quote/price.ts';
export * from './quote/quote.ts';
export * from './quote/rates.ts';
export * from './quote/tariff.ts';
