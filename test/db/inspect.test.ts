import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { hasEmbeddedPostgres, inspectDatabase, migrate, startPostgres, type EmbeddedPostgres } from '#db';

/** On a server of its own: roles belong to a whole server, and the others have ours already. */
describe('a database that is inspected before a start', () => {
  let stateDir: string;
  let server: EmbeddedPostgres;
  let owner: pg.Client;
  let powerless: string;

  before(async () => {
    stateDir = mkdtempSync(join(tmpdir(), 'cairn-inspect-'));
    chmodSync(stateDir, 0o711);
    strictEqual(hasEmbeddedPostgres(stateDir), false);
    server = await startPostgres({ stateDir });
    strictEqual(hasEmbeddedPostgres(stateDir), true);
    owner = new pg.Client({ connectionString: server.url });
    await owner.connect();
    await owner.query("create role powerless login password 'x'");
    const url = new URL(server.url);
    [url.username, url.password] = ['powerless', 'x'];
    powerless = url.href;
  });
  after(async () => {
    await owner.end();
    await server.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });

  const made = async () =>
    (await owner.query("select nspname as name from pg_namespace where nspname = 'cairn' union select rolname from pg_roles where rolname like 'cairn_app%'"))
      .rows;

  it('is refused where its user may not make the logins that it lacks, or the schema, and nothing is made by asking', async () => {
    await rejects(inspectDatabase(powerless), { code: 'store/role-missing' });
    strictEqual(await inspectDatabase(server.url), 0);
    deepStrictEqual(await made(), []);
    await owner.query('alter role powerless createrole');
    await rejects(inspectDatabase(powerless), { code: 'store/no-create-right' });
    await owner.query('grant create on database cairn to powerless');
    strictEqual(await inspectDatabase(powerless), 0);
    deepStrictEqual(await made(), []);
    await owner.query('alter role powerless nocreaterole');
  });

  it('says how many migrations it has, and needs no right to make logins that are there', async () => {
    const { applied } = await migrate({ url: server.url });
    strictEqual(await inspectDatabase(server.url), applied.length);
    await owner.query('grant usage on schema cairn to powerless; grant select on cairn.migration to powerless');
    strictEqual(await inspectDatabase(powerless), applied.length);
  });
});
