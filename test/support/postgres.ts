import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate, openDatabase, type Database } from '#db';
import { loadMigrations } from '../../src/db/migrate.ts';
import { lease } from './lease.ts';

export interface TestDatabase {
  /** The owner's URL, as DATABASE_URL would be. */
  readonly url: string;
  /** Opened as the application opens it: its role cannot change the journal. */
  readonly database: Database;
  /** The owner's own connections, for what only a tampering superuser does. */
  readonly owner: pg.Pool;
  /** Closes all of it and drops the database. */
  close(): Promise<void>;
}

/** A server for tests: DATABASE_URL where set (its user must be able to create databases), else one PostgreSQL for all test runs of this clone. */
let server: Promise<string> | undefined;

function testServer(): Promise<string> {
  return (server ??= process.env['DATABASE_URL'] ? Promise.resolve(process.env['DATABASE_URL']) : lease('postgres'));
}

/** A fresh, empty database on the test server: not even migrated. */
export async function emptyDatabase(): Promise<Omit<TestDatabase, 'database'>> {
  return createDatabase('template1');
}

/** A fresh, migrated database on the test server: a clone of a template that is migrated once for each state of the migrations. */
export async function testDatabase(): Promise<TestDatabase> {
  const empty = await createDatabase(await (template ??= ensureTemplate()));
  const database = await openDatabase({ url: empty.url });
  return { ...empty, database, close: async () => (await database.close(), await empty.close()) };
}

let template: Promise<string> | undefined;

async function createDatabase(from: string): Promise<Omit<TestDatabase, 'database'>> {
  const name = `cairn_test_${randomBytes(6).toString('hex')}`;
  await onServer((admin) => admin.query(`create database ${name} template ${from}`));
  const url = urlOf(await testServer(), name);
  const owner = new pg.Pool({ connectionString: url, max: 4, allowExitOnIdle: true });
  owner.on('error', () => undefined);
  const close = async () => {
    await owner.end();
    await onServer((admin) => admin.query(`drop database if exists ${name} with (force)`));
  };
  return { url, owner, close };
}

async function ensureTemplate(): Promise<string> {
  const state = createHash('sha256')
    .update(
      loadMigrations()
        .map((migration) => migration.checksum)
        .join(' '),
    )
    .digest('hex')
    .slice(0, 12);
  const name = `cairn_template_${state}`;
  await onServer(async (admin) => {
    // One run prepares it, the others wait here; the lock ends with the connection.
    await admin.query('select pg_advisory_lock(hashtext($1))', [name]);
    const { rows } = await admin.query('select 1 from pg_database where datname = $1', [name]);
    if (rows.length > 0) return;
    // Renamed when done, so that a template with that name is always a whole one.
    await admin.query(`drop database if exists ${name}_new with (force)`);
    await admin.query(`create database ${name}_new`);
    await migrate({ url: urlOf(await testServer(), `${name}_new`) });
    await admin.query(`alter database ${name}_new rename to ${name}`);
  });
  return name;
}

async function onServer(work: (admin: pg.Client) => Promise<unknown>): Promise<void> {
  const admin = new pg.Client({ connectionString: await testServer() });
  admin.on('error', () => undefined);
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}
