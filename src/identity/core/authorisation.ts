import { isHex, isUuid, Problem, type Eip712Type, type Hex } from '#base';
import { STRUCTS, type MessageKind, type Messages } from './messages.ts';

/** How a merchant shows that a message is his. WebAuthn assertions will join as a scheme of their own; every verifier goes through the union. */
export type Evidence = Eip712Evidence;

export interface Eip712Evidence {
  readonly scheme: 'eip712';
  /** r || s || v, 65 bytes. */
  readonly signature: Hex;
}

export interface Authorisation<Kind extends MessageKind> {
  readonly kind: Kind;
  readonly message: Messages[Kind];
  readonly evidence: Evidence;
}

/** JSON-ready: integers as decimal strings, ids as UUIDs, bytes as lower-case hexadecimal. Its canonical JSON is the `authorisation` field of a record. */
export interface AuthorisationJson {
  readonly kind: MessageKind;
  readonly message: Readonly<Record<string, string>>;
  readonly evidence: Evidence;
}

const UINT = /^(?:0|[1-9]\d{0,77})$/;
/** Longer than any name or account of an order file. */
const MAX_TEXT = 200;

function bad(where: string, what: string): Problem {
  return new Problem('identity/bad-authorisation', `${where} ${what}.`, { where });
}

function parseUint(text: string, bits: number, where: string): bigint {
  if (!UINT.test(text) || BigInt(text) >= 1n << BigInt(bits)) throw bad(where, `is not a whole number below 2^${bits}, in a string`);
  return BigInt(text);
}

function parseText(text: string, where: string): string {
  if (text === '' || text.length > MAX_TEXT || !text.isWellFormed()) throw bad(where, `is not a text of 1 to ${MAX_TEXT} characters`);
  // No order file can name them, PostgreSQL stores no NUL, and a name that rewrites the terminal it is shown on is no name.
  if (/\p{Cc}/u.test(text)) throw bad(where, 'has a control character');
  return text;
}

/** One member by its EIP-712 type; bytes16 are UUIDs in all our messages. Addresses may come with EIP-55 capitals, and leave without. */
function parseMember(type: Eip712Type, value: unknown, where: string): string | bigint {
  if (typeof value !== 'string') throw bad(where, 'is not a string');
  if (type.startsWith('uint')) return parseUint(value, Number(type.slice(4)), where);
  if (type === 'string') return parseText(value, where);
  if (type === 'bytes16') {
    if (!isUuid(value)) throw bad(where, 'is not a lower-case UUID');
    return value;
  }
  const bytes = value.toLowerCase();
  const length = type === 'address' ? 20 : 32;
  if (!isHex(bytes, length)) throw bad(where, `is not ${length} bytes of hexadecimal`);
  if (type === 'address' && /^0x0{40}$/.test(bytes)) throw bad(where, 'is the zero address');
  return bytes;
}

function parseEvidence(json: unknown): Evidence {
  if (typeof json !== 'object' || json === null) throw bad('evidence', 'is missing');
  const { scheme, signature } = json as Record<string, unknown>;
  if (scheme !== 'eip712') throw new Problem('identity/unsupported-scheme', `The evidence is of scheme "${String(scheme).slice(0, 40)}".`);
  if (typeof signature !== 'string' || !isHex(signature.toLowerCase(), 65)) throw bad('evidence.signature', 'is not 65 bytes of hexadecimal');
  return { scheme, signature: signature.toLowerCase() as Hex };
}

/**
 * Reads an authorisation from JSON; members the struct does not name are refused, since nobody signed them.
 * Throws `identity/bad-authorisation`, `identity/unsupported-scheme`.
 */
export function parseAuthorisation<Kind extends MessageKind>(kind: Kind, json: unknown): Authorisation<Kind> {
  if (typeof json !== 'object' || json === null) throw bad('The authorisation', 'is not a JSON object');
  const { kind: stated, message, evidence } = json as Record<string, unknown>;
  if (stated !== kind) throw bad('kind', `is "${String(stated).slice(0, 40)}" instead of "${kind}"`);
  if (typeof message !== 'object' || message === null) throw bad('message', 'is missing');
  const { members } = STRUCTS[kind];
  const stranger = Object.keys(message).find((name) => !members.some(([, member]) => member === name));
  if (stranger !== undefined) throw bad(`message.${stranger.slice(0, 40)}`, 'is not part of what is signed');
  const values = members.map(([type, name]) => [name, parseMember(type, (message as Record<string, unknown>)[name], `message.${name}`)] as const);
  return { kind, message: Object.fromEntries(values) as unknown as Messages[Kind], evidence: parseEvidence(evidence) };
}

export function authorisationJson<Kind extends MessageKind>({ kind, message, evidence }: Authorisation<Kind>): AuthorisationJson {
  const members = Object.entries(message).map(([name, value]) => [name, String(value)] as const);
  return { kind, message: Object.fromEntries(members), evidence };
}
