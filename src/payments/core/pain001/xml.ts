import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { assert, Problem } from '#base';
import { requireLexemes } from './lexemes.ts';
import { OUTERMOST, scopeOf, type Scope } from './namespaces.ts';

/** An element with its namespace resolved and its character references replaced. */
export interface XmlElement {
  /** Local name, without prefix. */
  readonly name: string;
  readonly namespace: string;
  /** From the message root, counted where siblings share a name: PmtInf[2]/CdtTrfTxInf[1]. */
  readonly path: string;
  /** Attributes without a prefix; namespace declarations are left out. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** Character data, outer white space removed; empty where there are children. */
  readonly text: string;
}

/** Deeper than any ISO 20022 message (pain.001 has 12 levels). */
const MAX_DEPTH = 32;
const ATTRIBUTES = ':@';
const TEXT = '#text';
const CDATA = '#cdata';

/** Nothing is expanded, converted, merged or trimmed by the library: what is read is what was signed. */
const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  processEntities: false,
  cdataPropName: CDATA,
  maxNestedTags: MAX_DEPTH,
});

type RawNode = Readonly<Record<string, unknown>>;

const PREDEFINED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const LEGAL_CHARACTER = /^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]$/u;

function malformed(detail: string, cause?: unknown): Problem {
  return new Problem('payments/malformed-xml', detail, {}, cause);
}

function characterOf(reference: string): string {
  const numeric = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(reference);
  const code = numeric ? (numeric[1] === undefined ? Number(numeric[2]) : parseInt(numeric[1], 16)) : -1;
  const character = numeric && code <= 0x10ffff ? String.fromCodePoint(code) : PREDEFINED[reference];
  if (character === undefined || !LEGAL_CHARACTER.test(character)) throw malformed(`"&${reference.slice(0, 20)};" names no character.`);
  return character;
}

/** Only the five predefined entities and character references exist, since a DOCTYPE is refused (XML 1.0 section 4.1). */
function decodeReferences(text: string): string {
  return text.replaceAll(/&([^;]*);/g, (_, reference: string) => characterOf(reference));
}

function nameOf(node: RawNode): string {
  return Object.keys(node).find((key) => key !== ATTRIBUTES)!;
}

function isElement(node: RawNode): boolean {
  const name = nameOf(node);
  return name !== TEXT && name !== CDATA && !name.startsWith('?');
}

function textOf(nodes: readonly RawNode[]): string {
  const parts = nodes.map((node) => {
    if (node[TEXT] !== undefined) return decodeReferences(node[TEXT] as string);
    return (node[CDATA] as readonly RawNode[] | undefined)?.map((part) => part[TEXT] as string).join('') ?? '';
  });
  return parts.join('').replaceAll(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
}

function build(node: RawNode, outer: Scope, path: string): XmlElement {
  const qualified = nameOf(node);
  const raw = (node[ATTRIBUTES] ?? {}) as Readonly<Record<string, string>>;
  const all = new Map(Object.entries(raw).map(([name, value]) => [name, decodeReferences(value)]));
  const scope = scopeOf(all, outer);
  const colon = qualified.indexOf(':');
  const namespace = scope.get(colon < 0 ? '' : qualified.slice(0, colon));
  if (namespace === undefined) throw malformed(`The prefix of <${qualified.slice(0, 60)}> is not declared.`);
  const attributes = new Map([...all].filter(([name]) => !name.includes(':') && name !== 'xmlns'));
  const nodes = node[qualified] as readonly RawNode[];
  const text = textOf(nodes);
  const elements = nodes.filter(isElement);
  if (elements.length > 0 && text !== '') throw malformed(`<${qualified.slice(0, 60)}> mixes text with elements.`);
  return { name: qualified.slice(colon + 1), namespace, path, attributes, children: buildChildren(elements, scope, path), text };
}

function buildChildren(elements: readonly RawNode[], scope: Scope, path: string): readonly XmlElement[] {
  const totals = new Map<string, number>();
  for (const element of elements) totals.set(nameOf(element), (totals.get(nameOf(element)) ?? 0) + 1);
  const seen = new Map<string, number>();
  return elements.map((element) => {
    const qualified = nameOf(element);
    const place = (seen.get(qualified) ?? 0) + 1;
    seen.set(qualified, place);
    const local = qualified.slice(qualified.indexOf(':') + 1);
    const step = totals.get(qualified)! > 1 ? `${local}[${place}]` : local;
    return build(element, scope, path === '' ? step : `${path}/${step}`);
  });
}

/**
 * The document element of well-formed XML without DOCTYPE. Paths start below it.
 * Throws `payments/doctype-refused`, `payments/xml-too-deep`, `payments/malformed-xml`.
 */
export function parseXml(text: string): XmlElement {
  if (text.trim() === '') throw malformed('The file is empty.');
  const doctype = /<!(?:DOCTYPE|ENTITY)/i.exec(text);
  if (doctype) throw new Problem('payments/doctype-refused', `"${doctype[0]}" stands at offset ${doctype.index}.`, { offset: doctype.index });
  requireLexemes(text);
  const verdict = XMLValidator.validate(text);
  if (verdict !== true)
    throw malformed(`Line ${verdict.err.line}${(verdict.err.col as number | undefined) ? `, column ${verdict.err.col}` : ''}: ${verdict.err.msg}`);
  const roots = parseNodes(text).filter(isElement);
  if (roots.length !== 1) throw malformed(`The file has ${roots.length} document elements instead of one.`);
  const root = roots[0];
  assert(root, 'a document element');
  return build(root, OUTERMOST, '');
}

function parseNodes(text: string): readonly RawNode[] {
  try {
    return parser.parse(text) as readonly RawNode[];
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    if (/nested/i.test(message)) throw new Problem('payments/xml-too-deep', `Elements are nested more than ${MAX_DEPTH} deep.`, { limit: MAX_DEPTH }, cause);
    throw malformed(message.slice(0, 200), cause);
  }
}
