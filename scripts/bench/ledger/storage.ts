import type { Stage } from './stage.ts';
import { schemaOf } from './stage.ts';

export interface Relation {
  readonly name: string;
  readonly bytes: number;
}

/** Every table and index of the book, the largest first. A table's free space map and its visibility map are counted with it. */
export async function relationsOf({ owner, book }: Stage): Promise<Relation[]> {
  const { rows } = await owner.query<{ name: string; bytes: string }>(
    `select c.relname as name, pg_table_size(c.oid)::text as bytes from pg_class c
      where c.relkind in ('r', 'i') and c.relnamespace = $1::regnamespace order by pg_table_size(c.oid) desc`,
    [schemaOf(book)],
  );
  return rows.map(({ name, bytes }) => ({ name, bytes: Number(bytes) }));
}

/** What grew between two looks, in bytes a transfer, as a table. */
export function storageTable(before: readonly Relation[], after: readonly Relation[], transfers: number): { readonly total: number; readonly text: string } {
  const known = new Map(before.map(({ name, bytes }) => [name, bytes]));
  const grown = after.map(({ name, bytes }) => ({ name, each: (bytes - (known.get(name) ?? 0)) / transfers })).filter(({ each }) => each >= 0.05);
  const total = grown.reduce((sum, { each }) => sum + each, 0);
  const rows = grown.map(({ name, each }) => `| ${name} | ${each.toFixed(1)} |`);
  return { total, text: ['| relation | bytes a transfer |', '|--|--:|', ...rows, `| together | ${total.toFixed(1)} |`].join('\n') };
}
