import pg from 'pg';
import { Problem } from '#base';
import { toProblem } from './errors.ts';
import { query } from './query.ts';
import { loadSql } from './sql.ts';
import { connectionConfig, derivedLogin, withLogin, type Login } from './url.ts';

/**
 * Who may do what. The owner (the given URL) migrates and owns every table. Rights are granted to two groups without a login: `cairn_app` (append the
 * journal, never change it) and `cairn_read` (look only). Connections are made by logins that are members of one group and nothing else, so that no
 * SET ROLE, RESET ROLE or SET SESSION AUTHORIZATION on them leads anywhere: what the application's connection may not do, nothing it sends can do.
 */
export type Group = 'cairn_app' | 'cairn_read';

const GROUPS: readonly Group[] = ['cairn_app', 'cairn_read'];

const sql = loadSql(new URL('./sql/roles.sql', import.meta.url), ['groupNames', 'mayCreateRoles', 'power']);

/** Another process made the role in the same moment: what was wanted is there. */
const SAME_MOMENT = new Set(['42710', '23505', 'XX000']);

/** The groups exist after this. They belong to the server, so databases that are migrated at once race for them. */
export async function ensureGroups(owner: pg.Client): Promise<void> {
  const existing = (await query<{ rolname: string }>(owner, sql.groupNames)).map((row) => row.rolname);
  for (const group of GROUPS) if (!existing.includes(group)) await createRole(owner, `create role ${group} nologin`);
}

/** Throws `store/role-missing` where `ensureGroups` would: groups are missing, and this user may not make them. */
export async function requireGroups(owner: pg.Client): Promise<void> {
  const [may] = await query<{ may: boolean }>(owner, sql.mayCreateRoles);
  if (may?.may) return;
  const existing = (await query<{ rolname: string }>(owner, sql.groupNames)).map((row) => row.rolname);
  if (GROUPS.some((group) => !existing.includes(group))) throw new Problem('store/role-missing', 'The user of the database URL may not create roles.');
}

async function createRole(owner: pg.Client, statement: string): Promise<void> {
  try {
    await owner.query(statement);
  } catch (error) {
    const state = error instanceof pg.DatabaseError ? (error.code ?? '') : '';
    if (state === '42501') throw new Problem('store/role-missing', 'The user of the database URL may not create roles.', {}, error);
    // On a server that was never migrated to there are no groups to be a member of.
    if (state === '42704') throw new Problem('store/not-set-up', 'The database has nothing of ours in it.', {}, error);
    if (!SAME_MOMENT.has(state)) throw toProblem(error);
  }
}

/** The URL to connect with as a member of `group`: the one the operator gives, else one derived from the owner's, whose login is made where it is missing. */
export async function groupUrl(ownerUrl: string, group: Group, givenUrl?: string): Promise<string> {
  const login = givenUrl === undefined ? await derivedLogin(ownerUrl, group) : undefined;
  if (givenUrl === undefined && !login) {
    throw new Problem('store/role-missing', 'The database URL carries no user and password from which a login for the application could be made.', { group });
  }
  if (!login) {
    await refuseWrongPower(givenUrl!, group);
    return givenUrl!;
  }
  const url = withLogin(ownerUrl, login);
  // Ask first, and write only where that fails: with many processes starting at once the login is nearly always there.
  await refuseWrongPower(url, group).catch(async (error: unknown) => {
    if (!(error instanceof Problem) || error.code !== 'store/login-refused') throw error;
    await ensureLogin(ownerUrl, group, login);
    await refuseWrongPower(url, group);
  });
  return url;
}

async function ensureLogin(ownerUrl: string, group: Group, login: Login): Promise<void> {
  const user = pg.escapeIdentifier(login.user);
  const password = pg.escapeLiteral(login.password);
  await withClient(ownerUrl, async (owner) => {
    await createRole(owner, `create role ${user} login password ${password} in role ${group}`);
    // The role was there with another password: the owner's was changed since.
    await createRole(owner, `alter role ${user} login password ${password}`);
  });
}

async function refuseWrongPower(url: string, group: Group): Promise<void> {
  const [power] = await withClient(url, (client) => query<{ strong: boolean; member: boolean }>(client, sql.power, [group]));
  if (!power) throw new Problem('store/not-set-up', 'The database has nothing of ours in it.');
  if (!power.member) throw new Problem('store/role-missing', `The given login is not a member of ${group}.`, { group });
  if (power.strong) throw new Problem('store/role-too-strong', `The login for ${group} is more than a member of ${group}.`, { group });
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...connectionConfig(url), application_name: 'cairn roles' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    throw toProblem(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}
