import { Problem } from '#base';
import { readDecimal, type Decimal } from './decimals.ts';
import type { XmlElement } from './xml.ts';

/** Reading one message's elements by name, with refusals that say where. */

export function pathOf(parent: XmlElement, name: string): string {
  return parent.path === '' ? name : `${parent.path}/${name}`;
}

export function bad(element: string, detail: string): Problem {
  return new Problem('payments/bad-element', `${element}: ${detail}`, { element });
}

export function optional(parent: XmlElement | null, name: string): XmlElement | null {
  if (parent === null) return null;
  const found = parent.children.filter((child) => child.name === name);
  if (found.length > 1) {
    throw new Problem('payments/repeated-element', `${pathOf(parent, name)} appears ${found.length} times.`, { element: pathOf(parent, name) });
  }
  return found[0] ?? null;
}

export function required(parent: XmlElement, name: string): XmlElement {
  const found = optional(parent, name);
  if (!found) throw new Problem('payments/missing-element', `${pathOf(parent, name)} is missing.`, { element: pathOf(parent, name) });
  return found;
}

export function all(parent: XmlElement | null, name: string): readonly XmlElement[] {
  return parent?.children.filter((child) => child.name === name) ?? [];
}

/** The element at the end of a chain of single elements, or null where a link is missing. */
export function at(parent: XmlElement | null, ...names: readonly string[]): XmlElement | null {
  return names.reduce<XmlElement | null>((element, name) => optional(element, name), parent);
}

/** Text of an ISO 20022 type MaxNText: at least one character, counted as code points. */
export function textOf(element: XmlElement, maxLength: number): string {
  if (element.children.length > 0) throw bad(element.path, 'has elements where text is expected.');
  if (element.text === '') throw bad(element.path, 'is empty.');
  if (Array.from(element.text).length > maxLength) throw bad(element.path, `is longer than ${maxLength} characters.`);
  return element.text;
}

export function optionalText(parent: XmlElement | null, name: string, maxLength: number): string | null {
  const element = optional(parent, name);
  return element && textOf(element, maxLength);
}

/** The code or the proprietary text of a choice Cd | Prtry. */
export function codeOf(parent: XmlElement | null): string | null {
  return optionalText(parent, 'Cd', 35) ?? optionalText(parent, 'Prtry', 35);
}

export function decimalOf(element: XmlElement, totalDigits: number, fractionDigits: number): Decimal {
  const decimal = readDecimal(element.text, totalDigits, fractionDigits);
  if (!decimal)
    throw bad(element.path, `"${element.text.slice(0, 60)}" is not a decimal of at most ${totalDigits} digits, ${fractionDigits} of them after the point.`);
  return decimal;
}

const DATE = /^(\d{4})-(\d{2})-(\d{2})/;

function isCalendarDate(text: string): boolean {
  const match = DATE.exec(text);
  if (!match) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

const ZONE = '(?:Z|[+-](?:0\\d|1[0-4]):[0-5]\\d)?';
const ISO_DATE = new RegExp(`^\\d{4}-\\d{2}-\\d{2}${ZONE}$`);
const ISO_DATE_TIME = new RegExp(`^\\d{4}-\\d{2}-\\d{2}T(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?${ZONE}$`);

/** YYYY-MM-DD of an xs:date; a zone, which SEPA forbids and XML allows, is dropped. */
export function dateOf(element: XmlElement): string {
  if (!ISO_DATE.test(element.text) || !isCalendarDate(element.text)) throw bad(element.path, `"${element.text.slice(0, 40)}" is not a date.`);
  return element.text.slice(0, 10);
}

export function dateTimeOf(element: XmlElement): string {
  if (!ISO_DATE_TIME.test(element.text) || !isCalendarDate(element.text)) throw bad(element.path, `"${element.text.slice(0, 40)}" is not a date and time.`);
  return element.text;
}
