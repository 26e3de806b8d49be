import { Problem } from '#base';

/** One page of a list: `next` is the position after its last item, in the list's own words; null at the end. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** A list that is paged, and how a position in it is written: what goes into a query is checked before. */
export interface PagedList {
  readonly name: string;
  readonly position: RegExp;
}

export const UUID_POSITION = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const NUMBER_POSITION = /^[0-9]{1,18}$/;

/**
 * A position as callers see it: opaque, so that its meaning may change. It says which list it belongs to and carries no permission: whoever changes
 * one only reads another place of the same list, still his own.
 */
function encodeCursor(list: PagedList, position: string): string {
  return Buffer.from(JSON.stringify([list.name, position])).toString('base64url');
}

/** The position in a cursor of this list; null where there is none yet. */
export function decodeCursor(list: PagedList, cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  const position = positionIn(list, cursor);
  if (position === null || encodeCursor(list, position) !== cursor) throw new Problem('http/bad-cursor', 'This cursor was not made by this list.');
  return position;
}

function positionIn(list: PagedList, cursor: string): string | null {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (!Array.isArray(parts) || parts[0] !== list.name || typeof parts[1] !== 'string') return null;
    return list.position.test(parts[1]) ? parts[1] : null;
  } catch {
    return null;
  }
}

/** A page in the shape every list answers. */
export function presentPage<Item>(list: PagedList, page: Page<Item>, present: (item: Item) => unknown): { data: unknown[]; nextCursor: string | null } {
  return { data: page.items.map(present), nextCursor: page.next === null ? null : encodeCursor(list, page.next) };
}
