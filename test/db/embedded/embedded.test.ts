import { deepStrictEqual, notStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path, { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { openDatabase, startPostgres, type EmbeddedPostgres, type PostgresEvent } from '#db';
import { abandonedPlaces, removeAbandoned } from '../../../src/db/embedded/abandoned.ts';
import { startProblem } from '../../../src/db/embedded/diagnose.ts';
import { isReachable } from '../../../src/db/embedded/osUser.ts';
import { findFreePort, findProcess } from '#supervisor';

const ROOT = process.getuid?.() === 0;
const NOBODY = 65_534;

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    ok(waited < 60_000, 'waited a minute in vain');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Runs a program of ours that starts the database of STATE_DIR, prints its process number, and waits. */
async function startInChild(stateDir: string, uid?: number): Promise<{ pid: number; kill(): Promise<void> }> {
  const source = `import { startPostgres } from '#db'; const postgres = await startPostgres({ stateDir: process.env.STATE_DIR }); console.log(postgres.pid()); setInterval(() => {}, 1000)`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    cwd: fileURLToPath(new URL('../../../', import.meta.url)),
    env: { PATH: process.env['PATH'], STATE_DIR: stateDir },
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (data: Buffer) => resolve(data.toString()));
    child.once('exit', (code) => reject(new TypeError(`the child ended with ${code}`)));
  });
  return {
    pid: Number(line),
    kill: async () => {
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
    },
  };
}

describe('the embedded PostgreSQL', function () {
  this.timeout(120_000);
  let stateDir: string;
  let events: PostgresEvent[];
  let postgres: EmbeddedPostgres | undefined;

  const start = async () => (postgres = await startPostgres({ stateDir, onEvent: (event) => events.push(event) }));
  const ask = async (sql: string, url = postgres!.url) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  const placeOf = () => {
    const { folder } = JSON.parse(readFileSync(join(stateDir, 'postgres.json'), 'utf8')) as { folder: string };
    return { folder: path.resolve(stateDir, folder) };
  };

  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'cairn-postgres-'));
    chmodSync(stateDir, 0o711);
    events = [];
  });
  afterEach(async () => {
    await postgres?.stop();
    postgres = undefined;
    if (existsSync(join(stateDir, 'postgres.json'))) rmSync(placeOf().folder, { recursive: true, force: true });
    rmSync(stateDir, { recursive: true, force: true });
  });

  it('keeps data, port and password over a stop, and listens to this machine only, by password', async () => {
    const { url } = await start();
    await ask('create table kept as select 1 as one');
    await postgres!.stop();
    await start();
    strictEqual(postgres!.url, url);
    deepStrictEqual(await ask('select * from kept'), [{ one: 1 }]);
    const settings =
      "select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'listen_addresses', 'unix_socket_directories', 'wal_level') order by 1";
    deepStrictEqual(
      (await ask(settings)).map((row) => row['setting']),
      ['on', 'on', '127.0.0.1', 'on', '', 'logical'],
    );
    strictEqual(statSync(join(stateDir, 'postgres.json')).mode & 0o777, 0o600);
    const wrong = new URL(url);
    wrong.password = 'wrong';
    await rejects(ask('select 1', wrong.href), /password authentication failed/);
    await rejects(openDatabase({ url: wrong.href }), { code: 'store/login-refused' });
  });

  it('runs again though it is killed again, and again, while it recovers', async () => {
    await start();
    const pidFile = join(placeOf().folder, 'data', 'postmaster.pid');
    const inFile = () => (existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8').split('\n')[0]) : 0);
    let killed = postgres!.pid();
    process.kill(killed, 'SIGKILL');
    for (let round = 0; round < 3; round++) {
      await until(() => inFile() > 1 && inFile() !== killed);
      killed = inFile();
      process.kill(killed, 'SIGKILL');
    }
    await until(() => events.length > 0 && postgres!.pid() !== killed && inFile() === postgres!.pid());
    deepStrictEqual(await ask('select 1 as one'), [{ one: 1 }]);
    deepStrictEqual([...new Set(events.map(({ kind }) => kind))], ['restarted']);
  });

  it('loses nothing it acknowledged when it is killed under load, and runs again by itself at the same address', async () => {
    await start();
    const database = await openDatabase({ url: postgres!.url });
    await ask('create table cairn.entry (id int primary key); grant select, insert on cairn.entry to cairn_app');
    const acknowledged: number[] = [];
    const writing = new AbortController();
    const writers = [0, 1, 2, 3].map(async (writer) => {
      for (let n = writer; !writing.signal.aborted; n += 4) {
        await database.pool.query('insert into cairn.entry values ($1)', [n]).then(
          () => acknowledged.push(n),
          () => new Promise((resolve) => setTimeout(resolve, 10)),
        );
      }
    });
    for (let round = 1; round <= 2; round++) {
      const before = acknowledged.length;
      await until(() => acknowledged.length > before + 100);
      process.kill(postgres!.pid(), 'SIGKILL');
      await until(() => events.length === round);
    }
    writing.abort();
    await Promise.all(writers);
    deepStrictEqual(events, [{ kind: 'restarted' }, { kind: 'restarted' }]);
    const found = new Set((await ask('select id from cairn.entry')).map((row) => row['id']));
    deepStrictEqual(
      acknowledged.filter((n) => !found.has(n)),
      [],
    );
    await database.close();
  });

  it('that a killed process left running is found and stopped, and its data go on', async () => {
    const child = await startInChild(stateDir);
    await rejects(start(), { code: 'store/already-running' });
    await child.kill();
    ok(findProcess(child.pid, 'postgres'), 'the server outlives us');
    await start();
    deepStrictEqual(events, [{ kind: 'orphan-stopped' }]);
    strictEqual(findProcess(child.pid, 'postgres'), undefined);
    deepStrictEqual(await ask('select current_database() as name'), [{ name: 'cairn' }]);
  });

  it('of which also the first process was killed starts on what that left', async () => {
    const child = await startInChild(stateDir);
    await child.kill();
    process.kill(child.pid, 'SIGKILL');
    await start();
    deepStrictEqual(await ask('select 1 as one'), [{ one: 1 }]);
  });

  it('does not take another program for its server where that has its process number after a reboot', async () => {
    await start();
    await postgres!.stop();
    writeFileSync(join(placeOf().folder, 'data', 'postmaster.pid'), `${process.pid}\n`);
    await start();
    deepStrictEqual(await ask('select 1 as one'), [{ one: 1 }]);
  });

  it('refuses data of another major version and leaves them alone', async () => {
    await start();
    await postgres!.stop();
    postgres = undefined;
    const version = join(placeOf().folder, 'data', 'PG_VERSION');
    writeFileSync(version, '17\n');
    await rejects(start(), { code: 'store/other-version' });
    strictEqual(readFileSync(version, 'utf8'), '17\n');
  });

  it('refuses a port that is taken where one is asked for, and takes another where it only had it before', async () => {
    await start();
    const port = Number(new URL(postgres!.url).port);
    await postgres!.stop();
    postgres = undefined;
    const squatter = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    await rejects(startPostgres({ stateDir, port }), { code: 'store/port-busy' });
    await start();
    notStrictEqual(Number(new URL(postgres!.url).port), port);
    await new Promise((resolve) => squatter.close(resolve));
  });

  it('takes the port it is told', async () => {
    const port = await findFreePort();
    postgres = await startPostgres({ stateDir, port });
    strictEqual(Number(new URL(postgres.url).port), port);
  });

  it('throws away what a killed initdb left, and begins again', async () => {
    mkdirSync(join(stateDir, 'postgres', 'data.new'), { recursive: true });
    writeFileSync(join(stateDir, 'postgres', 'data.new', 'half'), 'x');
    await start();
    deepStrictEqual(await ask('select 1 as one'), [{ one: 1 }]);
  });

  it('says what is wrong where the state directory cannot be made', () => {
    writeFileSync(join(stateDir, 'file'), '');
    return rejects(startPostgres({ stateDir: join(stateDir, 'file', 'state') }), { code: 'store/read-only' });
  });

  it('run by root from a folder nobody else may enter keeps its data where its own user can reach them', async () => {
    if (!ROOT) return console.log('      left out: not root, so PostgreSQL runs as ourselves');
    chmodSync(stateDir, 0o700);
    await start();
    ok(placeOf().folder.startsWith('/var/lib/cairn/'));
    deepStrictEqual(await ask('select 1 as one'), [{ one: 1 }]);
    await postgres!.stop();
    postgres = undefined;
    const copy = mkdtempSync(join(tmpdir(), 'cairn-postgres-'));
    cpSync(stateDir, copy, { recursive: true });
    await rejects(startPostgres({ stateDir: copy }), { code: 'store/state-copied' });
    rmSync(copy, { recursive: true });
    await start();
    deepStrictEqual(await ask('select 1 as one'), [{ one: 1 }]);
    const { folder } = placeOf();
    const ofOurs = () => abandonedPlaces().find((place) => place.folder === folder);
    strictEqual(ofOurs(), undefined, 'its state folder is there');
    await postgres!.stop();
    postgres = undefined;
    rmSync(stateDir, { recursive: true });
    const left = ofOurs();
    deepStrictEqual([left?.stateDir, left?.clone], [stateDir, fileURLToPath(new URL('../../../', import.meta.url))]);
    strictEqual(removeAbandoned(left!), true);
    strictEqual(existsSync(folder), false);
  });

  it('says so where the file with its password is damaged', async () => {
    writeFileSync(join(stateDir, 'postgres.json'), '{');
    await rejects(start(), { code: 'store/damaged-state' });
    rmSync(join(stateDir, 'postgres.json'));
  });

  it('runs for an ordinary user as that user', async () => {
    const clone = fileURLToPath(new URL('../../../', import.meta.url));
    if (!ROOT || !isReachable(clone)) return console.log('      left out: this process cannot become another user who may read the clone');
    chownSync(stateDir, NOBODY, NOBODY);
    const child = await startInChild(stateDir, NOBODY);
    strictEqual(statSync(`/proc/${child.pid}`).uid, NOBODY);
    await child.kill();
    process.kill(child.pid, 'SIGINT');
    await until(() => findProcess(child.pid, 'postgres') === undefined);
  });
});

describe('why PostgreSQL did not start', () => {
  const CASES = [
    ['initdb: error: could not write file "x": No space left on device', 'store/disk-full'],
    ['FATAL:  could not write lock file "postmaster.pid": No space left on device', 'store/disk-full'],
    ['FATAL:  could not create lock file "postmaster.pid": Read-only file system', 'store/read-only'],
    ['initdb: error: could not create directory "x": Permission denied', 'store/read-only'],
    ['LOG:  could not bind IPv4 address "127.0.0.1": Address already in use\nFATAL:  could not create any TCP/IP sockets', 'store/port-busy'],
    ['FATAL:  database files are incompatible with server', 'store/other-version'],
    ['PANIC:  could not locate a valid checkpoint record', 'store/start-failed'],
    ['', 'store/start-failed'],
  ] as const;
  for (const [output, code] of CASES) {
    it(`is ${code} where it says "${output.slice(0, 60)}"`, () => strictEqual(startProblem(output, '/x/postgres.log').code, code));
  }
});
