import type { RandomBytes, TimeMs } from './clock.ts';
import { assert } from './problem.ts';

/** A canonical lower-case UUID; the brand says what it names. 16 bytes in leaves, `uuid` in PostgreSQL. */
export type Uuid<Brand extends string> = string & { readonly __uuid: Brand };

export type BookId = Uuid<'book'>;
export type AccountId = Uuid<'account'>;
export type TransferId = Uuid<'transfer'>;
export type PaymentId = Uuid<'payment'>;
export type MerchantId = Uuid<'merchant'>;
export type PayeeId = Uuid<'payee'>;
export type OrderId = Uuid<'order'>;
export type WindowId = Uuid<'window'>;

export const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/** 1 for the codes of 0-9 and a-f, 2 for that of the dash. */
const CLASSES = Uint8Array.from({ length: 128 }, (_, code) => ('0123456789abcdef'.includes(String.fromCharCode(code)) ? 1 : code === 45 ? 2 : 0));
const SHAPE = Uint8Array.from('xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx', (mark) => (mark === 'x' ? 1 : 2));

/** By a loop and not by a regular expression, which takes half as long again: every id of every transfer passes here. */
export function isUuid<Id extends Uuid<string>>(text: string): text is Id {
  if (text.length !== SHAPE.length) return false;
  for (let place = 0; place < SHAPE.length; place++) {
    const code = text.charCodeAt(place);
    if (code > 127 || CLASSES[code] !== SHAPE[place]) return false;
  }
  return true;
}

export function uuidBytes(id: string): Uint8Array {
  assert(isUuid(id), `not a canonical UUID: ${id}`);
  return new Uint8Array(Buffer.from(id.replaceAll('-', ''), 'hex'));
}

export function uuidFromBytes<Id extends Uuid<string>>(bytes: Uint8Array): Id {
  assert(bytes.length === 16, 'a UUID has 16 bytes');
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as Id;
}

/** UUIDv7 (RFC 9562 section 5.7): time-ordered, so that index pages fill from one end. */
export function newId<Id extends Uuid<string>>(nowMs: TimeMs, random: RandomBytes): Id {
  const bytes = random(16);
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(nowMs / 2 ** (8 * (5 - i))) & 0xff;
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return uuidFromBytes(bytes);
}

/** An id that follows from a digest (a deposit's from its log, a leg's from its payment), so that a retry names the same thing: UUIDv8 of its first 16 bytes. */
export function derivedId<Id extends Uuid<string>>(digest: Uint8Array): Id {
  const bytes = digest.slice(0, 16);
  bytes[6] = 0x80 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return uuidFromBytes(bytes);
}
