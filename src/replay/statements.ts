import { uuidBytes, type BookId } from '#base';
import { loadSql, type NamedStatement } from '#db';

export const SCRATCH = loadSql(new URL('./sql/scratch.sql', import.meta.url), [
  'session',
  'accountTable',
  'holdTable',
  'holdIndex',
  'clear',
  'streaming',
  'comparing',
  'analyze',
  'putAccounts',
  'putHolds',
  'accounts',
  'holds',
  'holdsToSettle',
  'counts',
]);

const stored = loadSql(new URL('./sql/stored.sql', import.meta.url), [
  'snapshot',
  'books',
  'chain',
  'head',
  'filed',
  'bookedBefore',
  'history',
  'sealedEnd',
  'batch',
  'subjectKeys',
  'anchors',
  'wrongAccount',
  'wrongHold',
  'wrongHistory',
  'strayEvidence',
  'strayCursor',
  'wrongPayment',
  'strayPayment',
  'wrongInstruction',
]);

export type Stored = typeof stored;

/** What is read of one book: its schema in the place of `book`, and names of their own, because a connection goes from book to book. */
export function storedOf(book: BookId): Stored {
  const hex = Buffer.from(uuidBytes(book)).toString('hex');
  const all: Readonly<Record<string, NamedStatement>> = stored;
  const own = Object.entries(all).map(([name, statement]) => {
    return [name, { name: `${statement.name}.${hex}`, text: statement.text.replaceAll(/\bbook\.(?=[a-z_]+\b)/g, `book_${hex}.`) }];
  });
  return Object.fromEntries(own) as Stored;
}

/** What is not one book's. */
export const DEPLOYMENT: Pick<Stored, 'snapshot' | 'books' | 'chain' | 'anchors'> = stored;
