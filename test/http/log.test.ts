import assert from 'node:assert/strict';
import { Problem } from '#base';
import { createLog } from '../../src/http/log.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

describe('the log of the API', () => {
  let database: TestDatabase;
  let lines: string[];
  before(async () => (database = await testDatabase()));
  after(() => database.close());
  beforeEach(() => (lines = []));

  const logged = (members: object) => {
    createLog({ level: 'error' }, { write: (line) => void lines.push(line) }).error(members, 'failed');
    return JSON.parse(lines.at(-1)) as { err: Record<string, unknown> };
  };

  it('says which rule of the database a row broke, and nothing of the row', async () => {
    const secret = '07'.repeat(32);
    const error: unknown = await database.owner
      .query(
        `insert into cairn.webhook (id, merchant, url, secret, created_ms) values (gen_random_uuid(), gen_random_uuid(), 'x', decode('${secret}', 'hex'), 1)`,
      )
      .catch((failure: unknown) => failure);
    assert.ok(error instanceof Error && String((error as { detail?: string }).detail).includes('0707'), 'the database shows it');
    const { err } = logged({ err: error });
    assert.ok(!lines.join('').includes('0707'));
    assert.equal(err['constraint'], 'webhook_url_is_one');
    assert.ok(String(err['stack']).length > 0);
  });

  it('says of a problem of ours what it is about', () => {
    const { err } = logged({ err: new Problem('store/busy', 'A table is locked.') });
    assert.deepEqual([err['code'], err['detail']], ['store/busy', 'A table is locked.']);
  });
});
