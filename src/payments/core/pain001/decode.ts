import { Problem } from '#base';

/** Bytes of a file we read at all: above it a parser's memory is the attacker's to spend. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;

const BYTE_ORDER_MARKS: readonly (readonly [mark: readonly number[], encoding: string])[] = [
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0xff, 0xfe], 'utf-16le'],
  [[0xfe, 0xff], 'utf-16be'],
];

/** The first character "<" of a file without a mark (XML 1.0 appendix F.1). */
const UNMARKED_UTF16: readonly (readonly [start: readonly number[], encoding: string])[] = [
  [[0x3c, 0x00], 'utf-16le'],
  [[0x00, 0x3c], 'utf-16be'],
];

const DECLARED_ENCODING = /^<\?xml\s[^>]{0,200}?encoding\s*=\s*(?:"([A-Za-z0-9._-]{1,40})"|'([A-Za-z0-9._-]{1,40})')/;
/** What the declaration may say, by the encoding the first bytes show. */
const FITS: Readonly<Record<string, readonly string[]>> = {
  'utf-8': ['utf-8', 'us-ascii'],
  'utf-16le': ['utf-16', 'utf-16le'],
  'utf-16be': ['utf-16', 'utf-16be'],
};
/** Characters XML 1.0 section 2.2 leaves out. */
const ILLEGAL_CHARACTER = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, i) => bytes[i] === byte);
}

function decode(bytes: Uint8Array, encoding: string): string {
  try {
    // Each byte of ISO-8859-1 is its own code point; the web's "latin1" would be windows-1252.
    return encoding === 'iso-8859-1' ? Buffer.from(bytes).toString('latin1') : new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Problem('payments/unsupported-encoding', `The bytes are not valid ${encoding.toUpperCase()}.`, { encoding }, cause);
  }
}

/**
 * The characters of an XML file, without its byte order mark. The first bytes decide between UTF-8 and UTF-16; the declaration may only agree, or name ISO-8859-1.
 * Throws `payments/file-too-large`, `payments/unsupported-encoding`, `payments/malformed-xml` (a character XML forbids).
 */
export function decodeXml(bytes: Uint8Array): string {
  if (bytes.length > MAX_FILE_BYTES) {
    throw new Problem('payments/file-too-large', `The file has ${bytes.length} bytes; we read at most ${MAX_FILE_BYTES}.`, { bytes: bytes.length });
  }
  const marked = BYTE_ORDER_MARKS.find(([mark]) => startsWith(bytes, mark));
  const shown = marked?.[1] ?? UNMARKED_UTF16.find(([start]) => startsWith(bytes, start))?.[1] ?? 'utf-8';
  const body = bytes.subarray(marked?.[0].length ?? 0);
  const head = shown === 'utf-8' ? Buffer.from(body.subarray(0, 300)).toString('latin1') : decode(body.subarray(0, 600), shown);
  const match = DECLARED_ENCODING.exec(head);
  const declared = (match?.[1] ?? match?.[2])?.toLowerCase();
  const isLatin1 = declared === 'iso-8859-1' && shown === 'utf-8' && !marked;
  if (declared !== undefined && !isLatin1 && !FITS[shown]!.includes(declared)) {
    throw new Problem('payments/unsupported-encoding', `The file is declared as ${declared} and looks like ${shown}.`, { declared, encoding: shown });
  }
  const text = decode(body, isLatin1 ? 'iso-8859-1' : shown);
  const illegal = ILLEGAL_CHARACTER.exec(text);
  if (illegal) {
    const code = illegal[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
    throw new Problem('payments/malformed-xml', `Character U+${code} at offset ${illegal.index} is not allowed in XML.`, { offset: illegal.index });
  }
  return text;
}
