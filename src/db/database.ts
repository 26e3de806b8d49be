import pg from 'pg';
import { migrate } from './migrate.ts';
import { typeParsers } from './query.ts';
import { groupUrl, type Group } from './roles.ts';
import { connectionConfig } from './url.ts';

export interface DatabaseOptions {
  /** The owner's URL: it migrates, and makes the logins that are missing. */
  readonly url: string;
  /** A login of the operator's own making, where the owner may not create roles: a member of the group and nothing else. */
  readonly loginUrl?: string;
  /** Connections at most; 10 unless told. */
  readonly connections?: number;
  /** Told when an idle or checked-out connection breaks; whoever uses it gets the error as well. */
  readonly onConnectionLost?: (error: Error) => void;
}

export interface Database {
  /** int8 and numeric are read as bigint. */
  readonly pool: pg.Pool;
  /** Waits for what is checked out, then closes every connection. */
  close(): Promise<void>;
}

/** How long a statement waits for a lock, runs, or leaves its transaction idle before the server ends it with `store/busy`: nothing hangs for ever. */
const LIMITS_MS = { lock_timeout: 10_000, statement_timeout: 120_000, idle_in_transaction_session_timeout: 60_000 };

/** Migrates the database, then connects to it as a role that appends to the journal and cannot rewrite it. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  await migrate({ url: options.url });
  return openPool(options, 'cairn_app', { application_name: 'cairn' });
}

/** Migrates the database, then connects to it with the owner's own rights: for an operator's command that does what the application must not be able to do. */
export async function openAsOwner({ url, connections = 10, onConnectionLost = () => undefined }: DatabaseOptions): Promise<Database> {
  await migrate({ url });
  return poolOf(url, { application_name: 'cairn owner', max: connections }, onConnectionLost);
}

/** Connects to a database as it is, without migrating it, as a role that can only read: what an export uses. */
export async function openForReading(options: DatabaseOptions): Promise<Database> {
  return openPool(options, 'cairn_read', { application_name: 'cairn read', options: '-c default_transaction_read_only=on' });
}

async function openPool(
  { url, loginUrl, connections = 10, onConnectionLost = () => undefined }: DatabaseOptions,
  group: Group,
  config: pg.PoolConfig,
): Promise<Database> {
  return poolOf(await groupUrl(url, group, loginUrl), { ...config, max: connections }, onConnectionLost);
}

function poolOf(url: string, config: pg.PoolConfig, onConnectionLost: (error: Error) => void): Database {
  const pool = new pg.Pool({ ...connectionConfig(url), ...LIMITS_MS, ...config, types: typeParsers });
  // pg emits a lost connection as 'error' on the client while it is checked out (the pool listens only to idle ones), and an 'error' nobody listens to ends the process.
  pool.on('connect', (client) => client.on('error', onConnectionLost));
  pool.on('error', onConnectionLost);
  return { pool, close: () => pool.end() };
}
