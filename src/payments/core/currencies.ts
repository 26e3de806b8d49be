/**
 * ISO 4217 list one, as amended to January 2026 (ANG replaced by XCG, BGN by the euro): minor units by code. Our own table, because ICU's differs from ISO's for
 * about thirty codes (HUF, IDR and COP among them), and a wrong exponent pays a hundred times too much.
 */
const CODES_BY_MINOR_UNITS: Readonly<Record<number, string>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
  2:
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB ' +
    'EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR ' +
    'MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP ' +
    'TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG',
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
};

/** Metals, baskets, test and "no currency": listed by ISO 4217 without minor units, so nobody can be paid in them. */
const WITHOUT_MINOR_UNITS = 'XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX';

const MINOR_UNITS: ReadonlyMap<string, number | null> = new Map<string, number | null>([
  ...Object.entries(CODES_BY_MINOR_UNITS).flatMap(([digits, codes]) => codes.split(' ').map((code) => [code, Number(digits)] as const)),
  ...WITHOUT_MINOR_UNITS.split(' ').map((code) => [code, null] as const),
]);

/** Decimal digits of the currency's minor unit; null where ISO 4217 gives none (gold), undefined for a code that is not in the list. */
export function minorUnits(currency: string): number | null | undefined {
  return MINOR_UNITS.get(currency);
}
