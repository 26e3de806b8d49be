import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { assert } from '#base';

/** One statement of a .sql file. PostgreSQL prepares it once a connection under `name`. */
export interface NamedStatement {
  /** "file.statement", unique in the deployment and at most 63 bytes, as PostgreSQL's names are. */
  readonly name: string;
  readonly text: string;
}

const HEADER = /^-- name: (\w+)\s*$/;

/**
 * The statements of a plain SQL file, each under a line `-- name: itsName`. The names the caller will use are given, and compared with the file both
 * ways: a statement that nobody calls and a call that no statement answers are found when the program is loaded, not when it is in need.
 */
export function loadSql<Name extends string>(file: URL, names: readonly Name[]): Readonly<Record<Name, NamedStatement>> {
  const statements = parseSql(basename(file.pathname, '.sql'), readFileSync(file, 'utf8'));
  const found = Object.keys(statements).sort().join(', ');
  assert(found === [...names].sort().join(', '), `${file.pathname} holds the statements ${found}, not ${names.join(', ')}`);
  return statements as Record<Name, NamedStatement>;
}

function parseSql(file: string, text: string): Record<string, NamedStatement> {
  const statements: Record<string, { name: string; text: string }> = {};
  let current: { name: string; text: string } | undefined;
  for (const line of text.split('\n')) {
    const header = HEADER.exec(line)?.[1];
    if (header !== undefined) {
      assert(statements[header] === undefined, `${file}.sql names ${header} twice`);
      current = { name: `${file}.${header}`, text: '' };
      assert(current.name.length <= 63, `${current.name} is longer than a name of PostgreSQL`);
      statements[header] = current;
    } else if (current) {
      current.text += `${line}\n`;
    } else {
      assert(line.trim() === '' || line.startsWith('--'), `${file}.sql begins with a statement that has no name`);
    }
  }
  return statements;
}
