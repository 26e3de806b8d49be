import { Problem, type TimeMs } from '#base';
import { minorUnits } from '../currencies.ts';
import { price, type Price, type PriceRates, type QuoteAsset } from './price.ts';
import type { AppliedTariff, FeeSchedule } from './tariff.ts';

interface AssetEvidence {
  readonly asset: number;
  readonly symbol: string;
  readonly decimals: number;
  readonly peg: string;
}

/** Everything a quote was made of and came to, in strings and safe integers: its canonical JSON is the `quote` field of the payment's first leg. */
export interface QuoteEvidence {
  readonly scheme: 'cairn.quote.1';
  readonly quotedAtMs: number;
  readonly expiresAtMs: number;
  readonly instructed: { readonly currency: string; readonly amountMinor: string; readonly decimals: number };
  readonly payerAsset: AssetEvidence;
  readonly payeeAsset: AssetEvidence;
  /** Pivot units a unit of the instructed currency and of the two assets' pegs. */
  readonly rates: PriceRates & { readonly version: string; readonly pivot: string; readonly asOfMs: number };
  /** The line of the tariff that was applied. */
  readonly tariff: { readonly version: string; readonly currency: string; readonly spreadBps: number; readonly fee: FeeSchedule };
  /** Minor units: principal in the payee's asset, the rest in the merchant's. */
  readonly price: { readonly [Figure in keyof Price]: string };
}

function assetEvidence({ asset, symbol, decimals, peg }: QuoteAsset): AssetEvidence {
  return { asset, symbol, decimals, peg };
}

function priceStrings(booked: Price): QuoteEvidence['price'] {
  const { principal, cost, spread, fee, rounding, total } = booked;
  return { principal: `${principal}`, cost: `${cost}`, spread: `${spread}`, fee: `${fee}`, rounding: `${rounding}`, total: `${total}` };
}

/** What was asked: `QuoteInput` of ./quote.ts fits. */
interface Asked {
  readonly tariff: { readonly version: string };
  readonly rates: { readonly version: string; readonly pivot: string; readonly asOfMs: TimeMs };
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly payerAsset: QuoteAsset;
  readonly payeeAsset: QuoteAsset;
  readonly nowMs: TimeMs;
}

interface EvidenceInput {
  readonly input: Asked;
  readonly currencyDecimals: number;
  readonly priceRates: PriceRates;
  readonly applied: AppliedTariff;
  readonly booked: Price;
  readonly expiresAtMs: TimeMs;
}

export function evidenceOf({ input, currencyDecimals, priceRates, applied, booked, expiresAtMs }: EvidenceInput): QuoteEvidence {
  return {
    scheme: 'cairn.quote.1',
    quotedAtMs: input.nowMs,
    expiresAtMs,
    instructed: { currency: input.currency, amountMinor: `${input.amountMinor}`, decimals: currencyDecimals },
    payerAsset: assetEvidence(input.payerAsset),
    payeeAsset: assetEvidence(input.payeeAsset),
    rates: { ...priceRates, version: input.rates.version, pivot: input.rates.pivot, asOfMs: input.rates.asOfMs },
    tariff: { version: input.tariff.version, currency: applied.currency, spreadBps: applied.spreadBps, fee: applied.fee },
    price: priceStrings(booked),
  };
}

const MINOR_AMOUNT = /^(?:0|[1-9]\d{0,38})$/;

/** Evidence comes out of an export that nobody vouches for, so the fields the arithmetic rests on are checked before they are used. */
function requireReadable(evidence: QuoteEvidence): void {
  const decimals = [evidence.instructed?.decimals, evidence.payerAsset?.decimals, evidence.payeeAsset?.decimals];
  const points = [evidence.tariff?.spreadBps, evidence.tariff?.fee?.basisPoints];
  const amounts = [evidence.instructed?.amountMinor, evidence.tariff?.fee?.fixed, evidence.tariff?.fee?.minimum, evidence.tariff?.fee?.maximum];
  const readable =
    evidence.scheme === 'cairn.quote.1' &&
    decimals.every((count) => Number.isInteger(count) && count >= 0 && count <= 38) &&
    points.every((bps) => Number.isInteger(bps) && bps >= 0 && bps <= 10_000) &&
    amounts.every((amount) => typeof amount === 'string' && MINOR_AMOUNT.test(amount)) &&
    [evidence.rates?.instructed, evidence.rates?.payer, evidence.rates?.payee, evidence.tariff?.currency].every((text) => typeof text === 'string') &&
    typeof evidence.price === 'object' &&
    evidence.price !== null;
  if (!readable) throw new Problem('payments/bad-quote', 'The quote’s evidence lacks a figure or has one out of range.');
  // With other decimals than the currency's own all figures would still agree with each other, and 100.00 be priced as 10000.
  const { currency, decimals: used } = evidence.instructed;
  if (used !== minorUnits(currency)) throw new Problem('payments/bad-quote', `The quote counts its currency with ${used} decimals, which ISO 4217 does not.`);
}

/** The price that follows from the inputs shown in the evidence. Throws `payments/bad-quote` or `payments/bad-rates` where they cannot be read. */
export function recomputeQuote(evidence: QuoteEvidence): Price {
  requireReadable(evidence);
  const { instructed, payerAsset, payeeAsset, rates, tariff } = evidence;
  return price({
    amountMinor: BigInt(instructed.amountMinor),
    currencyDecimals: instructed.decimals,
    payerDecimals: payerAsset.decimals,
    payeeDecimals: payeeAsset.decimals,
    sameAsset: payerAsset.asset === payeeAsset.asset,
    rates,
    applied: { currency: tariff.currency, payeeAsset: payeeAsset.symbol, payerAsset: payerAsset.symbol, spreadBps: tariff.spreadBps, fee: tariff.fee },
  });
}

/** What in the evidence contradicts its own inputs, one sentence each; empty = the price is right. */
export function quoteContradictions(evidence: QuoteEvidence): readonly string[] {
  const expected = priceStrings(recomputeQuote(evidence));
  const figures = Object.keys(expected) as (keyof Price)[];
  return figures
    .filter((figure) => evidence.price[figure] !== expected[figure])
    .map((figure) => `${figure} is shown as ${evidence.price[figure]} and comes to ${expected[figure]}`);
}
