import { Problem } from '#base';

/** One page of a list: `next` is the position after its last item, in the list's own words; null at the end. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/**
 * A position as callers see it: opaque, so that its meaning may change. It says which list it belongs to and carries no permission: whoever changes
 * one only reads another place of the same list, still his own.
 */
export function encodeCursor(list: string, position: string): string {
  return Buffer.from(JSON.stringify([list, position])).toString('base64url');
}

/** The position in a cursor of this list; null where there is none yet. */
export function decodeCursor(list: string, cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  const position = positionIn(list, cursor);
  if (position === null || encodeCursor(list, position) !== cursor) throw new Problem('http/bad-cursor', 'This cursor was not made by this list.');
  return position;
}

function positionIn(list: string, cursor: string): string | null {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(parts) && parts[0] === list && typeof parts[1] === 'string' ? parts[1] : null;
  } catch {
    return null;
  }
}

/** A page in the shape every list answers. */
export function presentPage<Item>(list: string, page: Page<Item>, present: (item: Item) => unknown): { data: unknown[]; nextCursor: string | null } {
  return { data: page.items.map(present), nextCursor: page.next === null ? null : encodeCursor(list, page.next) };
}
