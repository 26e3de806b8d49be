import { Problem, type TimeMs } from '#base';

/** A non-negative exact fraction; the denominator is above zero. Never rounded before the end. */
export interface Rational {
  readonly n: bigint;
  readonly d: bigint;
}

/**
 * What one unit of each currency is worth in units of one pivot currency. Quoting everything against one pivot leaves no pair that contradicts another:
 * EUR to JPY is always EUR/pivot divided by JPY/pivot.
 */
export interface RateTable {
  /** Names this set of rates in evidence: feed and time, or a number. */
  readonly version: string;
  /** ISO 4217. */
  readonly pivot: string;
  /** Pivot units a unit of the currency, as plain decimals: { EUR: "1.0852" }. The pivot itself is 1 and may be left out. */
  readonly rates: Readonly<Record<string, string>>;
  readonly asOfMs: TimeMs;
  /** From this moment on nothing is quoted from these rates. */
  readonly validUntilMs: TimeMs;
}

const RATE = /^(?:0|[1-9]\d{0,14})(?:\.\d{1,18})?$/;

/** The exact value of a plain decimal: "1.0852" is 10852/10000. */
export function rationalOf(decimal: string): Rational {
  if (!RATE.test(decimal) || !/[1-9]/.test(decimal)) throw new Problem('payments/bad-rates', `"${decimal.slice(0, 60)}" is not a positive plain decimal.`);
  const [whole = '', fraction = ''] = decimal.split('.');
  return { n: BigInt(whole + fraction), d: 10n ** BigInt(fraction.length) };
}

/** The decimal as quoted, for the evidence. */
export function quotedRate(table: RateTable, currency: string): string {
  if (currency === table.pivot) return '1';
  const rate = Object.hasOwn(table.rates, currency) ? table.rates[currency] : undefined;
  if (rate === undefined) throw new Problem('payments/no-rate', `The rates ${table.version} have none for ${currency}.`, { currency, rates: table.version });
  return rate;
}

const CURRENCY = /^[A-Z]{3}$/;

/**
 * Reads a rate file {version, pivot, validForS, rates: {EUR: "1.0852"}}; `asOfMs` is when the feed delivered it.
 * Throws `payments/bad-rates`.
 */
export function parseRates(json: unknown, asOfMs: TimeMs): RateTable {
  const refuse = (detail: string): Problem => new Problem('payments/bad-rates', detail);
  if (typeof json !== 'object' || json === null) throw refuse('The rates are not a JSON object.');
  const { version, pivot, validForS, rates } = json as Record<string, unknown>;
  if (typeof version !== 'string' || version === '') throw refuse('version is missing.');
  if (typeof pivot !== 'string' || !CURRENCY.test(pivot)) throw refuse('pivot is not an ISO 4217 code.');
  if (!Number.isSafeInteger(validForS) || (validForS as number) <= 0) throw refuse('validForS is not a number of seconds above zero.');
  if (typeof rates !== 'object' || rates === null) throw refuse('rates is not an object.');
  const read = new Map<string, string>();
  for (const [currency, rate] of Object.entries(rates)) {
    if (!CURRENCY.test(currency)) throw refuse(`rates.${currency.slice(0, 20)} is not an ISO 4217 code.`);
    if (typeof rate !== 'string') throw refuse(`rates.${currency} is not a decimal in a string.`);
    rationalOf(rate);
    if (currency === pivot && rate !== '1') throw refuse(`rates.${currency} is the pivot: it can only be "1".`);
    read.set(currency, rate);
  }
  return { version, pivot, rates: Object.fromEntries(read), asOfMs, validUntilMs: asOfMs + (validForS as number) * 1000 };
}
