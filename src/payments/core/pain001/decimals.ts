/** A non-negative decimal number: units / 10^scale. */
export interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

/** xs:decimal without a minus sign: "5", "+5", "5.", ".5" and "05.50" are all legal spellings. */
const DECIMAL = /^\+?(?:(\d{1,40})(?:\.(\d{0,40}))?|\.(\d{1,40}))$/;

/** Null where the text is no such number, or has more digits than the ISO 20022 type allows (leading and trailing zeros do not count). */
export function readDecimal(text: string, totalDigits: number, fractionDigits: number): Decimal | null {
  const match = DECIMAL.exec(text);
  if (!match) return null;
  const whole = (match[1] ?? '').replace(/^0+/, '');
  const fraction = (match[2] ?? match[3] ?? '').replace(/0+$/, '');
  if (fraction.length > fractionDigits || whole.length + fraction.length > totalDigits) return null;
  return { units: BigInt(whole + fraction), scale: fraction.length };
}

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { units: a.units * 10n ** BigInt(scale - a.scale) + b.units * 10n ** BigInt(scale - b.scale), scale };
}

/** One spelling a number: no leading zeros, no trailing zeros, no point without a fraction (docs/formats.md, controlSum). */
export function plainDecimal({ units, scale }: Decimal): string {
  const digits = units.toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
