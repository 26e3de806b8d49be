import type { BookId } from '#base';
import { loadSql } from '#db';
import { ofBook } from '#ledger';

const statements = loadSql(new URL('./sql/move.sql', import.meta.url), [
  'lock',
  'settings',
  'find',
  'ties',
  'make',
  'arrive',
  'arriving',
  'stand',
  'head',
  'headToLeave',
  'depart',
  'leave',
  'stay',
  'open',
  'goOn',
  'copied',
  'emptyChanging',
  'emptyEvidence',
  'emptyAll',
  'countEvidence',
  'readJournal',
  'readEvidence',
  'readHistory',
  'readAccounts',
  'readHolds',
  'writeJournal',
  'writeEvidence',
  'writeHistory',
  'writeAccounts',
  'writePending',
]);

export const listing = loadSql(new URL('./sql/list.sql', import.meta.url), ['books', 'place', 'standing']);

export type MoveStatements = typeof statements;

export function moveStatements(book: BookId): MoveStatements {
  return Object.fromEntries(Object.entries(statements).map(([name, statement]) => [name, ofBook(statement, book)])) as MoveStatements;
}
