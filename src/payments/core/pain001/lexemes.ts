import { Problem } from '#base';

/**
 * The lexical half of well-formedness (XML 1.0 section 2), because the parser behind it forgives: "<" in attributes, "]]>" in text, names that are none. What two
 * readers could read in two ways must not reach either.
 */

const NAME = String.raw`[\p{L}_][\p{L}\p{M}\p{N}._·\-]*`;
const QNAME = `${NAME}(?::${NAME})?`;
const QUOTED = String.raw`(?:"[^<"]*"|'[^<']*')`;

const DECLARATION =
  /<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.\d"|'1\.\d')(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"[A-Za-z][\w.-]*"|'[A-Za-z][\w.-]*'))?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>/y;
const TEXT = /[^<&\]]+|\](?!\]>)|&(?:#\d+|#x[0-9a-fA-F]+|[a-z]+);/y;
const TAG = new RegExp(String.raw`<\/${QNAME}[ \t\r\n]*>|<${QNAME}(?:[ \t\r\n]+${QNAME}[ \t\r\n]*=[ \t\r\n]*${QUOTED})*[ \t\r\n]*\/?>`, 'uy');
const PROCESSING_INSTRUCTION = new RegExp(String.raw`<\?(?![xX][mM][lL][ \t\r\n?])${NAME}(?=[ \t\r\n]|\?>)`, 'uy');

function matchAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/** The end of a section that begins at `at`, or -1 where it is never closed. */
function endOf(text: string, at: number, opening: string, closing: string): number {
  const close = text.indexOf(closing, at + opening.length);
  return close < 0 ? -1 : close + closing.length;
}

function commentEnd(text: string, at: number): number {
  // The first "--" after the opening has to be the closing one.
  const dashes = text.indexOf('--', at + 4);
  return dashes >= 0 && text[dashes + 2] === '>' ? dashes + 3 : -1;
}

function lexemeEnd(text: string, at: number): number {
  if (text.startsWith('<!--', at)) return commentEnd(text, at);
  if (text.startsWith('<![CDATA[', at)) return endOf(text, at, '<![CDATA[', ']]>');
  if (text.startsWith('<?', at)) return matchAt(PROCESSING_INSTRUCTION, text, at) < 0 ? -1 : endOf(text, at, '<?', '?>');
  if (text[at] !== '<') return matchAt(TEXT, text, at);
  const end = matchAt(TAG, text, at);
  return end - at > MAX_TAG ? -1 : end;
}

/** Tags, texts, references and comments: a file of millions of tiny ones costs seconds for nothing (20,000 payments have some 2,000,000). */
const MAX_LEXEMES = 2_500_000;
/** Characters of one tag: room for a dozen namespaces, not for a million attributes. */
const MAX_TAG = 8_192;

/** What may stand beside the document element (XML 1.0 production 27, Misc): white space, comments, processing instructions. CDATA and references may not. */
const OUTSIDE = /^(?:[ \t\r\n]+$|<!--|<\?)/;

/** How many elements are open after this lexeme; -1 where it may not stand outside of every element, or closes none. */
function depthAfter(lexeme: string, depth: number): number {
  if (lexeme.startsWith('</')) return depth - 1;
  const isTag = lexeme.startsWith('<') && !lexeme.startsWith('<!') && !lexeme.startsWith('<?');
  if (isTag) return lexeme.endsWith('/>') ? depth : depth + 1;
  return depth > 0 || OUTSIDE.test(lexeme) ? depth : -1;
}

/** Throws `payments/malformed-xml` at the first place that is no lexeme of XML or stands where it may not, `payments/file-too-large` where there are too many. */
export function requireLexemes(text: string): void {
  let at = /^<\?xml[ \t\r\n?]/.test(text) ? matchAt(DECLARATION, text, 0) : 0;
  if (at < 0) throw new Problem('payments/malformed-xml', 'The XML declaration is malformed.', { offset: 0 });
  let depth = 0;
  for (let count = 0; at < text.length; count++) {
    if (count === MAX_LEXEMES) throw new Problem('payments/file-too-large', `The file has more than ${MAX_LEXEMES} tags and texts.`, { limit: MAX_LEXEMES });
    const end = lexemeEnd(text, at);
    if (end >= 0) depth = depthAfter(text.slice(at, end), depth);
    if (end < 0 || depth < 0) {
      const line = text.slice(0, at).split('\n').length;
      throw new Problem('payments/malformed-xml', `Line ${line}: "${text.slice(at, at + 30)}" is not XML.`, { offset: at, line });
    }
    at = end;
  }
}
