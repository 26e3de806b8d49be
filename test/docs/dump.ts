import { loadSql, query, type Queryable } from '#db';

const sql = loadSql(new URL('./sql/schema.sql', import.meta.url), ['types', 'columns', 'details', 'functions', 'schemas', 'ours', 'creator', 'book']);

interface Row {
  readonly schema: string;
  readonly object: string;
  readonly line: string;
}

/** The book that stands for every book in the dump: each has the same schema under its own name. */
const SAMPLE_BOOK = '00000000-0000-7000-8000-000000000000';

const HEADER = `-- The database as the migrations leave it, with one book in it, read back from PostgreSQL's catalogues: to be read and reviewed, not to be run.
-- Written by \`npx cairn dev schema\`; a test compares it with a freshly migrated database.
`;

/**
 * Everything in the deployment's schemas as text, the same for the same schema on any server.
 * @param client the owner's connection to a migrated database; it must be inside a transaction that the caller rolls back, because a sample book is created
 */
export async function dumpSchema(client: Queryable): Promise<string> {
  const [creator] = await query<{ present: boolean }>(client, sql.creator);
  if (creator?.present) await query(client, sql.book, [SAMPLE_BOOK]);
  const schemas = (await query<{ schema: string }>(client, sql.ours)).map((row) => row.schema);
  const objects = new Map<string, string[]>();
  for (const statement of [sql.schemas, sql.types, sql.columns, sql.details, sql.functions]) {
    for (const row of await query<Row & Record<string, unknown>>(client, statement, [schemas])) {
      const title = row.object.startsWith('schema ') ? row.object : row.object.replace(' ', ` ${row.schema}.`);
      objects.set(title, [...(objects.get(title) ?? []), row.line]);
    }
  }
  const body = [...objects].map(([title, lines]) => `${title}\n${lines.filter(Boolean).join('\n').trimEnd()}\n`).join('\n');
  return `${HEADER}\n${body}`;
}
