import { Problem } from '#base';
import type { Message } from './pgoutput.ts';

/** How far a committed transaction brought the journal in a schema. */
export interface Mark {
  readonly schema: string;
  readonly seq: bigint;
}

const COLUMN = 'seq';

/** Reads marks out of a stream of messages: told each one, in order, it gives the marks of a transaction when that ends. */
export function createMarkReader(): (message: Message) => readonly Mark[] {
  const relations = new Map<number, { readonly schema: string; readonly at: number }>();
  let marks: Mark[] = [];
  return (message) => {
    if (message.kind === 'relation') relations.set(message.relation, { schema: message.schema, at: message.columns.indexOf(COLUMN) });
    if (message.kind === 'update') {
      const relation = relations.get(message.relation);
      const value = relation && message.values[relation.at];
      if (!relation || !value || !/^\d{1,19}$/.test(value)) throw new Problem('store/unreadable-stream', 'The server sent a head without its seq.');
      marks.push({ schema: relation.schema, seq: BigInt(value) });
    }
    if (message.kind !== 'commit') return [];
    const whole = marks;
    marks = [];
    return whole;
  };
}
