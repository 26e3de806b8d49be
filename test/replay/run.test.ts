import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { appendLeaf, commitment, EMPTY_LOG, mth } from '#anchor/core';
import { createSealer } from '#anchor';
import { concat, ManualClock, toHex, type AssetNo, type BookId } from '#base';
import { moveCursor, openBook, type Book } from '#ledger';
import { FINAL_POST, LINKED, PENDING, POST_PENDING, SETTLES, VOID_PENDING, type Command } from '#ledger/core';
import { replayDatabase, type ReplayReport } from '#replay';
import { newBookId } from '../ledger/support/backends.ts';
import { OPENING } from '../ledger/support/commands.ts';
import { idOf } from '../ledger/support/table.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

const CHAIN_ID = 31_337n;
const LIST = `0x${'44'.repeat(32)}` as const;
const [VAULT, TOKEN] = [`0x${'11'.repeat(20)}`, `0x${'22'.repeat(20)}`] as const;

function move(id: string, more: object): Command {
  const accounts = { debit: idOf<'account'>('A'), credit: idOf<'account'>('B'), asset: 1 as AssetNo, code: 1 };
  return { kind: 'transfer', id: idOf(id), amount: 10n, ...accounts, ...more };
}

function settle(id: string, hold: string, flags: number, amount: bigint): Command {
  return { kind: 'transfer', id: idOf(id), pendingId: idOf<'transfer'>(hold), flags, amount };
}

/** Something of everything: money, evidence, a refusal, holds that are open, captured, posted, voided, expired, in a window and released, an instruction, an erasure. */
const LIFE: readonly (readonly Command[])[] = [
  OPENING,
  [move('T1', {}), move('T2', { flags: LINKED }), move('T3', { amount: 5n, debit: idOf('B'), credit: idOf('A') })],
  [
    move('T4', { debit: idOf('L') }),
    move('T5', { subject: idOf('S'), fields: { metadata: '{"a":1}' } }),
    move('T6', { subject: idOf('gone'), fields: { reason: '"b"' } }),
  ],
  [
    move('H1', { flags: PENDING }),
    move('H2', { flags: PENDING, timeoutS: 5 }),
    move('H3', { flags: PENDING | SETTLES, reference: idOf('P3') }),
    move('H4', { flags: PENDING | SETTLES }),
  ],
  [settle('C1', 'H1', POST_PENDING, 4n), move('H5', { flags: PENDING }), settle('C5', 'H5', POST_PENDING | FINAL_POST, 3n), move('H6', { flags: PENDING })],
  [settle('V6', 'H6', VOID_PENDING, 0n), { kind: 'window', window: idOf('W1') }],
  [{ kind: 'instruction', vault: VAULT, token: TOKEN, window: idOf('W1'), index: 0, listHash: LIST, count: 1, total: 10n, notAfterS: 99 }],
  [settle('C3', 'H3', POST_PENDING, 10n), { kind: 'release', transfer: idOf('H4'), instruction: LIST, index: 1, reason: 1 }],
  [
    { kind: 'openAccount', id: idOf('C'), asset: 1 as AssetNo, code: 20 },
    { kind: 'closeAccount', id: idOf('C') },
    { kind: 'erasure', erased: idOf('gone') },
  ],
  [
    { kind: 'expire', transfer: idOf('H2') },
    { kind: 'openAccount', id: idOf('D'), asset: 1 as AssetNo, code: 20 },
  ],
];

describe('a replay of a database', function () {
  this.timeout(120_000);
  const clock = new ManualClock(1_700_000_000_000);
  const bookId: BookId = newBookId();
  const schema = `book_${bookId.replaceAll('-', '')}`;
  let db: TestDatabase;
  let book: Book;

  before(async () => {
    db = await testDatabase();
    book = await openBook({ database: db.database, bookId, clock });
    for (const request of LIFE) {
      clock.advance(2_000);
      const results = await book.submit(request);
      const refused = results.filter(({ code }) => code !== 'created').map(({ code }) => code);
      assert.deepEqual(refused, request === LIFE[2] ? ['exceeds_credits'] : []);
    }
    const random = (length: number) => new Uint8Array(randomBytes(length));
    await createSealer({ database: db.database, clock, chainId: CHAIN_ID, random, sealAfterMs: 0, maxRecords: 7 }).sealAll(book);
    // What nobody sealed yet is replayed as well.
    await book.submit([move('T9', {})]);
    await deploy();
    await anchorAll();
    await project();
  });
  after(async () => {
    await book.close();
    await db.close();
  });

  async function deploy(): Promise<void> {
    const [address, hash] = ["decode(repeat('11', 20), 'hex')", "decode(repeat('22', 32), 'hex')"];
    await db.owner.query(
      `insert into cairn.deployment (chain_id, timelock, anchor, vault, tokens, deployer, block_number, block_hash, deployed_ms)
       values (${CHAIN_ID}, ${address}, ${address}, ${address}, '[]', ${address}, 1, ${hash}, 1)`,
    );
    // As an erasure leaves it.
    await db.owner.query('delete from cairn.subject_key where subject = $1', [idOf('gone')]);
  }

  /** Each batch in an anchor of its own. */
  async function anchorAll(): Promise<void> {
    const { rows } = await db.owner.query<{ batch_no: string; book_record: Buffer }>('select batch_no, book_record from cairn.batch order by batch_no');
    let head = EMPTY_LOG;
    for (const { batch_no: no, book_record: record } of rows) {
      const leaf = mth([new Uint8Array(record)]);
      const next = appendLeaf(head, leaf);
      const peaks = concat(...next.peaks);
      await db.owner.query('insert into cairn.anchor (log_index, leaf, previous, commitment, peaks, created_ms) values ($1, $2, $3, $4, $5, 1)', [
        head.count,
        Buffer.from(leaf),
        Buffer.from(commitment(head)),
        Buffer.from(commitment(next)),
        Buffer.from(peaks),
      ]);
      await db.owner.query('update cairn.batch set log_index = $1, book_index = 0, book_count = 1 where batch_no = $2', [head.count, no]);
      head = next;
    }
  }

  /** What payments and settlement would have taken from the journal by now: a payment whose hold was posted, one that is held, and the instruction. */
  async function project(): Promise<void> {
    const { seq } = await book.head();
    await moveCursor(db.database.pool, 'payments', bookId, seq);
    await moveCursor(db.database.pool, 'settlement', bookId, seq - 1n);
    await insertPayment('P3', 'H3', 'settled');
    await insertPayment('P1', 'H1', 'settled');
    await insertPayment('P4', 'H4', 'instructed');
    const record = await book.byKey(`instruction:${idOf('W1')}:0`);
    await asReplica(
      `insert into cairn.instruction (instruction, book, window_id, index, seq, token, asset, words, total, not_after_s, state, attempts, due_ms)
       values ('${LIST.replace('0x', '\\x')}', '${bookId}', '${idOf('W1')}', 0, ${record!.seq}, '${TOKEN.replace('0x', '\\x')}', 1, decode(repeat('00', 32), 'hex'), 10, 99, 'booked', 0, 1);
       insert into cairn.payout (instruction, index, payment, hold, address, amount, state, tries)
       values ('${LIST.replace('0x', '\\x')}', 0, '${idOf('P3')}', '${idOf('H3')}', '${TOKEN.replace('0x', '\\x')}', 10, 'open', 0)`,
    );
  }

  async function insertPayment(payment: string, hold: string, state: string): Promise<void> {
    const found = await book.hold(idOf<'transfer'>(hold));
    await asReplica(
      `insert into cairn.payment (payment, order_id, position, merchant, payee, state, version, end_to_end_id, creditor_name, creditor_account, currency, instructed, fingerprint, quote,
                                  instruction, hold, hold_seq, created_ms, updated_ms, due_ms)
       values ('${idOf(payment)}', '${idOf('order')}', ${found!.seq}, '${idOf('S')}', '${idOf('S')}', '${state}', 1, 'e', 'n', 'a', 'USD', '1', '\\x${toHex(randomBytes(32)).slice(2)}',
               '{}', '{}', '${found!.id}', ${found!.seq}, 1, 1, 1)`,
    );
  }

  /** As somebody who owns the tables and switches off what checks them. */
  async function asReplica(statements: string): Promise<void> {
    const client = await db.owner.connect();
    try {
      await client.query(`set session_replication_role = replica; ${statements}`);
    } finally {
      client.release(true);
    }
  }

  it('tells how far it is of the whole book, also while it is still before its snapshot', async () => {
    const heads: bigint[] = [];
    await replayDatabase({ databaseUrl: db.url, page: 1, report: ({ head }) => void heads.push(head) });
    assert.deepEqual([...new Set(heads)], [(await book.head()).seq]);
  });

  const replay = (): Promise<ReplayReport> => replayDatabase({ databaseUrl: db.url, report: () => undefined });

  it('finds nothing in one that is whole, and says what it went through', async () => {
    const { seq } = await book.head();
    const { books, anchors, difference } = await replay();
    assert.equal(difference, null);
    const accounts = BigInt(OPENING.length - 2 + 2);
    assert.deepEqual(books, [{ book: bookId, records: seq, accounts, holds: 6n, batches: BigInt(Math.ceil(Number(seq - 1n) / 7)) }]);
    assert.equal(anchors, Number(books[0]!.batches));
  });

  it('finds nothing either where a page is one record, and what goes on from page to page is a batch, a chain, a history', async () => {
    for (const page of [1, 3, 10]) {
      const { books, difference } = await replayDatabase({ databaseUrl: db.url, page, report: () => undefined });
      assert.equal(difference, null);
      assert.equal(books.length, 1);
    }
  });

  it('leaves nothing behind, and needs no right but to read', async () => {
    const tables = async () => (await db.owner.query("select count(*) from pg_class where relname like 'replayed%'")).rows;
    await replay();
    assert.deepEqual(await tables(), [{ count: '0' }]);
  });

  const at = (id: string): string => `(select no from book.account where id = '${idOf(id)}')`;
  /** What somebody changes who owns the tables, how it is undone, and what the replay says of it. */
  const TAMPERED: readonly (readonly [what: string, table: string, statement: string, says: RegExp])[] = [
    [
      'a balance',
      'book.account_history',
      `update book.account_history set credits_posted = credits_posted + 1 where account = ${at('B')} and seq = (select max(seq) from book.account_history where account = ${at('B')})`,
      /The history of account .* says credits posted/,
    ],
    [
      'a balance of long ago',
      'book.account_history',
      `update book.account_history set debits_posted = debits_posted - 1 where account = ${at('A')} and seq = 12`,
      /history of account .* at record 12 says debits posted/,
    ],
    [
      'a row of the history that is gone',
      'book.account_history',
      `delete from book.account_history where account = ${at('A')} and seq = 12`,
      /history of account/,
    ],
    [
      'the last row of the history that is gone',
      'book.account_history',
      `delete from book.account_history where account = ${at('D')}`,
      /has no row for record/,
    ],
    [
      'a row of the history too many',
      'book.account_history',
      `insert into book.account_history select 14, account, flags, debits_pending, debits_posted, credits_pending, credits_posted, overdraft, null from book.account_history where account = ${at('X')}`,
      /history of account .* has a row for record 14, which did not change it|has 2 rows; the records account for 1/,
    ],
    [
      'which records touched an account',
      'book.account_history',
      `update book.account_history set earlier = '{2,2}' where account = ${at('A')} and seq = 12`,
      /earlier records/,
    ],
    ['an account’s limit', 'book.account_history', `update book.account_history set flags = 0 where account = ${at('L')}`, /says flags 0, the records 2/],
    ['an account’s owner', 'book.account', `update book.account set owner = id where no = ${at('A')}`, /The owner of account .* is stored as/],
    [
      'an account that nobody opened',
      'book.account',
      "insert into book.account values (99, '10000000-0000-4000-8000-000000000001', 1, 20, '10000000-0000-4000-8000-000000000001')",
      /Account .* is stored and in no record/,
    ],
    [
      'what was captured of a hold',
      'book.pending',
      `update book.pending set captured = 5 where id = '${idOf('H1')}'`,
      /The captured of hold .* is stored as 5; the records give 4/,
    ],
    ['a hold’s end', 'book.pending', `update book.pending set status = 'open', closed_by = null where id = '${idOf('H6')}'`, /hold .* is stored as/],
    ['a hold that is gone', 'book.pending', `delete from book.pending where id = '${idOf('H1')}'`, /Hold .* is in the records and not stored/],
    [
      'an amount in the journal',
      'book.journal',
      `update book.journal set amount = 11 where id = '${idOf('T1')}'`,
      /Record 10 is not what was sealed in batch 2/,
    ],
    [
      'an amount that was not to be had',
      'book.journal',
      `update book.journal set debit = ${at('L')} where id = '${idOf('T1')}'`,
      /Record 10: the transfer would have been refused: exceeds_credits/,
    ],
    ['a record that is gone', 'book.journal', `delete from book.journal where id = '${idOf('T1')}'`, /record 11 follows record 9/],
    [
      'the last record',
      'book.journal',
      'delete from book.journal where seq = (select max(seq) from book.journal)',
      /The head stands at record \d+; the journal ends at/,
    ],
    [
      'the key a record is filed under',
      'book.journal',
      "update book.journal set key = 'asset:7' where seq = 1",
      /filed under the key asset:7 instead of asset:1/,
    ],
    ['a transfer’s key', 'book.journal', `update book.journal set key = 'x' where id = '${idOf('T9')}'`, /filed under the key x instead of none/],
    [
      'a chain that is not whole',
      'book.journal',
      `update book.journal set now_ms = now_ms + 1 where seq = (select seq + 1 from book.journal where id = '${idOf('T2')}')`,
      /Record 12: record 11 is linked to one that is not there/,
    ],
    ['the end of a chain', 'book.journal', `update book.journal set flags = 1 where id = '${idOf('T9')}'`, /is linked to a next one, and the journal ends/],
    ['the id a refusal is filed under', 'book.journal', `update book.journal set id = '${idOf('nobody')}' where kind = 4`, /filed under the id/],
    ['the head', 'book.head', 'update book.head set now_ms = now_ms + 1', /The head says the time/],
    [
      'evidence',
      'book.evidence',
      `update book.evidence set fields = '{"metadata": "{}"}' where subject = '${idOf('S')}'`,
      /The evidence of record \d+ is not what was sealed/,
    ],
    [
      'evidence that is gone',
      'book.evidence',
      `delete from book.evidence where subject = '${idOf('S')}'`,
      /The evidence of record \d+ is gone, and no record says/,
    ],
    ['evidence of nothing', 'book.evidence', `insert into book.evidence values (9999, '${idOf('S')}', null)`, /evidence for record 9999/],
    [
      'a root',
      'cairn.batch',
      "update cairn.batch set batch_root = decode(repeat('ab', 32), 'hex') where batch_no = 2",
      /The root of batch 2 is stored as 0xab/,
    ],
    [
      'a leaf',
      'cairn.batch',
      // Whatever stands there, another byte.
      'update cairn.batch set leaves = set_byte(leaves, 0, 255 - get_byte(leaves, 0)) where batch_no = 1',
      /Record 1 is not what was sealed in batch 1/,
    ],
    [
      'a head of the log',
      'cairn.anchor',
      "update cairn.anchor set peaks = decode(repeat('ab', octet_length(peaks)), 'hex') where log_index = 2",
      /The head of the log after leaf 2/,
    ],
    [
      'a payment’s state',
      'cairn.payment',
      `update cairn.payment set state = 'held' where hold = '${idOf('H3')}'`,
      /Payment .* is stored as held; the records of its hold give settled/,
    ],
    ['a payment’s record', 'cairn.payment', `update cairn.payment set hold_seq = hold_seq + 1 where hold = '${idOf('H3')}'`, /for its hold, which is record/],
    [
      'a payment whose hold is nowhere',
      'cairn.payment',
      `update cairn.payment set hold = payment where hold = '${idOf('H4')}'`,
      /Payment .* its hold is in no record/,
    ],
    ['an instruction', 'cairn.instruction', 'update cairn.instruction set total = total + 1', /Instruction 0 of window/],
    ['a payout', 'cairn.payout', `update cairn.payout set hold = '${idOf('H1')}'`, /Instruction 0 of window/],
    [
      'how far a reader came',
      'cairn.record_cursor',
      "update cairn.record_cursor set seq = 99999 where reader = 'settlement'",
      /The reader "settlement" is said to have read to record 99999/,
    ],
  ];

  const own = (statement: string): string => statement.replaceAll(/\bbook\./g, `${schema}.`);

  async function columnsOf(table: string): Promise<string> {
    const { rows } = await db.owner.query<{ name: string }>(
      "select quote_ident(attname) as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '' order by attnum",
      [own(table)],
    );
    return rows.map(({ name }) => name).join(', ');
  }

  for (const [what, table, statement, says] of TAMPERED) {
    it(`names ${what} that was changed by the owner of the tables`, async () => {
      const columns = await columnsOf(table);
      await db.owner.query(`create table public.saved as select ${columns} from ${own(table)}`);
      try {
        await asReplica(own(statement));
        assert.match((await replay()).difference ?? 'nothing', says);
      } finally {
        await asReplica(`delete from ${own(table)}; insert into ${own(table)} (${columns}) select ${columns} from public.saved; drop table public.saved`);
      }
    });
  }

  it('finds nothing any more once all of it is undone', async () => assert.equal((await replay()).difference, null));

  it('goes by one moment while the book is written on', async () => {
    const over = new AbortController();
    const writing = (async () => {
      for (let i = 0; !over.signal.aborted; i++)
        await book.submit([
          move(`more ${i}`, { flags: i % 2 === 0 ? PENDING : 0 }),
          ...(i % 2 === 0 ? [] : [settle(`c ${i}`, `more ${i - 1}`, POST_PENDING, 4n)]),
        ]);
    })();
    try {
      for (let i = 0; i < 3; i++) assert.equal((await replay()).difference, null);
    } finally {
      over.abort();
      await writing;
    }
    // By now there is more than is kept in memory with such pages.
    assert.equal((await replayDatabase({ databaseUrl: db.url, page: 2, report: () => undefined })).difference, null);
  });

  it('says of every table whether it follows from the journal (docs/ledger-semantics.md)', async () => {
    const page = readFileSync(new URL('../../docs/ledger-semantics.md', import.meta.url), 'utf8');
    const rows = page
      .slice(page.indexOf('## Replay'))
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    const said = rows.flatMap((row) => [...row.split(' | ')[0]!.matchAll(/`(\w+)`/g)].map((match) => match[1]!));
    const { rows: tables } = await db.owner.query<{ name: string }>('select distinct tablename as name from pg_tables where schemaname in ($1, $2)', [
      schema,
      'cairn',
    ]);
    assert.deepEqual(said.sort(), tables.map(({ name }) => name).sort());
  });

  it('is refused where there is no such book', async () => {
    await assert.rejects(replayDatabase({ databaseUrl: db.url, book: newBookId(), report: () => undefined }), { code: 'ledger/no-such-book' });
  });

  it('is refused where its login may not make temporary tables', async () => {
    const { rows } = await db.owner.query<{ name: string }>('select quote_ident(current_database()) as name');
    await db.owner.query(`revoke temporary on database ${rows[0]!.name} from public`);
    await assert.rejects(replay(), { code: 'replay/no-scratch' });
    await db.owner.query(`grant temporary on database ${rows[0]!.name} to cairn_read`);
    assert.equal((await replay()).difference, null);
  });
});
