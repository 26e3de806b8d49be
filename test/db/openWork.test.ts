import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { newId, type BookId, type PaymentId } from '#base';
import type { Queryable } from '#db';
import { isAnyHeld } from '#payments';
import { openInstructions, payoutOfPayment } from '#settlement';
import { anchorStateOf, batchOf, sealedEnds } from '../../src/anchor/batchStore.ts';
import { openAnchors } from '../../src/anchor/logStore.ts';
import { heldPaymentsInRange } from '../../src/payments/store.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

/** Batches with an anchor each, payments and instructions that ended, before the few that are open. */
const ENDED = 10_000;
const BOOK = newId<BookId>(1_700_000_000_000, (length) => randomBytes(length));

/** One row each, all of them final, settled or closed; then one of each that is not. 32 bytes that follow from a number stand for every hash. */
const HISTORY = `
  insert into cairn.anchor (log_index, leaf, previous, commitment, peaks, state, signature, outbox_id, transaction_hash, block_number, created_ms, mined_ms)
  select i, sha256(int8send(i)), case when i = 0 then '\\x290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563' else sha256(int8send(i)) end,
         sha256(int8send(i + 1)), decode(repeat('00', 32 * bit_count((i + 1)::bit(64))::int), 'hex'),
         case when i < ${ENDED} then 'final' else 'sent' end, decode(repeat('00', 65), 'hex'), gen_random_uuid(),
         case when i < ${ENDED} then sha256('') end, case when i < ${ENDED} then i end, 1, case when i < ${ENDED} then 1 end
    from generate_series(0::int8, ${ENDED}::int8) as i;
  insert into cairn.batch (book, batch_no, first_seq, last_seq, previous_head, batch_root, book_record, leaves, fields_roots, oldest_ms, sealed_ms, log_index, book_index, book_count)
  select '${BOOK}', i, i, i, case when i = 1 then decode(repeat('00', 32), 'hex') else sha256(int8send(i - 1)) end, sha256(''), sha256(int8send(i)), sha256(''), sha256(''), i, i,
         case when i <= ${ENDED + 1} then i - 1 end, case when i <= ${ENDED + 1} then 0 end, case when i <= ${ENDED + 1} then 1 end
    from generate_series(1::int8, ${ENDED + 2}::int8) as i;
  insert into cairn.payment (payment, order_id, position, merchant, payee, state, version, end_to_end_id, creditor_name, creditor_account, currency, instructed, fingerprint, quote, instruction,
                             hold, hold_seq, created_ms, updated_ms, due_ms)
  select gen_random_uuid(), gen_random_uuid(), 1, gen_random_uuid(), gen_random_uuid(), case when i < ${ENDED} then 'settled' else 'held' end, 1, '', '', '', '', '', int8send(i), '{}', '{}',
         gen_random_uuid(), i, 1, 1, 1
    from generate_series(0::int8, ${ENDED}::int8) as i;
  insert into cairn.instruction (instruction, book, window_id, index, seq, token, asset, words, total, not_after_s, state, attempts, due_ms)
  select sha256(int8send(i)), '${BOOK}', gen_random_uuid(), 0, i, '', 1, sha256(''), 1, 1, case when i < ${ENDED} then 'closed' else 'paying' end, 1, 1
    from generate_series(0::int8, ${ENDED}::int8) as i;
  insert into cairn.payout (instruction, index, payment, hold, address, amount, state, tries)
  select i.instruction, 0, p.payment, p.hold, '', 1, 'open', 0
    from (select instruction, row_number() over (order by seq) as place from cairn.instruction) as i
    join (select payment, hold, row_number() over (order by hold_seq) as place from cairn.payment) as p using (place);
`;

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
}

describe('what a pass asks for', () => {
  let db: TestDatabase;
  let payment: PaymentId;
  let queries: number;
  let touched: number;
  let whole: string[];
  let client: Queryable;

  before(async () => {
    db = await testDatabase();
    const owner = await db.owner.connect();
    await owner.query('set session_replication_role = replica');
    await owner.query(HISTORY);
    await owner.query('set session_replication_role = origin');
    await owner.query('analyze cairn.anchor, cairn.batch, cairn.payment, cairn.instruction, cairn.payout');
    payment = (await owner.query<{ payment: PaymentId }>("select payment from cairn.payment where state = 'held'")).rows[0]!.payment;
    owner.release();
    const { pool } = db.database;
    const explained = async (statement: pg.QueryConfig): Promise<unknown> => {
      const { rows } = await pool.query<Record<'QUERY PLAN', [{ Plan: Plan }]>>({
        text: `explain (analyze, format json) ${statement.text}`,
        values: statement.values ?? [],
      });
      queries += 1;
      look(rows[0]!['QUERY PLAN'][0].Plan);
      return pool.query(statement);
    };
    client = { query: explained } as unknown as Queryable;
  });
  after(() => db.close());
  beforeEach(() => ([queries, touched, whole] = [0, 0, []]));

  function look(plan: Plan): void {
    const { 'Relation Name': table, 'Node Type': node, 'Actual Rows': rows, 'Actual Loops': loops, 'Rows Removed by Filter': removed = 0 } = plan;
    if (table !== undefined) touched += (rows + removed) * loops;
    if (node === 'Seq Scan') whole.push(table!);
    for (const inner of plan.Plans ?? []) look(inner);
  }

  const last = BigInt(ENDED);
  const asks: Readonly<Record<string, () => Promise<unknown>>> = {
    'how old what is in no block is': async () =>
      assert.deepEqual([...(await sealedEnds(client, [BOOK]))], [[BOOK, { oldestMs: ENDED + 1, lastSeq: last + 2n }]]),
    'whether a record of long ago is final': async () => assert.equal(await anchorStateOf(client, BOOK, 5n), 'final'),
    'whether a record of now is final': async () => assert.equal(await anchorStateOf(client, BOOK, last + 1n), 'sent'),
    'whether a record without an anchor is final': async () => assert.equal(await anchorStateOf(client, BOOK, last + 2n), null),
    'the batch of a record in the middle': async () => assert.equal((await batchOf(client, BOOK, last / 2n))?.batchNo, last / 2n),
    'the anchors that are not final': async () => assert.equal((await openAnchors(client)).length, 1),
    'whether any payment is held': async () => assert.equal(await isAnyHeld(client), true),
    'the held payments of a window': async () =>
      assert.deepEqual(
        (await heldPaymentsInRange(client, 0n, last)).map((held) => held.payment),
        [payment],
      ),
    'the instructions that are open': async () =>
      assert.deepEqual(
        (await openInstructions(client, BOOK)).map(({ seq }) => seq),
        [last],
      ),
    'the payout of a payment': async () => assert.equal((await payoutOfPayment(client, payment))?.payment, payment),
  };
  for (const [what, ask] of Object.entries(asks)) {
    it(`is found without a look at what ended: ${what}`, async () => {
      await ask();
      assert.deepEqual([queries, whole], [1, []]);
      assert.ok(touched <= 4, `${touched} rows were looked at`);
    });
  }
});
