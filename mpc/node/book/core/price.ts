import { Problem, type AccountId, type AssetNo } from '#base';
import { canonicalJson } from '#anchor/core';
import type { State, TransferRecord } from '#ledger/core';
import { applyTariff, quoteContradictions, quoteLegs, rationalOf, recomputeQuote, type QuoteEvidence, type QuoteLeg, type Tariff } from '#payments/core';
import type { OrderLine } from './authority.ts';
import { isFault, orFault, readEvidence } from './evidence.ts';
import type { Fault } from './rules.ts';
import type { RateBands } from './types.ts';

export interface Priced {
  readonly evidence: QuoteEvidence;
  readonly legs: readonly QuoteLeg[];
}

function wrong(reason: string): Fault {
  return { rule: 'amount-derived', reason };
}

/** The legs that follow from the hold's quote, the line of the file and the tariff that was published before; or the first thing that does not fit. */
export function legsOf(state: State, tariffs: ReadonlyMap<string, Tariff>, record: TransferRecord, line: OrderLine, account: AccountId): Priced | Fault {
  const read = readEvidence(record.fields?.quote, { scheme: 'string', quotedAtMs: 'number', expiresAtMs: 'number' });
  if (typeof read === 'string') return wrong(`its quote ${read}`);
  const evidence = read as unknown as QuoteEvidence;
  const price = orFault('amount-derived', () => {
    const recomputed = recomputeQuote(evidence);
    const assets = [evidence.payerAsset.asset, evidence.payeeAsset.asset];
    if (!assets.every((asset) => Number.isInteger(asset) && asset > 0 && asset < 2 ** 32))
      throw new Problem('payments/bad-quote', 'its assets have no numbers');
    return recomputed;
  });
  if (isFault(price)) return price;
  const [contradiction] = quoteContradictions(evidence);
  if (contradiction !== undefined) return wrong(`its price is wrong: ${contradiction}`);
  const { instructed, quotedAtMs, expiresAtMs } = evidence;
  if (instructed.currency !== line.currency || instructed.amountMinor !== `${line.amountMinor}`)
    return wrong(`it was quoted for ${instructed.amountMinor} ${instructed.currency}; the signed file says ${line.amountMinor} ${line.currency}`);
  if (!(quotedAtMs <= record.nowMs && record.nowMs < expiresAtMs)) return wrong('it was not held while its quote was firm');
  const payer = state.accounts.get(account)?.asset;
  if (payer !== evidence.payerAsset.asset) return wrong(`it was quoted in asset ${evidence.payerAsset.asset}; the order’s account is in asset ${payer}`);
  const misfit = wrongAssets(state, evidence) ?? wrongTariff(tariffs, evidence) ?? twoRates(evidence);
  if (misfit) return misfit;
  return { evidence, legs: quoteLegs(evidence.payerAsset.asset as AssetNo, evidence.payeeAsset.asset as AssetNo, price) };
}

function wrongAssets(state: State, { payerAsset, payeeAsset }: QuoteEvidence): Fault | null {
  for (const { asset, symbol, decimals, peg } of [payerAsset, payeeAsset]) {
    const record = state.keyed.get(`asset:${asset}`);
    if (record?.kind !== 'asset' || record.symbol !== symbol || record.decimals !== decimals || record.peg !== peg)
      return wrong(`it was quoted for asset ${asset} as ${symbol} with ${decimals} decimals at ${peg}, which is not how the book has it`);
  }
  return null;
}

/** The line of the tariff in the quote must be the one that was published in the book before. */
function wrongTariff(tariffs: ReadonlyMap<string, Tariff>, { tariff: used, instructed, payeeAsset, payerAsset }: QuoteEvidence): Fault | null {
  const tariff = tariffs.get(used.version);
  if (!tariff) return wrong(`it was priced by the tariff ${used.version}, which the records before it do not publish`);
  const applied = orFault('amount-derived', () => applyTariff(tariff, instructed.currency, payeeAsset.symbol, payerAsset.symbol));
  if (isFault(applied)) return applied;
  const { currency, spreadBps, fee } = applied;
  if (canonicalJson({ currency, spreadBps, fee }) === canonicalJson({ currency: used.currency, spreadBps: used.spreadBps, fee: used.fee })) return null;
  return wrong(`it was priced with other fees or another spread than the published tariff ${used.version} has`);
}

/** The rates by the currency that each is for. */
function ratesOf({ instructed, payerAsset, payeeAsset, rates }: QuoteEvidence): readonly (readonly [currency: string, rate: string])[] {
  return [
    [instructed.currency, rates.instructed],
    [payerAsset.peg, rates.payer],
    [payeeAsset.peg, rates.payee],
  ];
}

/** One currency has one rate: otherwise a payment in the asset’s own currency could come to any amount. */
function twoRates(evidence: QuoteEvidence): Fault | null {
  const seen = new Map<string, string>();
  for (const [currency, rate] of ratesOf(evidence)) {
    const before = seen.get(currency) ?? rate;
    if (before !== rate) return wrong(`its quote has the rates ${before} and ${rate} for ${currency}`);
    seen.set(currency, rate);
  }
  return null;
}

/** A payment between currencies is worth what its rates say, and rates are the platform’s word: the operators’ bands bound it, as long as they are valid. `latestS`: seconds since 1970. */
export function implausibleRate(evidence: QuoteEvidence, registered: RateBands | null, latestS: bigint): Fault | null {
  const rates = ratesOf(evidence);
  if (registered === null || new Set(rates.map(([currency]) => currency)).size === 1) return null;
  const implausible = (reason: string): Fault => ({ rule: 'rate-plausible', reason });
  const { pivot, bands, notAfterS } = registered;
  if (notAfterS !== null && latestS >= BigInt(notAfterS))
    return { rule: 'rates-valid', reason: `the operators’ bands of rates were valid until ${notAfterS}, and it is ${latestS} (seconds since 1970)` };
  if (evidence.rates.pivot !== pivot) return implausible(`its rates are in ${evidence.rates.pivot}, the operators’ bands in ${pivot}`);
  for (const [currency, rate] of rates) {
    const band = currency === pivot ? { low: '1', high: '1' } : bands.get(currency);
    if (!band) return implausible(`it is priced with a rate of ${currency}, for which the operators registered no band`);
    if (isBelow(rate, band.low) || isBelow(band.high, rate)) return implausible(`it is priced at ${rate} for ${currency}, outside ${band.low} to ${band.high}`);
  }
  return null;
}

function isBelow(a: string, b: string): boolean {
  const [left, right] = [rationalOf(a), rationalOf(b)];
  return left.n * right.d < right.n * left.d;
}
