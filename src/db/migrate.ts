import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import pg from 'pg';
import { assert, Problem } from '#base';
import { toProblem } from './errors.ts';
import { execute, query } from './query.ts';
import { ensureGroups, requireGroups } from './roles.ts';
import { loadSql } from './sql.ts';
import { connectionConfig } from './url.ts';

export interface Migration {
  readonly number: number;
  /** The file's name, "0001_deployment". */
  readonly name: string;
  /** SHA-256 of the file, hexadecimal. */
  readonly checksum: string;
  readonly text: string;
}

export interface Migrated {
  /** Names of the migrations that this call applied, in order; none when the database was up to date. */
  readonly applied: readonly string[];
}

interface AppliedRow {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

const sql = loadSql(new URL('./sql/migrate.sql', import.meta.url), ['lock', 'schema', 'table', 'isMigrated', 'applied', 'record']);

/** The released migrations, in order: `src/db/migrations/NNNN_name.sql`. */
export function loadMigrations(folder = new URL('./migrations/', import.meta.url)): Migration[] {
  const migrations = readdirSync(folder)
    .sort()
    .map((file) => {
      const number = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(file)?.[1];
      assert(number !== undefined, `${file} is not named like a migration, NNNN_name.sql`);
      const text = readFileSync(new URL(file, folder), 'utf8').replaceAll('\r\n', '\n');
      return { number: Number(number), name: basename(file, '.sql'), checksum: createHash('sha256').update(text).digest('hex'), text };
    });
  assert(new Set(migrations.map((migration) => migration.number)).size === migrations.length, 'two migrations have the same number');
  return migrations;
}

/** What is still to be applied, after the refusals: the database is newer, a migration was changed, a number was filled in below one already applied. */
export function pendingMigrations(migrations: readonly Migration[], applied: readonly AppliedRow[]): readonly Migration[] {
  const known = new Map(migrations.map((migration) => [migration.number, migration]));
  for (const row of applied) {
    const migration = known.get(row.number);
    if (!migration) throw new Problem('store/newer-database', `The database has migration ${row.name}, which this version does not know.`, { name: row.name });
    if (migration.checksum !== row.checksum)
      throw new Problem('store/migration-changed', `Migration ${row.name} is not what the database was given.`, { name: row.name });
  }
  const last = applied.at(-1)?.number ?? 0;
  const had = new Set(applied.map((row) => row.number));
  const pending = migrations.filter((migration) => !had.has(migration.number));
  const late = pending.find((migration) => migration.number < last);
  if (late)
    throw new Problem('store/migration-out-of-order', `Migration ${late.name} comes before number ${last}, which the database already has.`, {
      name: late.name,
    });
  return pending;
}

/**
 * Brings the database of `url` (its owner's login) forward to this version. Any number of processes may do it at once: one works, the others wait and find
 * nothing to do. Each migration is one transaction together with its row in cairn.migration, so a killed migrator leaves none half applied.
 */
export async function migrate({ url, migrations = loadMigrations() }: { url: string; migrations?: readonly Migration[] }): Promise<Migrated> {
  // With an empty search path a migration that forgets to name a schema fails here, and not only where the owner is called otherwise.
  const client = new pg.Client({ ...connectionConfig(url), application_name: 'cairn migrate', options: '-c search_path=' });
  // Without a listener a connection lost between two statements would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await refuseOldServer(client);
    await query(client, sql.lock);
    await ensureGroups(client);
    await execute(client, sql.schema);
    await execute(client, sql.table);
    const pending = pendingMigrations(migrations, await query<AppliedRow>(client, sql.applied));
    for (const migration of pending) await apply(client, migration);
    return { applied: pending.map((migration) => migration.name) };
  } catch (error) {
    throw toProblem(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * What a start would be refused for at this database, asked without writing anything: it does not answer, refuses the login, is too old, was migrated by a newer or
 * another version, or its user may not make the logins we need. Returns how many migrations it has; none means that nothing of ours was ever in it.
 */
export async function inspectDatabase(url: string): Promise<number> {
  const options = '-c search_path= -c default_transaction_read_only=on';
  const client = new pg.Client({ ...connectionConfig(url), application_name: 'cairn inspect', options });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await refuseOldServer(client);
    await requireGroups(client);
    const [table] = await query<{ there: boolean; may_begin: boolean }>(client, sql.isMigrated);
    if (!table?.there && !table?.may_begin) throw new Problem('store/no-create-right', 'The user of the database URL may not create a schema in its database.');
    if (!table.there) return 0;
    const applied = await query<AppliedRow>(client, sql.applied);
    pendingMigrations(loadMigrations(), applied);
    return applied.length;
  } catch (error) {
    throw toProblem(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('begin');
  // Several statements in one message: PostgreSQL's simple protocol, which is why a migration takes no parameters.
  await client.query(migration.text);
  await execute(client, sql.record, [migration.number, migration.name, migration.checksum]);
  await client.query('commit');
}

async function refuseOldServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ server_version_num: string; server_version: string }>(
    "select current_setting('server_version_num') as server_version_num, current_setting('server_version') as server_version",
  );
  const { server_version_num, server_version } = rows[0]!;
  if (Number(server_version_num) < 150_000) throw new Problem('store/unsupported-server', `The server runs PostgreSQL ${server_version}.`, { server_version });
}
