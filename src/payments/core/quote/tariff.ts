import { Problem } from '#base';
import { minorUnits } from '../currencies.ts';

/** What a payment costs a merchant in one asset, in that asset's minor units: fixed + basis points of the cost, at least `minimum`, at most `maximum`. */
export interface FeeSchedule {
  readonly fixed: string;
  readonly basisPoints: number;
  readonly minimum: string;
  readonly maximum: string;
}

export interface Corridor {
  /** ISO 4217 code the order instructs in, or "*" for any other. */
  readonly currency: string;
  /** Symbol of the asset the payee receives. */
  readonly payeeAsset: string;
  /** Our margin on the exchange rate, charged only where the merchant's asset differs from the payee's. */
  readonly spreadBps: number;
  /** By symbol of the asset the merchant pays in. */
  readonly fees: Readonly<Record<string, FeeSchedule>>;
}

/** The fee and FX schedule: the canonical JSON of exactly this object is the body of the ledger's tariff record. */
export interface Tariff {
  readonly version: string;
  /** How long a quote stays firm; the rates may end it earlier. */
  readonly quoteLifetimeS: number;
  /** The first that fits is the one that counts, so an exact currency stands before "*". */
  readonly corridors: readonly Corridor[];
}

export interface AppliedTariff {
  readonly currency: string;
  readonly payeeAsset: string;
  readonly payerAsset: string;
  readonly spreadBps: number;
  readonly fee: FeeSchedule;
}

const MINOR_AMOUNT = /^(?:0|[1-9]\d{0,38})$/;

function refuse(where: string, what: string): Problem {
  return new Problem('payments/bad-tariff', `${where} ${what}.`, { where });
}

function asRecord(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse(where, 'is not an object');
  return value as Record<string, unknown>;
}

function asBasisPoints(value: unknown, where: string): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 10_000) throw refuse(where, 'is not a whole number from 0 to 10000');
  return value as number;
}

function asAmount(value: unknown, where: string): string {
  if (typeof value !== 'string' || !MINOR_AMOUNT.test(value)) throw refuse(where, 'is not a string of minor units');
  return value;
}

function parseFee(json: unknown, where: string): FeeSchedule {
  const fee = asRecord(json, where);
  const minimum = asAmount(fee['minimum'], `${where}.minimum`);
  const maximum = asAmount(fee['maximum'], `${where}.maximum`);
  if (BigInt(minimum) > BigInt(maximum)) throw refuse(where, 'has a minimum above its maximum');
  return { fixed: asAmount(fee['fixed'], `${where}.fixed`), basisPoints: asBasisPoints(fee['basisPoints'], `${where}.basisPoints`), minimum, maximum };
}

function parseCorridor(json: unknown, where: string): Corridor {
  const corridor = asRecord(json, where);
  const { currency, payeeAsset } = corridor;
  if (typeof currency !== 'string' || (currency !== '*' && minorUnits(currency) == null))
    throw refuse(`${where}.currency`, 'is neither "*" nor a payable ISO 4217 code');
  if (typeof payeeAsset !== 'string' || payeeAsset === '') throw refuse(`${where}.payeeAsset`, 'is missing');
  const fees = Object.entries(asRecord(corridor['fees'], `${where}.fees`)).map(([symbol, fee]) => [symbol, parseFee(fee, `${where}.fees.${symbol}`)] as const);
  if (fees.length === 0) throw refuse(`${where}.fees`, 'is empty');
  return { currency, payeeAsset, spreadBps: asBasisPoints(corridor['spreadBps'], `${where}.spreadBps`), fees: Object.fromEntries(fees) };
}

/** Reads a tariff file; unknown members are dropped, so that the record holds only what is applied. Throws `payments/bad-tariff` with the field. */
export function parseTariff(json: unknown): Tariff {
  const { version, quoteLifetimeS, corridors } = asRecord(json, 'The tariff');
  if (typeof version !== 'string' || version === '') throw refuse('version', 'is missing');
  if (!Number.isSafeInteger(quoteLifetimeS) || (quoteLifetimeS as number) <= 0) throw refuse('quoteLifetimeS', 'is not a number of seconds above zero');
  if (!Array.isArray(corridors) || corridors.length === 0) throw refuse('corridors', 'is not a list with at least one corridor');
  return { version, quoteLifetimeS: quoteLifetimeS as number, corridors: corridors.map((corridor, i) => parseCorridor(corridor, `corridors[${i}]`)) };
}

/** The line of the tariff that prices this corridor. Throws `payments/no-corridor`. */
export function applyTariff(tariff: Tariff, currency: string, payeeAsset: string, payerAsset: string): AppliedTariff {
  const corridor = tariff.corridors.find(
    (candidate) =>
      (candidate.currency === currency || candidate.currency === '*') && candidate.payeeAsset === payeeAsset && Object.hasOwn(candidate.fees, payerAsset),
  );
  const fee = corridor?.fees[payerAsset];
  if (!corridor || !fee) {
    const detail = `Tariff ${tariff.version} has no corridor from ${currency} to ${payeeAsset} for a merchant who pays in ${payerAsset}.`;
    throw new Problem('payments/no-corridor', detail, { tariff: tariff.version, currency, payeeAsset, payerAsset });
  }
  return { currency: corridor.currency, payeeAsset, payerAsset, spreadBps: corridor.spreadBps, fee };
}
