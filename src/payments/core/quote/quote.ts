import { assert, Problem, type AssetNo, type TimeMs } from '#base';
import { minorUnits } from '../currencies.ts';
import { evidenceOf, type QuoteEvidence } from './evidence.ts';
import { price, type Price, type QuoteAsset } from './price.ts';
import { quotedRate, type RateTable } from './rates.ts';
import { applyTariff, type Tariff } from './tariff.ts';

export interface QuoteInput {
  readonly tariff: Tariff;
  readonly rates: RateTable;
  /** ISO 4217 code and minor units of the instructed amount. */
  readonly currency: string;
  readonly amountMinor: bigint;
  /** The merchant's asset. */
  readonly payerAsset: QuoteAsset;
  readonly payeeAsset: QuoteAsset;
  readonly nowMs: TimeMs;
}

/** Accounts by their role; each exists once an asset, except the merchant's own. */
export type LegAccount = 'merchant' | 'vault' | 'fxPosition' | 'fxSpreadIncome' | 'feeIncome' | 'rounding';

/** The ledger's transfer codes of the legs. */
export const LEG_CODES = { payout: 10, fee: 11, fx: 12, spread: 13, rounding: 14 } as const;
export type LegKind = keyof typeof LEG_CODES;

export interface QuoteLeg {
  /** Place among the legs actually booked, from 0: part of the transfer's derived id. A leg of zero is left out. */
  readonly index: number;
  readonly kind: LegKind;
  readonly code: (typeof LEG_CODES)[LegKind];
  readonly asset: AssetNo;
  readonly debit: LegAccount;
  readonly credit: LegAccount;
  readonly amount: bigint;
}

export interface Quote extends Price {
  readonly payerAsset: AssetNo;
  readonly payeeAsset: AssetNo;
  readonly quotedAtMs: TimeMs;
  /** The rate is locked until then; from this moment on the quote must not be used. */
  readonly expiresAtMs: TimeMs;
  /** Linked transfers in booking order. */
  readonly legs: readonly QuoteLeg[];
  /** Canonical-JSON-ready; `recomputeQuote` needs nothing else. */
  readonly evidence: QuoteEvidence;
}

type LegShape = readonly [kind: LegKind, asset: AssetNo, debit: LegAccount, credit: LegAccount, amount: bigint];

/** The legs of a payment in booking order: they add up to the total in the merchant's asset, and to the principal in the payee's. */
export function quoteLegs(payer: AssetNo, payee: AssetNo, booked: Price): readonly QuoteLeg[] {
  const tail: readonly LegShape[] = [
    ['fee', payer, 'merchant', 'feeIncome', booked.fee],
    ['rounding', payer, 'merchant', 'rounding', booked.rounding],
  ];
  const shapes: readonly LegShape[] =
    payer === payee
      ? [['payout', payer, 'merchant', 'vault', booked.principal], ...tail]
      : [
          ['payout', payee, 'fxPosition', 'vault', booked.principal],
          ['fx', payer, 'merchant', 'fxPosition', booked.cost],
          ['spread', payer, 'merchant', 'fxSpreadIncome', booked.spread],
          ...tail,
        ];
  const nonzero = shapes.filter(([, , , , amount]) => amount > 0n);
  return nonzero.map(([kind, asset, debit, credit, amount], index) => ({ index, kind, code: LEG_CODES[kind], asset, debit, credit, amount }));
}

/**
 * Prices one payment and locks its rate. Pure: same input, same quote.
 * Refusals in this order: `payments/zero-amount`, `payments/unknown-currency`, `payments/rates-expired`, `payments/no-corridor`, `payments/no-rate`,
 * `payments/bad-rates`, `payments/amount-too-large`.
 */
export function quote(input: QuoteInput): Quote {
  const { tariff, rates, currency, amountMinor, payerAsset, payeeAsset, nowMs } = input;
  const currencyDecimals = minorUnits(currency);
  if (amountMinor === 0n) throw new Problem('payments/zero-amount', 'Nothing to quote: the amount is zero.');
  if (currencyDecimals == null) throw new Problem('payments/unknown-currency', `${currency.slice(0, 20)} is not a payable ISO 4217 code.`);
  if (nowMs >= rates.validUntilMs)
    throw new Problem('payments/rates-expired', `The rates ${rates.version} ended at ${new Date(rates.validUntilMs).toISOString()}.`);
  const applied = applyTariff(tariff, currency, payeeAsset.symbol, payerAsset.symbol);
  const priceRates = { instructed: quotedRate(rates, currency), payer: quotedRate(rates, payerAsset.peg), payee: quotedRate(rates, payeeAsset.peg) };
  assert(amountMinor > 0n, 'an instructed amount is not negative');
  const sameAsset = payerAsset.asset === payeeAsset.asset;
  const { decimals: payerDecimals } = payerAsset;
  const { decimals: payeeDecimals } = payeeAsset;
  const booked = price({ amountMinor, currencyDecimals, payerDecimals, payeeDecimals, sameAsset, rates: priceRates, applied });
  const expiresAtMs = Math.min(nowMs + tariff.quoteLifetimeS * 1000, rates.validUntilMs);
  return {
    ...booked,
    payerAsset: payerAsset.asset,
    payeeAsset: payeeAsset.asset,
    quotedAtMs: nowMs,
    expiresAtMs,
    legs: quoteLegs(payerAsset.asset, payeeAsset.asset, booked),
    evidence: evidenceOf({ input, currencyDecimals, priceRates, applied, booked, expiresAtMs }),
  };
}

/** Refuses a quote whose rate is no longer locked. Throws `payments/quote-expired`. */
export function requireFresh(quoted: Pick<Quote, 'expiresAtMs'>, nowMs: TimeMs): void {
  if (nowMs >= quoted.expiresAtMs) throw new Problem('payments/quote-expired', `The quote ended at ${new Date(quoted.expiresAtMs).toISOString()}.`);
}
