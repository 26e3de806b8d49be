import type { BookId } from '#base';
import { loadSql } from '#db';
import { ofBook } from '#ledger';

const statements = loadSql(new URL('./sql/move.sql', import.meta.url), [
  'lock',
  'settings',
  'find',
  'isOfThePlatform',
  'make',
  'arrive',
  'stand',
  'head',
  'headToLeave',
  'depart',
  'leave',
  'stay',
  'open',
  'goOn',
  'copied',
  'emptyPending',
  'emptyEvidence',
  'countEvidence',
  'readJournal',
  'readEvidence',
  'readHistory',
  'readAccounts',
  'readPending',
  'writeJournal',
  'writeEvidence',
  'writeHistory',
  'writeAccounts',
  'writePending',
]);

export type MoveStatements = typeof statements;

export function moveStatements(book: BookId): MoveStatements {
  return Object.fromEntries(Object.entries(statements).map(([name, statement]) => [name, ofBook(statement, book)])) as MoveStatements;
}
