import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { systemClock } from '#base';
import { openBook } from '#ledger';
import { newBookId } from '../ledger/support/backends.ts';
import { OPENING } from '../ledger/support/commands.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

const CLI = join(import.meta.dirname, '..', '..', 'src', 'cli.ts');

describe('cairn replay', function () {
  // Each step starts a program.
  this.timeout(120_000);
  const bookId = newBookId();
  let db: TestDatabase;

  before(async () => {
    db = await testDatabase();
    const book = await openBook({ database: db.database, bookId, clock: systemClock });
    await book.submit(OPENING);
    await book.close();
  });
  after(() => db.close());

  async function cairn(...args: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
    const child = spawn(process.execPath, [CLI, 'replay', ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, DATABASE_URL: db.url } });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const [code] = (await once(child, 'close')) as [number];
    return { code, out, err };
  }

  it('ends 0 where everything agrees, and 1 with one sentence where something does not', async () => {
    const whole = await cairn();
    assert.equal(whole.code, 0, whole.err);
    assert.match(whole.out, new RegExp(`^book ${bookId}: 9 records give the 7 accounts, 0 holds and 0 batch roots that are stored\n.*\nNo difference.\n$`));
    await db.owner.query(`update book_${bookId.replaceAll('-', '')}.account_history set credits_posted = 1 where account = 1`);
    const changed = await cairn('--json', '--book', bookId);
    assert.equal(changed.code, 1, changed.err);
    const { books, difference } = JSON.parse(changed.out) as { books: unknown[]; difference: string };
    assert.deepEqual(books, []);
    assert.match(difference, /^Book .*: The history of account .* at record 3 says credits posted 1, the records 0$/);
  });

  it('says of a book that moved away where it is, and replays those that are here', async () => {
    const left = newBookId();
    await (await openBook({ database: db.database, bookId: left, clock: systemClock })).close();
    await db.owner.query(`update cairn.book set status = 'moved', moved_to = 'elsewhere:5432/books' where id = $1`, [left]);
    const { code, err } = await cairn('--book', left);
    assert.equal(code, 1);
    assert.match(err, new RegExp(`Book ${left} moved to elsewhere:5432/books`));
    assert.ok(!(await cairn()).out.includes(left));
  });

  it('is refused in words where it is called wrongly', async () => {
    const { code, err } = await cairn('--book', 'mine');
    assert.equal(code, 2);
    assert.match(err, /--book takes the id of a book/);
  });
});
