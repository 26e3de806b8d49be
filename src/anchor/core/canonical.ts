import { Problem } from '#base';

/** What canonical JSON can hold: amounts are strings of minor units, so every number is a safe integer. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

const LONE_SURROGATE = /\p{Surrogate}/u;

function text(value: string): string {
  if (LONE_SURROGATE.test(value)) throw new Problem('anchor/not-canonical', 'A string holds half of a surrogate pair, which UTF-8 cannot write.');
  return JSON.stringify(value);
}

/**
 * RFC 8785 for strings, booleans, null, arrays, objects and safe integers: one value, one spelling, so one hash. The type takes any object, since interfaces
 * have no index signature; a member that this JSON cannot hold is refused all the same.
 */
export function canonicalJson(value: JsonValue | object): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return text(value);
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new Problem('anchor/not-canonical', `${value} is no safe integer: amounts are strings of minor units.`);
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  // RFC 8785 section 3.2.3: members sorted by UTF-16 code units, which is how JavaScript compares strings.
  const object = value as { readonly [key: string]: JsonValue };
  const members = Object.keys(object).sort();
  return `{${members.map((key) => `${text(key)}:${canonicalJson(object[key]!)}`).join(',')}}`;
}

/** Reads canonical JSON and nothing else: blanks, another order of members, a member twice or another spelling of a string are refused. */
export function parseCanonicalJson(json: string): JsonValue {
  let value: JsonValue;
  try {
    value = JSON.parse(json) as JsonValue;
  } catch (cause) {
    throw new Problem('anchor/not-canonical', 'The text is no JSON.', {}, cause);
  }
  if (canonicalJson(value) !== json) throw new Problem('anchor/not-canonical', 'The JSON is valid but not in its canonical spelling (RFC 8785).');
  return value;
}
