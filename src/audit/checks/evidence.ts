import { Problem } from '#base';
import { parseCanonicalJson } from '#anchor/core';

/** The members of a JSON object that are text or numbers; an object of nobody's making is read without trusting its shape. */
export type Shape = Readonly<Record<string, 'string' | 'number' | 'boolean'>>;

type ValueOf<Kind> = Kind extends 'string' ? string : Kind extends 'number' ? number : boolean;
export type Shaped<S extends Shape> = { readonly [Member in keyof S]: ValueOf<S[Member]> };

/** The evidence with at least these members, or a sentence that says what it lacks. */
export function readEvidence<const S extends Shape>(json: string | undefined, shape: S): Shaped<S> | string {
  if (json === undefined || json === '') return 'is missing';
  let value: unknown;
  try {
    value = parseCanonicalJson(json);
  } catch (error) {
    if (error instanceof Problem) return `cannot be read: ${error.detail}`;
    throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is no object';
  const lacking = Object.entries(shape).find(([member, kind]) => typeof (value as Record<string, unknown>)[member] !== kind);
  return lacking ? `has no ${lacking[1]} "${lacking[0]}"` : (value as Shaped<S>);
}

/** What a check threw as a Problem, as a sentence; null where it did not. Bugs of ours stay bugs. */
export function refusalOf(check: () => void): string | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof Problem) return error.detail.replace(/\.$/, '');
    throw error;
  }
}
