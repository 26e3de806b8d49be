import { sha256 } from '@noble/hashes/sha2.js';
import { concat, Problem, toHex, utf8 } from '#base';
import { decodeText, parseCsv, type CsvRow } from './csv.ts';
import type { ListedName, ListEntry, ScreeningList } from './types.ts';

/** The four files of OFAC's SDN list in its CSV format; only the first must be there. */
export interface OfacFiles {
  readonly sdn: Uint8Array;
  /** Other names. */
  readonly alt: Uint8Array | null;
  /** Postal addresses: kept in the hash, not screened. */
  readonly add: Uint8Array | null;
  /** Where remarks longer than a cell go on. */
  readonly comments: Uint8Array | null;
}

const NULL = '-0-';
const SDN_CELLS = 12;

function cell(row: CsvRow, index: number): string | null {
  const value = row.cells[index]?.trim();
  return value === undefined || value === '' || value === NULL ? null : value;
}

function rowsOf(bytes: Uint8Array | null, file: string): readonly CsvRow[] {
  return bytes ? parseCsv(decodeText(bytes), file) : [];
}

function idOf(row: CsvRow, file: string): string {
  const id = cell(row, 0);
  if (id === null || !/^\d{1,9}$/.test(id))
    throw new Problem('risk/bad-list', `${file}, line ${row.line}: "${(id ?? '').slice(0, 40)}" is not an entry number.`, { file, line: row.line });
  return id;
}

function kindOf(type: string | null): ListEntry['kind'] {
  return type === 'individual' || type === 'vessel' || type === 'aircraft' ? type : 'entity';
}

/** Any Ethereum address in the remarks is his, also where the words before it were cut off at the end of a cell; other chains only with their words. */
function addressesIn(remarks: string): readonly string[] {
  const ethereum = [...remarks.matchAll(/\b0x[0-9a-fA-F]{40}\b/g)].map(([address]) => address.toLowerCase());
  const others = [...remarks.matchAll(/Digital Currency Address - [A-Z0-9]{2,8} ([A-Za-z0-9]{20,110})/g)].map(([, address]) => address!);
  return [...new Set([...ethereum, ...others.filter((address) => !/^0x[0-9a-fA-F]{40}$/.test(address))])];
}

/** a.k.a. 'X' in the remarks: what OFAC calls weak aliases, nicknames too common to refuse by. */
function weakAliases(remarks: string): readonly ListedName[] {
  return [...remarks.matchAll(/[afn]\.k\.a\. '([^']{1,100})'/g)].map(([, name]) => ({ name: name!, source: 'weak alias' as const }));
}

/** A quoted name among the alternatives is a weak alias as well. */
function alternative(name: string): ListedName {
  const quoted = /^"(.+)"$/.exec(name);
  return quoted ? { name: quoted[1]!, source: 'weak alias' } : { name, source: 'alias' };
}

function grouped(rows: readonly CsvRow[], file: string, index: number): ReadonlyMap<string, readonly string[]> {
  const byId = new Map<string, string[]>();
  for (const row of rows) {
    const value = cell(row, index);
    if (value !== null) byId.set(idOf(row, file), [...(byId.get(idOf(row, file)) ?? []), value]);
  }
  return byId;
}

interface EntryParts {
  readonly id: string;
  readonly name: string | null;
  readonly type: string | null;
  readonly programme: string | null;
  readonly remarks: string;
  readonly alternatives: readonly string[];
}

function entryOf({ id, name, type, programme, remarks, alternatives }: EntryParts): ListEntry {
  const primary: readonly ListedName[] = name === null ? [] : [{ name, source: 'primary' }];
  return {
    list: 'ofac',
    id,
    kind: kindOf(type),
    names: [...primary, ...alternatives.map(alternative), ...weakAliases(remarks)],
    addresses: addressesIn(remarks),
    country: null,
    reason: `OFAC SDN${programme === null ? '' : ` (${programme.replaceAll('] [', ', ')})`}`,
  };
}

function hashOf(files: OfacFiles): Uint8Array {
  const parts = (['sdn', 'alt', 'add', 'comments'] as const).map((name) => concat(utf8(name), sha256(files[name] ?? new Uint8Array())));
  return sha256(concat(...parts));
}

/**
 * Reads OFAC's SDN list. Numbers that only the comments or the alternatives know (a list cut short on its way) stay in as entries of their own, so that their
 * names and addresses still bar. Throws `risk/bad-list`, and `risk/empty-list` for a list that parses to nothing.
 */
export function parseOfac(files: OfacFiles): ScreeningList {
  const rows = rowsOf(files.sdn, 'sdn.csv');
  const alternatives = grouped(rowsOf(files.alt, 'alt.csv'), 'alt.csv', 3);
  const comments = grouped(rowsOf(files.comments, 'sdn_comments.csv'), 'sdn_comments.csv', 1);
  const short = rows.find((row) => row.cells.length < SDN_CELLS);
  if (short)
    throw new Problem('risk/bad-list', `sdn.csv, line ${short.line}: ${short.cells.length} cells instead of ${SDN_CELLS}.`, {
      file: 'sdn.csv',
      line: short.line,
    });
  const listed = rows.map((row) => {
    const id = idOf(row, 'sdn.csv');
    // A remark goes on in the comments in the middle of a word: the two are one text.
    const remarks = (cell(row, 11) ?? '') + (comments.get(id) ?? []).join('');
    return entryOf({ id, name: cell(row, 1), type: cell(row, 2), programme: cell(row, 3), remarks, alternatives: alternatives.get(id) ?? [] });
  });
  const known = new Set(listed.map(({ id }) => id));
  const orphans = [...new Set([...alternatives.keys(), ...comments.keys()])].filter((id) => !known.has(id));
  const entries = [
    ...listed,
    ...orphans.map((id) => {
      const parts = { name: null, type: null, programme: null, remarks: (comments.get(id) ?? []).join(''), alternatives: alternatives.get(id) ?? [] };
      return entryOf({ id, ...parts });
    }),
  ];
  if (!listed.some(({ names }) => names.length > 0)) throw new Problem('risk/empty-list', 'sdn.csv holds not one entry.', { file: 'sdn.csv' });
  return { name: 'ofac', hash: toHex(hashOf(files)), entries };
}
