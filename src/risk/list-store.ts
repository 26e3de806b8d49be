import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '#base';
import { parseBlockList } from './block-list.ts';
import { parseOfac } from './ofac.ts';
import type { ScreeningList } from './types.ts';

/** Lists on disk. A list that should be there and cannot be read must stop the screening, never empty it. */

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Problem('risk/bad-list', `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { path }, cause);
  }
}

/** A folder with sdn.csv, alt.csv, add.csv and sdn_comments.csv as OFAC publishes them; all four must be there. */
export function readOfacFolder(folder: string): ScreeningList {
  const [sdn, alt, add, comments] = ['sdn.csv', 'alt.csv', 'add.csv', 'sdn_comments.csv'].map((name) => read(join(folder, name)));
  return parseOfac({ sdn: sdn!, alt: alt!, add: add!, comments: comments! });
}

export function readBlockList(path: string): ScreeningList {
  return parseBlockList(read(path));
}
