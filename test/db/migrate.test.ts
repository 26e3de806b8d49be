import { deepStrictEqual, rejects, strictEqual, throws } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { migrate, openForReading } from '#db';
import { loadMigrations, pendingMigrations, type Migration } from '../../src/db/migrate.ts';
import { newBookId } from '../ledger/support/backends.ts';
import { writeOldBook } from '../ledger/support/oldBook.ts';
import { emptyDatabase, type TestDatabase } from '../support/postgres.ts';

function migration(number: number, text: string): Migration {
  const name = `${String(number).padStart(4, '0')}_test`;
  return { number, name, checksum: Buffer.from(text).toString('hex').padEnd(64, '0').slice(0, 64), text };
}

const FIRST = migration(1, 'create table cairn.one (id int)');
const SECOND = migration(2, 'create table cairn.two (id int)');

describe('migrations', () => {
  let db: Omit<TestDatabase, 'database'>;
  beforeEach(async () => (db = await emptyDatabase()));
  afterEach(() => db.close());

  const tables = async () => {
    const { rows } = await db.owner.query<{ name: string }>("select tablename as name from pg_tables where schemaname = 'cairn' order by 1");
    return rows.map((row) => row.name);
  };

  it('are applied once each, in order, and go on where they stopped', async () => {
    deepStrictEqual(await migrate({ url: db.url, migrations: [FIRST] }), { applied: ['0001_test'] });
    deepStrictEqual(await migrate({ url: db.url, migrations: [FIRST, SECOND] }), { applied: ['0002_test'] });
    deepStrictEqual(await migrate({ url: db.url, migrations: [FIRST, SECOND] }), { applied: [] });
    deepStrictEqual(await tables(), ['migration', 'one', 'two']);
  });

  it('leave nothing of one that fails, nor of those after it', async () => {
    const broken = migration(2, 'create table cairn.half (id int); select 1 / 0');
    await rejects(migrate({ url: db.url, migrations: [FIRST, broken, migration(3, 'create table cairn.three ()')] }), /division by zero/);
    deepStrictEqual(await tables(), ['migration', 'one']);
    deepStrictEqual(await migrate({ url: db.url, migrations: [FIRST, SECOND] }), { applied: ['0002_test'] });
  });

  it('leave nothing half done where the migrator is cut off in the middle', async () => {
    const slow = migration(1, 'create table cairn.half (id int); select pg_sleep(30)');
    const cut = rejects(migrate({ url: db.url, migrations: [slow] }), { code: 'store/unreachable' });
    const sleeping =
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like '%pg_sleep(30)%' and pid <> pg_backend_pid()";
    while ((await db.owner.query(sleeping)).rowCount === 0);
    await cut;
    deepStrictEqual(await tables(), ['migration']);
    deepStrictEqual(await migrate({ url: db.url, migrations: [FIRST] }), { applied: ['0001_test'] });
  });

  it('are refused, and change nothing, where the database is newer', async () => {
    await migrate({ url: db.url, migrations: [FIRST, SECOND] });
    await rejects(migrate({ url: db.url, migrations: [FIRST] }), { code: 'store/newer-database' });
  });

  it('are refused where one that was applied reads differently now', async () => {
    await migrate({ url: db.url, migrations: [FIRST] });
    await rejects(migrate({ url: db.url, migrations: [migration(1, 'create table cairn.another (id int)'), SECOND] }), { code: 'store/migration-changed' });
    deepStrictEqual(await tables(), ['migration', 'one']);
  });

  it('are refused where a number is filled in below one that was applied', () => {
    throws(() => pendingMigrations([FIRST, SECOND], [SECOND]), { code: 'store/migration-out-of-order' });
  });

  it('are applied by one of twenty processes that start at once on a database of an earlier version with a book in it, and all twenty go on', async function () {
    this.timeout(120_000);
    const earlier = loadMigrations().filter(({ number }) => number <= 10);
    await migrate({ url: db.url, migrations: earlier });
    await writeOldBook(db.owner, 10, newBookId());
    const migrator = () =>
      new Promise<string>((resolve, reject) => {
        const source = `import { migrate } from '#db'; console.log((await migrate({ url: process.env.URL })).applied.length)`;
        const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
          env: { ...process.env, URL: db.url },
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let output = '';
        child.stdout.on('data', (text: Buffer) => (output += text.toString()));
        child.once('close', (code) => (code === 0 ? resolve(output.trim()) : reject(new TypeError(`a migrator ended with ${code}`))));
      });
    const applied = await Promise.all(Array.from({ length: 20 }, migrator));
    deepStrictEqual(
      applied.map(Number).sort((a, b) => b - a),
      [loadMigrations().length - earlier.length, ...Array<number>(19).fill(0)],
    );
    const { rows } = await db.owner.query<{ count: string }>('select count(*) from cairn.migration');
    strictEqual(Number(rows[0]!.count), loadMigrations().length);
  });

  it('are not applied by who only reads', async () => {
    await rejects(openForReading({ url: db.url }));
    deepStrictEqual(await tables(), []);
  });
});
