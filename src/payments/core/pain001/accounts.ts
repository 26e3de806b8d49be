import { isValidBIC, isValidIBAN } from 'ibantools';
import { at, bad, optional, optionalText, pathOf, textOf } from './fields.ts';
import type { AccountRef, Defect, Party } from './types.ts';
import type { XmlElement } from './xml.ts';

/** Who pays, who is paid and where: parties, accounts and banks of a message. */

const IBAN_SHAPE = /^[A-Z]{2}\d{2}[A-Z0-9]{1,30}$/;

/** Of CdtrAcct or DbtrAcct; null where neither identification is given. Whether an IBAN's check digits are right is asked of `ibanDefect`. */
export function readAccount(account: XmlElement | null): AccountRef | null {
  const id = optional(account, 'Id');
  const iban = optional(id, 'IBAN');
  if (iban) return { scheme: 'iban', id: textOf(iban, 42).replaceAll(/\s/g, '').toUpperCase() };
  const other = optionalText(optional(id, 'Othr'), 'Id', 34);
  return other === null ? null : { scheme: 'other', id: other };
}

export function ibanDefect(account: AccountRef, parent: XmlElement, element: string): Defect | null {
  if (account.scheme !== 'iban' || (IBAN_SHAPE.test(account.id) && isValidIBAN(account.id))) return null;
  return {
    code: 'payments/bad-iban',
    element: pathOf(parent, `${element}/Id/IBAN`),
    detail: `${account.id} fails the length or the check digits of its country.`,
  };
}

/** BIC (version .03) or BICFI (.09) of a bank. */
export function readBic(agent: XmlElement | null): string | null {
  const institution = optional(agent, 'FinInstnId');
  return optionalText(institution, 'BICFI', 35) ?? optionalText(institution, 'BIC', 35);
}

export function bicDefect(bic: string | null, parent: XmlElement, element: string): Defect | null {
  if (bic === null || isValidBIC(bic)) return null;
  return { code: 'payments/bad-bic', element: pathOf(parent, `${element}/FinInstnId`), detail: `${bic} is not a BIC of 8 or 11 characters.` };
}

function joined(address: XmlElement, ...names: readonly string[]): readonly string[] {
  const parts = names.map((name) => optionalText(address, name, 70)).filter((part) => part !== null);
  return parts.length === 0 ? [] : [parts.join(' ')];
}

function addressLines(address: XmlElement | null): readonly string[] {
  if (!address) return [];
  const structured = [...joined(address, 'StrtNm', 'BldgNb'), ...joined(address, 'PstCd', 'TwnNm')];
  const free = address.children.filter((child) => child.name === 'AdrLine').map((line) => textOf(line, 70));
  return [...structured, ...free];
}

function countryOf(party: XmlElement): string | null {
  const country = at(party, 'PstlAdr', 'Ctry') ?? optional(party, 'CtryOfRes');
  if (!country) return null;
  if (!/^[A-Z]{2}$/.test(country.text)) throw bad(country.path, `"${country.text.slice(0, 20)}" is not an ISO 3166-1 code of two letters.`);
  return country.text;
}

/** A party without a name keeps the empty one; the caller decides whether that is a defect. */
export function readParty(party: XmlElement | null): Party {
  if (!party) return { name: '', country: null, addressLines: [] };
  return { name: optionalText(party, 'Nm', 140) ?? '', country: countryOf(party), addressLines: addressLines(optional(party, 'PstlAdr')) };
}

export function readOptionalParty(party: XmlElement | null): Party | null {
  return party && readParty(party);
}
