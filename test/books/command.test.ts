import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newId, systemClock, type AccountId, type AssetNo } from '#base';
import { openBook } from '#ledger';
import type { Command } from '#ledger/core';
import { newBookId } from '../ledger/support/backends.ts';
import { OPENING } from '../ledger/support/commands.ts';
import { emptyDatabase, testDatabase, type TestDatabase } from '../support/postgres.ts';

const random = (length: number) => new Uint8Array(randomBytes(length));
const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));

describe('cairn book', () => {
  let here: TestDatabase;
  let there: TestDatabase;
  let folder: string;
  before(async () => {
    [here, there] = await Promise.all([testDatabase(), testDatabase()]);
    folder = mkdtempSync(join(tmpdir(), 'cairn-books-'));
    writeFileSync(join(folder, 'books.json'), JSON.stringify({ databases: { there: there.url, home: { env: 'HOME_URL' } } }));
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    await Promise.all([here.close(), there.close()]);
  });

  function cairn(more: NodeJS.ProcessEnv, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const env = {
      ...process.env,
      DATABASE_URL: here.url,
      HOME_URL: 'postgres://cairn:secret@127.0.0.1:1/cairn',
      BOOK_DATABASES: join(folder, 'books.json'),
      ...more,
    };
    return new Promise((resolve) =>
      execFile(process.execPath, [CLI, ...args], { env }, (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr })),
    );
  }

  it('moves a book to a database by its name, says where it is then, and lists what is where', async function () {
    this.timeout(60_000);
    const bookId = newBookId();
    const book = await openBook({ database: here.database, bookId, clock: systemClock });
    await book.submit(OPENING);
    await book.close();
    const moved = await cairn({}, 'book', 'move', '--book', bookId, '--to', 'there');
    assert.equal(moved.code, 0, moved.stderr);
    assert.match(moved.stdout, new RegExp(`Book ${bookId} is in \\S+ with ${OPENING.length} records`));
    assert.ok(!moved.stdout.includes(new URL(there.url).password));
    const { rows } = await there.owner.query<{ status: string }>('select status from cairn.book where id = $1', [bookId]);
    assert.deepEqual(rows, [{ status: 'open' }]);

    // One database does not answer: it is said so, and the others are shown.
    const listed = await cairn({}, 'book', 'list');
    assert.equal(listed.code, 1);
    assert.match(listed.stdout, new RegExp(`^main: .*\\n  ${bookId}  moved to \\S+, ${OPENING.length} records`));
    assert.match(listed.stdout, new RegExp(`there: .*\\n  ${bookId}  open, ${OPENING.length} records, epoch 3`));
    assert.match(listed.stdout, /home: 127\.0\.0\.1:1\/cairn\n {2}The database says/);
    assert.ok(!listed.stdout.includes('secret'));
  });

  it('says while it copies a large book how far it is', async function () {
    this.timeout(60_000);
    const bookId = newBookId();
    const book = await openBook({ database: here.database, bookId, clock: systemClock });
    const opened = (): Command => ({ kind: 'openAccount', id: newId<AccountId>(systemClock.nowMs(), random), asset: 1 as AssetNo, code: 20 });
    await book.submit(OPENING);
    for (let i = 0; i < 21; i++) await book.submit(Array.from({ length: 1_000 }, opened));
    await book.close();
    const { code, stdout, stderr } = await cairn({}, 'book', 'move', '--book', bookId, '--to', 'there');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /copying and verifying.*\n {2}copied up to record 20000\n {2}verified up to record 2\d{4}\n/);
  });

  it('lists a database that was never set up as one, and goes on', async () => {
    const empty = await emptyDatabase();
    writeFileSync(join(folder, 'new.json'), JSON.stringify({ databases: { fresh: empty.url } }));
    const { code, stdout, stderr } = await cairn({ BOOK_DATABASES: join(folder, 'new.json') }, 'book', 'list');
    const recovered = await cairn({ BOOK_DATABASES: join(folder, 'new.json') }, 'book', 'recover');
    await empty.close();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /fresh: \S+\n {2}not set up yet; the first move to it does that\n/);
    assert.equal(recovered.code, 0, recovered.stdout);
  });

  it('names the databases there are where one is asked for that is none of them, and repeats no mistyped URL', async () => {
    const { stderr } = await cairn({}, 'book', 'move', '--book', newBookId(), '--to', 'zz');
    assert.match(stderr, /--to: zz is no name in BOOK_DATABASES \(there, home\) and no URL\./);
    const mistyped = await cairn({}, 'book', 'move', '--book', newBookId(), '--to', 'cairn:secret@here/cairn');
    assert.equal(mistyped.code, 2);
    assert.ok(!mistyped.stderr.includes('secret'));
  });

  it('says where to read what it needs, where nothing says where books are', async () => {
    const { code, stderr } = await cairn({ DATABASE_URL: undefined, BOOK_DATABASES: undefined }, 'book', 'list');
    assert.equal(code, 2);
    assert.match(stderr, /docs\/scale\.md shows both\..*the command’s --help/);
    const { stdout } = await cairn({}, 'book', 'list', '--help');
    assert.match(stdout, /DATABASE_URL[\s\S]*BOOK_DATABASES/);
  });

  for (const [what, args] of [
    ['an id that is none', ['--book', 'mine', '--to', 'there']],
    ['no place to go to', ['--book', newBookId()]],
    ['a place that nobody knows', ['--book', newBookId(), '--to', 'elsewhere']],
  ] as const) {
    it(`is called wrongly with ${what}`, async () => {
      const { code, stderr } = await cairn({}, 'book', 'move', ...args);
      assert.equal(code, 2);
      assert.ok(!stderr.includes('secret'));
    });
  }
});
