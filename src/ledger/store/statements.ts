import { uuidBytes, type BookId } from '#base';
import { loadSql, type NamedStatement } from '#db';

const files = {
  append: loadSql(new URL('../sql/append.sql', import.meta.url), ['appendTransfers', 'append']),
  load: loadSql(new URL('../sql/load.sql', import.meta.url), [
    'create',
    'whereabouts',
    'place',
    'standing',
    'take',
    'evict',
    'renew',
    'atWork',
    'clock',
    'unlock',
    'settings',
    'head',
    'lastAccountNo',
    'accounts',
    'holds',
    'holdsToSettle',
    'holdsDue',
    'byId',
    'byKey',
    'assets',
  ]),
  read: loadSql(new URL('../sql/read.sql', import.meta.url), [
    'schema',
    'accountsOf',
    'records',
    'seqAt',
    'before',
    'next',
    'entries',
    'bySeq',
    'holdsOfWindow',
    'interbookHolds',
  ]),
};

type Statements = (typeof files)['append'] & (typeof files)['load'] & (typeof files)['read'];

/** The schema that holds a book, as `cairn.create_book` names it. */
export function schemaOf(book: BookId): string {
  return `book_${Buffer.from(uuidBytes(book)).toString('hex')}`;
}

/** A statement of one book: its schema in the place of `book`, and a name of its own, because connections are shared between books. */
export function ofBook(statement: NamedStatement, book: BookId): NamedStatement {
  const schema = schemaOf(book);
  return { name: `${statement.name}.${schema.slice('book_'.length)}`, text: statement.text.replaceAll(/\bbook\.(?=[a-z_]+\b)/g, `${schema}.`) };
}

export function statementsOf(book: BookId): Statements {
  const all: Readonly<Record<string, NamedStatement>> = { ...files.append, ...files.load, ...files.read };
  return Object.fromEntries(Object.entries(all).map(([name, statement]) => [name, ofBook(statement, book)])) as Statements;
}
