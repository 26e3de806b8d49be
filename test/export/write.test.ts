import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem, systemClock } from '#base';
import { writeExport } from '#export';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

const [OLDER, OWN] = ['01a20a3c-fcf7-75aa-b0db-92b237aa9578', '01a20a3c-fcf7-75aa-b0db-92b237aa9579'];

describe('an export', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-export-'));
  let test: TestDatabase;
  before(async function () {
    this.timeout(120_000);
    test = await testDatabase();
  });
  after(async () => {
    await test.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function codeOf(file: string): Promise<string> {
    try {
      await writeExport({ databaseUrl: test.url, file, clock: systemClock });
      return 'written';
    } catch (error) {
      assert.ok(error instanceof Problem, String(error));
      return error.code;
    }
  }

  it('of a database without a deployment is refused, and leaves no file', async () => {
    assert.equal(await codeOf(join(folder, 'empty')), 'export/nothing-there');
    assert.deepEqual(readdirSync(folder), []);
  });

  it('into a folder that is not there is refused', async () => {
    const [address, hash] = [`decode(repeat('11', 20), 'hex')`, `decode(repeat('22', 32), 'hex')`];
    await test.owner.query(
      `insert into cairn.deployment (chain_id, timelock, anchor, vault, tokens, deployer, block_number, block_hash, deployed_ms)
       values (31337, ${address}, ${address}, ${address}, '[]', ${address}, 1, ${hash}, 1)`,
    );
    await test.owner.query('select cairn.create_book($1)', [OLDER]);
    await test.owner.query('select cairn.create_book($1)', [OWN]);
    await test.owner.query('insert into cairn.platform (book) values ($1)', [OWN]);
    assert.equal(await codeOf(join(folder, 'none', 'export')), 'export/cannot-write');
    assert.equal(await codeOf(join(folder, 'export')), 'written');
    assert.deepEqual(readdirSync(folder), ['export']);
  });

  it('is of the platform’s own book, and refused where that is not here any more', async () => {
    const file = join(folder, 'export');
    const [header] = readFileSync(file, 'utf8').split('\n');
    assert.equal((JSON.parse(header!) as { book: string }).book, OWN);
    await test.owner.query(`update cairn.book set status = 'moved', moved_to = 'elsewhere:5432/cairn' where id = $1`, [OWN]);
    assert.equal(await codeOf(file), 'export/nothing-there');
  });
});
