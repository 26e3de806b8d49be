import { scrypt } from 'node:crypto';
import type pg from 'pg';
import { Problem } from '#base';

/** How pg is to connect to a postgres:// URL, with nothing taken from PG* variables for what the URL already says. */
export function connectionConfig(url: string): pg.ClientConfig {
  return { connectionString: parseUrl(url).href, connectionTimeoutMillis: 10_000, keepAlive: true };
}

/** Whether the URL has the form of one, asked before anything is connected or made. */
export function isDatabaseUrl(url: string): boolean {
  return URL.canParse(url) && /^postgres(ql)?:$/.test(new URL(url).protocol);
}

/** What a person may be told of a database: host:port/name, without user and password. */
export function databaseName(url: string): string {
  const { hostname, port, pathname } = parseUrl(url);
  return `${hostname}:${port || '5432'}${pathname}`;
}

function parseUrl(url: string): URL {
  // The URL holds a password, so it is never repeated.
  if (!isDatabaseUrl(url)) throw new Problem('store/bad-url', 'The database URL does not have the form postgres://USER:PASSWORD@HOST:PORT/DATABASE.');
  return new URL(url);
}

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** The same server and database, as somebody else. */
export function withLogin(url: string, login: Login): string {
  const other = parseUrl(url);
  other.username = encodeURIComponent(login.user);
  other.password = encodeURIComponent(login.password);
  return other.href;
}

/**
 * The login that a group's connections use, made from the owner's: nobody has to keep one more secret, and every process that knows the owner's URL arrives
 * at the same one. It does not lead back: the password is scrypt of the owner's. An owner without a password in the URL (peer, certificate) yields none.
 */
export async function derivedLogin(url: string, group: 'cairn_app' | 'cairn_read'): Promise<Login | undefined> {
  const owner = parseUrl(url);
  if (owner.username === '' || owner.password === '') return undefined;
  // One login an owner, since roles belong to the whole server: two deployments on it with two owners must not fight over one password.
  const user = `${group}_of_${decodeURIComponent(owner.username)}`.slice(0, 63);
  const password = await new Promise<Buffer>((resolve, reject) =>
    scrypt(decodeURIComponent(owner.password), `cairn login ${user}`, 32, (error, key) => (error ? reject(error) : resolve(key))),
  );
  return { user, password: password.toString('hex') };
}
