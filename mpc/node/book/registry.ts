import { isHex, isUuid, Problem, type MerchantId } from '#base';
import { rationalOf } from '#payments/core';
import type { MerchantKeys, RateBands, RegisteredKey } from './core/core.ts';

const MERCHANTS_FORMAT = 'cairn-merchants/1';
const RATES_FORMAT = 'cairn-rate-bands/1';
const BPS = 10_000;
const BPS_PLACES = 4;
/** Of a rate. */
const MOST_PLACES = 18;

function bad(where: string, what: string): Problem {
  return new Problem('decision/bad-registry', `${where} is not ${what}.`, { where });
}

/**
 * Reads what the operators know from the merchants themselves: {format: "cairn-merchants/1", merchants: [{merchant, keys: [{key, untilMs}]}]}. A key in use has untilMs
 * null; one that its merchant replaced counts for what was recorded up to that moment; one that was stolen is left out. Throws `decision/bad-registry`.
 */
export function readMerchants(text: string): MerchantKeys {
  const merchants = new Map<MerchantId, readonly RegisteredKey[]>();
  listOf(fileOf(text, MERCHANTS_FORMAT, ['merchants'])['merchants'], 'merchants').forEach((entry, i) => {
    const { merchant, keys } = exactly(entry, ['keys', 'merchant'], `merchants[${i}]`);
    if (typeof merchant !== 'string' || !isUuid<MerchantId>(merchant)) throw bad(`merchants[${i}].merchant`, 'a UUID');
    if (merchants.has(merchant)) throw bad(`merchants[${i}].merchant`, 'named once');
    merchants.set(
      merchant,
      listOf(keys, `merchants[${i}].keys`).map((key, k) => keyOf(key, `merchants[${i}].keys[${k}]`)),
    );
  });
  return merchants;
}

function keyOf(json: unknown, where: string): RegisteredKey {
  const { key, untilMs } = exactly(json, ['key', 'untilMs'], where);
  if (typeof key !== 'string' || !isHex(key, 20)) throw bad(`${where}.key`, 'an address in lower-case hexadecimal');
  if (untilMs !== null && !(typeof untilMs === 'number' && Number.isSafeInteger(untilMs) && untilMs >= 0))
    throw bad(`${where}.untilMs`, 'null or milliseconds since 1970');
  return { key, untilMs };
}

/** Reads the bands that no rate of a quote may leave: {format: "cairn-rate-bands/1", pivot, bands: [{currency, low, high}], notAfterS}; without notAfterS, or with null there, they do not expire. Throws `decision/bad-registry`. */
export function readRateBands(text: string): RateBands {
  const { pivot, bands: listed, notAfterS = null } = fileOf(text, RATES_FORMAT, ['bands', 'pivot'], ['notAfterS']);
  const bands = new Map<string, { low: string; high: string }>();
  listOf(listed, 'bands').forEach((entry, i) => {
    const { currency, low, high } = exactly(entry, ['currency', 'high', 'low'], `bands[${i}]`);
    if (!isCurrency(currency) || bands.has(currency)) throw bad(`bands[${i}].currency`, 'an ISO 4217 code that is named once');
    if (typeof low !== 'string' || typeof high !== 'string') throw bad(`bands[${i}]`, 'two plain decimals as text');
    const [least, most] = [rationalOf(low), rationalOf(high)];
    if (most.n * least.d < least.n * most.d) throw bad(`bands[${i}].high`, 'at least as much as low');
    bands.set(currency, { low, high });
  });
  if (!isCurrency(pivot)) throw bad('pivot', 'an ISO 4217 code');
  if (notAfterS !== null && !(typeof notAfterS === 'number' && Number.isSafeInteger(notAfterS) && notAfterS > 0))
    throw bad('notAfterS', 'null or seconds since 1970');
  return { pivot, bands, notAfterS };
}

/**
 * The file of bands around what the operators hold the rates to be, `withinBps` (hundredths of a percent) to either side, exactly, valid until `notAfterS` (seconds since 1970; null for ever): {format, pivot, bands, notAfterS}. `rates`: what a unit of each currency is worth in
 * units of the pivot, as plain decimals. Throws `decision/bad-registry` or `payments/bad-rates`.
 */
export function bandsAround(
  { pivot, rates }: { readonly pivot: string; readonly rates: Readonly<Record<string, string>> },
  withinBps: number,
  notAfterS: number | null,
): string {
  if (!Number.isInteger(withinBps) || withinBps < 1 || withinBps >= BPS)
    throw bad('The width', `a whole number of hundredths of a percent, from 1 to ${BPS - 1}`);
  const bands = Object.entries(rates)
    .filter(([currency]) => currency !== pivot)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([currency, rate]) => ({ currency, low: scaled(rate, BPS - withinBps, 'down'), high: scaled(rate, BPS + withinBps, 'up') }));
  const text = `${JSON.stringify({ format: RATES_FORMAT, pivot, bands, notAfterS }, null, 1)}\n`;
  readRateBands(text);
  return text;
}

/** A plain decimal times so many hundredths of a percent: its digits times the factor, and the point four places to the left. Of more places than a rate may have the band takes in what is cut off. */
function scaled(decimal: string, bps: number, cut: 'down' | 'up'): string {
  const { n, d } = rationalOf(decimal);
  const exact = d.toString().length - 1 + BPS_PLACES;
  const places = Math.min(exact, MOST_PLACES);
  const unit = 10n ** BigInt(exact - places);
  const digits = ((n * BigInt(bps) + (cut === 'up' ? unit - 1n : 0n)) / unit).toString().padStart(places + 1, '0');
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`.replace(/\.?0+$/, '');
}

function isCurrency(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Z]{3}$/.test(value);
}

function fileOf(text: string, format: string, members: readonly string[], optional: readonly string[] = []): Readonly<Record<string, unknown>> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Problem('decision/bad-registry', 'The file is no JSON.', {}, cause);
  }
  const isThere = (name: string): boolean => typeof json === 'object' && json !== null && Object.hasOwn(json, name);
  const file = exactly(json, ['format', ...members, ...optional.filter(isThere)].sort(), 'The file');
  if (file['format'] !== format) throw bad('format', `"${format}"`);
  return file;
}

function exactly(value: unknown, members: readonly string[], where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(where, 'an object');
  const names = Object.keys(value).sort();
  if (names.length !== members.length || names.some((name, i) => name !== members[i])) throw bad(where, `an object of exactly ${members.join(', ')}`);
  return value as Readonly<Record<string, unknown>>;
}

function listOf(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw bad(where, 'a list');
  return value;
}
