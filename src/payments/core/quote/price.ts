import { assert, MAX_AMOUNT, Problem, type AssetNo } from '#base';
import { rationalOf, type Rational } from './rates.ts';
import type { AppliedTariff } from './tariff.ts';

/** What a quote needs to know of an asset; `Asset` of #base fits. */
export interface QuoteAsset {
  readonly asset: AssetNo;
  readonly symbol: string;
  readonly decimals: number;
  /** ISO 4217 currency that one whole unit is worth one of. */
  readonly peg: string;
}

/** The whole minor units of a price. `principal` is in the payee's asset, the rest in the merchant's. */
export interface Price {
  readonly principal: bigint;
  /** Cost of the principal at the middle rate, rounded down. */
  readonly cost: bigint;
  readonly spread: bigint;
  readonly fee: bigint;
  /** total - cost - spread - fee: 0 to 3 units. */
  readonly rounding: bigint;
  readonly total: bigint;
}

/** The three quoted rates of a price, in pivot units a unit. */
export interface PriceRates {
  readonly instructed: string;
  readonly payer: string;
  readonly payee: string;
}

export interface PriceInput {
  readonly amountMinor: bigint;
  readonly currencyDecimals: number;
  readonly payerDecimals: number;
  readonly payeeDecimals: number;
  readonly sameAsset: boolean;
  readonly rates: PriceRates;
  readonly applied: AppliedTariff;
}

/** A payout is a word of payee address 20 || amount u96 (docs/formats.md). */
const MAX_PAYOUT = (1n << 96n) - 1n;
const floor = ({ n, d }: Rational): bigint => n / d;
const ceil = ({ n, d }: Rational): bigint => (n + d - 1n) / d;
const plus = (a: Rational, b: Rational): Rational => ({ n: a.n * b.d + b.n * a.d, d: a.d * b.d });
const times = (a: Rational, n: bigint, d: bigint): Rational => ({ n: a.n * n, d: a.d * d });
const whole = (n: bigint): Rational => ({ n, d: 1n });
const atLeast = (a: Rational, minimum: bigint): Rational => (a.n < minimum * a.d ? whole(minimum) : a);
const atMost = (a: Rational, maximum: bigint): Rational => (a.n > maximum * a.d ? whole(maximum) : a);

/** `amount` minor units of one currency as exact minor units of another. */
function convert(amount: bigint, fromDecimals: number, fromRate: Rational, toDecimals: number, toRate: Rational): Rational {
  return { n: amount * 10n ** BigInt(toDecimals) * fromRate.n * toRate.d, d: 10n ** BigInt(fromDecimals) * fromRate.d * toRate.n };
}

function requireFits(amount: bigint, limit: bigint, what: string): void {
  if (amount > limit) throw new Problem('payments/amount-too-large', `The ${what} of ${amount} minor units is more than ${limit}.`, { amount: `${amount}` });
}

/**
 * The arithmetic of a quote, exact until each figure is rounded once: the payee is never short (principal up), income is never overstated (cost, spread and fee
 * down), the merchant pays every begun unit (total up), and what lies between is the rounding leg.
 */
export function price(input: PriceInput): Price {
  const { applied, rates } = input;
  const payeeRate = rationalOf(rates.payee);
  const principal = ceil(convert(input.amountMinor, input.currencyDecimals, rationalOf(rates.instructed), input.payeeDecimals, payeeRate));
  requireFits(principal, MAX_PAYOUT, 'payout');
  const cost = input.sameAsset ? whole(principal) : convert(principal, input.payeeDecimals, payeeRate, input.payerDecimals, rationalOf(rates.payer));
  const spread = input.sameAsset ? whole(0n) : times(cost, BigInt(applied.spreadBps), 10_000n);
  const unbounded = plus(whole(BigInt(applied.fee.fixed)), times(cost, BigInt(applied.fee.basisPoints), 10_000n));
  const fee = atMost(atLeast(unbounded, BigInt(applied.fee.minimum)), BigInt(applied.fee.maximum));
  const total = ceil(plus(cost, spread)) + ceil(fee);
  requireFits(total, MAX_AMOUNT, 'total');
  const rounding = total - floor(cost) - floor(spread) - floor(fee);
  assert(rounding >= 0n && rounding <= 3n, `a residual of ${rounding} units`);
  return { principal, cost: floor(cost), spread: floor(spread), fee: floor(fee), rounding, total };
}
