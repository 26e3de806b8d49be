import { Problem } from '#base';

/** CSV of RFC 4180 and of OFAC: CRLF or LF, doubled quotes, quoted line breaks, and the Ctrl-Z that still ends OFAC's files. */

const CTRL_Z = '\u001a';

/** List files come in UTF-8, the older ones in windows-1252. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

/** One row's cells, with the line the row starts at, from 1. */
export interface CsvRow {
  readonly line: number;
  readonly cells: readonly string[];
}

/** A quoted cell, an unquoted one, or a line break; sticky, so that a stray quote shows. */
const TOKEN = /"((?:[^"]|"")*)"[ \t]*(,|\r?\n|$)|([^",\r\n]*)(,|\r?\n|$)/y;

/** Throws `risk/bad-list` where a quote is left open or stands inside an unquoted cell. */
export function parseCsv(text: string, file: string): readonly CsvRow[] {
  const body = text.replace(/^\uFEFF/, '').split(CTRL_Z, 1)[0]!;
  const rows: CsvRow[] = [];
  let cells: string[] = [];
  let [line, startLine, offset] = [1, 1, 0];
  while (offset < body.length) {
    TOKEN.lastIndex = offset;
    const match = TOKEN.exec(body);
    if (!match) throw new Problem('risk/bad-list', `${file}, line ${line}: a quotation mark does not end its cell.`, { file, line });
    cells.push(match[1] === undefined ? match[3]!.trim() : match[1].replaceAll('""', '"'));
    offset += match[0].length;
    line += match[0].split('\n').length - 1;
    if ((match[2] ?? match[4]) === ',' && offset < body.length) continue;
    if (cells.some((cell) => cell !== '')) rows.push({ line: startLine, cells });
    cells = [];
    startLine = line;
  }
  return rows;
}
