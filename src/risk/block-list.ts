import { sha256 } from '@noble/hashes/sha2.js';
import { Problem, toHex } from '#base';
import { decodeText, parseCsv, type CsvRow } from './csv.ts';
import type { ListEntry, ScreeningList } from './types.ts';

const HEADER = 'name,address,country,reason';

function entryOf({ line, cells }: CsvRow): ListEntry {
  const [name = '', address = '', country = '', reason = ''] = cells.map((value) => value.trim());
  const refuse = (what: string): Problem => new Problem('risk/bad-list', `Block list, line ${line}: ${what}.`, { line });
  if (cells.length > 4) throw refuse('more than four cells');
  if (address !== '' && !/^0x[0-9a-fA-F]{40}$/.test(address)) throw refuse('the address is not 20 bytes of hexadecimal');
  if (country !== '' && !/^[A-Z]{2}$/.test(country)) throw refuse('the country is not an ISO 3166-1 code of two letters');
  if (name === '' && address === '' && country === '') throw refuse('neither name nor address nor country');
  return {
    list: 'own',
    id: `${line}`,
    kind: 'entity',
    names: name === '' ? [] : [{ name, source: 'primary' }],
    addresses: address === '' ? [] : [address.toLowerCase()],
    country: country === '' ? null : country,
    reason: reason === '' ? 'Own block list' : `Own block list: ${reason}`,
  };
}

/**
 * Our own block list: CSV with the header name,address,country,reason, each cell but one of the first three optional. A row with a country alone bars the whole
 * country. Throws `risk/bad-list`, and `risk/empty-list` for a list without a row.
 */
export function parseBlockList(bytes: Uint8Array): ScreeningList {
  const [header, ...rows] = parseCsv(decodeText(bytes), 'Block list');
  if (header?.cells.join(',').toLowerCase() !== HEADER) throw new Problem('risk/bad-list', `Block list, line 1: the header is not "${HEADER}".`, { line: 1 });
  if (rows.length === 0) throw new Problem('risk/empty-list', 'The block list holds not one row.');
  return { name: 'own', hash: toHex(sha256(bytes)), entries: rows.map(entryOf) };
}
