import assert from 'node:assert/strict';
import { Problem, systemClock, type BookId, type ProblemCode } from '#base';
import { moveBook, type MoveStep } from '#books';
import { openBook } from '#ledger';
import { newBookId } from '../ledger/support/backends.ts';
import { idOf } from '../ledger/support/table.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

function isProblem(code: ProblemCode): (error: unknown) => boolean {
  return (error) => error instanceof Problem && error.code === code;
}

describe('a book stays where it has what does not move', () => {
  let own: TestDatabase;
  let there: TestDatabase;
  let bookId: BookId;
  before(async () => (there = await testDatabase()));
  after(() => there.close());
  beforeEach(async () => {
    own = await testDatabase();
    bookId = newBookId();
  });
  afterEach(() => own.close());

  const HASH = "decode(repeat('00', 32), 'hex')";
  const ADDRESS = "decode(repeat('01', 20), 'hex')";
  const DEPLOYMENT = `insert into cairn.deployment (chain_id, timelock, anchor, vault, tokens, deployer, block_number, block_hash, deployed_ms)
    values (1, ${ADDRESS}, ${ADDRESS}, ${ADDRESS}, '[]', ${ADDRESS}, 1, ${HASH}, 1)`;
  const batch =
    () => `insert into cairn.batch (book, batch_no, first_seq, last_seq, previous_head, batch_root, book_record, leaves, fields_roots, oldest_ms, sealed_ms)
    values ('${bookId}', 1, 1, 1, ${HASH}, ${HASH}, ${HASH}, ${HASH}, ${HASH}, 1, 1)`;
  const moveOwn = (onStep: (step: MoveStep) => Promise<void> = async () => undefined) => moveBook({ bookId, fromUrl: own.url, toUrl: there.url, onStep });
  const begun = async () => (await openBook({ database: own.database, bookId, clock: systemClock })).close();

  it('as the platform’s own book, which its contracts are bound to, whatever older one is beside it', async () => {
    await begun();
    const older = bookId;
    bookId = newBookId();
    await begun();
    await own.owner.query(DEPLOYMENT);
    await own.owner.query(`insert into cairn.platform (book) values ('${bookId}')`);
    await assert.rejects(moveOwn(), isProblem('books/stays-with-the-platform'));
    // Sealed into the deployment's database, it goes on being sealed there.
    bookId = older;
    await own.owner.query(batch());
    await moveOwn();
  });

  it('with merchants, also where the first of them comes while it is copied', async () => {
    await begun();
    const merchant = `insert into cairn.merchant (merchant, book, name, signing_key, digest, registered_ms)
      values ('${idOf('M')}', '${bookId}', 'M', ${ADDRESS}, ${HASH}, 1)`;
    const late = moveOwn(async (step) => {
      if (step === 'depart') await own.owner.query(merchant);
    });
    await assert.rejects(late, isProblem('books/stays-with-the-platform'));
    await assert.rejects(moveOwn(), isProblem('books/stays-with-the-platform'));
    await begun();
  });

  it('with batches that were sealed in its own database', async () => {
    await begun();
    await own.owner.query(batch());
    await assert.rejects(moveOwn(), isProblem('books/sealed-there'));
    await begun();
  });

  it('but not once it was left for good: then it is opened, whatever came since', async () => {
    await begun();
    const died = new Error('The mover ends here.');
    const interrupted = moveOwn(async (step) => {
      if (step === 'open') throw died;
    });
    await assert.rejects(interrupted, (error) => error === died);
    await own.owner.query(batch());
    await moveOwn();
    await (await openBook({ database: there.database, bookId, clock: systemClock })).close();
  });
});
