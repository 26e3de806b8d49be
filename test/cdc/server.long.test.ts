import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { systemClock } from '#base';
import { follow } from '#cdc';
import { openDatabase, startPostgres, type Database, type EmbeddedPostgres } from '#db';
import { openBook, type Book } from '#ledger';
import { newBookId } from '../ledger/support/backends.ts';
import { OPENING } from '../ledger/support/commands.ts';
import { until } from '../support/until.ts';
import { assertComplete, createDiary, diarist, fresh, headsOf } from './support/diary.ts';

describe('a consumer and the server of the journal', function () {
  this.timeout(120_000);
  let stateDir: string;
  let server: EmbeddedPostgres;
  let database: Database;
  let owner: pg.Pool;
  let book: Book;
  let stop: (() => Promise<unknown>)[];

  async function begin(settings: Readonly<Record<string, string>>): Promise<void> {
    server = await startPostgres({ stateDir, settings });
    stop.push(() => server.stop());
    database = await openDatabase({ url: server.url });
    stop.push(() => database.close());
    owner = new pg.Pool({ connectionString: server.url, max: 2 });
    owner.on('error', () => undefined);
    stop.push(() => owner.end());
    await createDiary(owner);
    book = await openBook({ database, bookId: newBookId(), clock: systemClock });
    stop.push(() => book.close());
    await book.submit(OPENING);
  }

  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'cairn-cdc-'));
    chmodSync(stateDir, 0o711);
    stop = [];
  });
  afterEach(async () => {
    for (const step of stop.reverse()) await step();
    rmSync(stateDir, { recursive: true, force: true });
  });

  it('is given every record once while the server is killed under both of them', async () => {
    await begin({});
    const { heads, events } = headsOf(server.url);
    stop.push(() => heads.close());
    const following = follow({ database, source: book, heads, consumer: diarist('one', book.bookId) });
    stop.push(() => following.close());
    for (let kill = 1; kill <= 2; kill++) {
      await until(() => heads.isStreaming(), 'the stream');
      const streams = events.filter(({ kind }) => kind === 'streaming').length;
      const booking = Promise.all(
        Array.from({ length: 20 }, async () => {
          for (let i = 0; i < 10; i++) await book.submit(fresh(1));
        }),
      );
      process.kill(server.pid(), 'SIGKILL');
      await booking;
      await until(() => events.filter(({ kind }) => kind === 'streaming').length > streams, 'another stream');
    }
    await assertComplete(owner, 'one', book);
  });

  it('stands still, the journal goes on; it loses its slot before the log fills the disk, and misses nothing when it goes on', async () => {
    // The smallest log a server can be told to keep, in segments of 16 MB.
    await begin({ max_slot_wal_keep_size: '16MB', max_wal_size: '32MB', min_wal_size: '32MB', wal_keep_size: '0' });
    const child = spawn(process.execPath, [fileURLToPath(new URL('./support/consumer.ts', import.meta.url)), server.url, book.bookId, 'stopped', '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    stop.push(async () => (child.kill('SIGKILL'), exited));
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    await until(() => lines.some((line) => line.startsWith('handled')), 'a page that is handled');

    const slots = async () =>
      (await owner.query<{ slot: string }>(`select slot_name as slot from pg_replication_slots where slot_name like 'cairn_heads_%'`)).rows;
    const [before] = await slots();
    assert.ok(before);
    child.kill('SIGSTOP');
    const segments = 12;
    for (let i = 0; i < segments; i++) {
      // Each answer is a commit that waited for nobody.
      const results = await book.submit(fresh(20));
      assert.ok(results.every(({ code }) => code === 'created'));
      await owner.query('select pg_switch_wal()');
      await owner.query('checkpoint');
    }
    assert.deepEqual(await slots(), [], 'the slot of who stands still is gone');
    const { rows } = await owner.query<{ kept: string }>('select sum(size) as kept from pg_ls_waldir()');
    assert.ok(Number(rows[0]!.kept) < segments * 2 ** 24, `${rows[0]!.kept} bytes of log are kept`);

    child.kill('SIGCONT');
    await book.submit(fresh(5));
    await assertComplete(owner, 'stopped', book);
    for (let waited = 0; (await slots()).length === 0 && waited < 200; waited++) await new Promise((resolve) => setTimeout(resolve, 50));
    const [after] = await slots();
    assert.ok(after && after.slot !== before.slot, 'it has another slot');
  });

  it('is given every record once, by looking, where the server keeps no logical log', async () => {
    await begin({ wal_level: 'replica' });
    const { heads, events } = headsOf(server.url);
    stop.push(() => heads.close());
    const following = follow({ database, source: book, heads, consumer: diarist('one', book.bookId) });
    stop.push(() => following.close());
    for (let i = 0; i < 10; i++) await book.submit(fresh(10));
    await assertComplete(owner, 'one', book);
    await until(() => events.length > 0, 'the warning');
    assert.deepEqual(
      events.map((event) => event.kind === 'polling' && event.problem.code),
      ['store/no-stream'],
    );
    assert.match((events[0] as { problem: Error }).problem.message, /wal_level/);
  });
});
