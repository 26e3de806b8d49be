/**
 * Transfers a second through the store, beside three references of the same run: TPC-B (pgbench's script, 8 clients, prepared statements), a function that books a row at a time, and
 * the raw insert floor (unnest INSERT into a table with a primary key). Everything durable: fsync and synchronous_commit on.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSealingThread, type SealingThread } from '#anchor';
import { systemClock, type AccountId, type BookId } from '#base';
import { openBook, type Book } from '#ledger';
import { ROOT } from '../dev/child.ts';
import type { BookOrder } from './ledger/bookProcess.ts';
import { startHelper, type Helper } from './ledger/child.ts';
import { batches, callers, profile } from './ledger/clients.ts';
import { serve } from './ledger/http.ts';
import { svgOf } from './ledger/plot.ts';
import { CLIENTS, floor, prepareReferences, rowAtATime, SCALE, tpcb } from './ledger/references.ts';
import { interleave, speedOf, table, thousands, type Contestant, type Measured, type Rounds } from './ledger/report.ts';
import { onStage, type Stage } from './ledger/stage.ts';
import { relationsOf, storageTable } from './ledger/storage.ts';
import { accountsOf, fresh, hotTransfers, requests, transfers } from './ledger/work.ts';

export const title = 'The ledger';

const ROUNDS = 5;
const SECONDS = 2;
/** The lines of the plots have fewer: they show a shape. */
const SWEEP_ROUNDS = 3;

const REFERENCE = `TPC-B, ${CLIENTS} clients`;
const FLOOR = 'floor: insert of 8,000 rows';
const ALONE = 'one book in a process of its own, 8,000 a batch';
const TOGETHER = 'two books side by side, the same each';
const UNSEALED = 'batches of 1,000 over 10,000 accounts, not sealed';
const SEALED = 'the same while a thread beside it seals and hashes';

/** As in src/main.ts. */
const SEALING = { chainId: 31_337n, sealAfterMs: 1_500, maxRecords: 4_096 };
const PASS_MS = 100;

export async function run(): Promise<string> {
  return onStage(measure);
}

async function measure(stage: Stage): Promise<string> {
  const { owner, book } = stage;
  const [thousand, tenThousand] = [await accountsOf(book, 1_000), await accountsOf(book, 10_000)];
  await prepareReferences(owner, tenThousand);
  const storage = await storageOf(stage);
  const others = await besides(stage, tenThousand);
  const measured = await interleave([...(await engine(stage, thousand, tenThousand)), ...others.contestants], ROUNDS);
  await others.end();
  const [sizes, waiting] = await sweeps(stage, tenThousand);
  const bounds = await boundsOf(stage, thousand, tenThousand);
  drawPlots(measured, sizes, waiting);
  return [
    `Transfers a second, full semantics, journal, history and idempotency on, durable (fsync and synchronous_commit on); medians of ${ROUNDS} interleaved rounds. PostgreSQL ${await versionOf(stage)}, server and`,
    'clients on the same machine. Accounts are drawn uniformly. Batches come from one client with two requests outstanding, so that one is decided while the one before it is written; their work is made up before',
    `the clock starts. TPC-B is pgbench's script at scale ${SCALE}, prepared, driven by the same client library as the ledger (pgbench itself, written in C, drives the same server faster). The row-at-a-time`,
    'function locks both accounts in the order of their ids, updates both balances and writes the transfer, in one call and one transaction. The floor inserts the same ids, accounts and amounts into a table with a',
    'primary key and does nothing else, one statement after the other. Over HTTP the API and the writer are one process, as in `npm start`, and the client is another; its transfers name their ids.',
    'The server has the files of its WAL from the start, as one that has run for a while.',
    '',
    table(measured, REFERENCE, FLOOR),
    '',
    `Two books side by side book ${(speedOf(measured, TOGETHER) / speedOf(measured, ALONE)).toFixed(2)} times what one does: each has a process and a connection, and one request at a time, so that one book leaves room on two cores.`,
    `While a thread beside the writer seals and hashes, as in \`npm start\` (src/anchor/sealing: keccak in WebAssembly, the journal read over a connection of its own), the writer has ${percent(speedOf(measured, SEALED) / speedOf(measured, UNSEALED))} of its speed.`,
    ...SEALING_PARTS,
    '',
    '![Throughput against batch size](plots/ledger-batch-size.svg)',
    '',
    '![Throughput against waiting callers](plots/ledger-callers.svg)',
    '',
    bounds,
    '',
    storage,
  ].join('\n');
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** What is in this process. */
async function engine(stage: Stage, thousand: readonly AccountId[], tenThousand: readonly AccountId[]): Promise<Contestant[]> {
  const { owner, book } = stage;
  const others = await accountsOf(book, 1_000);
  const [hot] = await accountsOf(book, 1);
  return [
    { name: REFERENCE, measure: () => tpcb(owner, SECONDS) },
    { name: `a row at a time, ${CLIENTS} clients, 10,000 accounts`, measure: () => rowAtATime(owner, tenThousand, SECONDS) },
    { name: FLOOR, measure: () => floor(owner, thousand, 16, 8_000) },
    {
      name: 'batches of 8,000 over 1,000 accounts',
      measure: () =>
        batches(
          book,
          requests(16, () => transfers(thousand, 8_000)),
        ),
    },
    {
      name: 'batches of 8,000 over 10,000 accounts',
      measure: () =>
        batches(
          book,
          requests(12, () => transfers(tenThousand, 8_000)),
        ),
    },
    {
      name: 'batches of 8,000, one hot account',
      measure: () =>
        batches(
          book,
          requests(12, () => hotTransfers(hot!, others, 8_000)),
        ),
    },
    {
      name: 'batches of 1,000 over 10,000 accounts',
      measure: () =>
        batches(
          book,
          requests(60, () => transfers(tenThousand, 1_000)),
        ),
    },
    { name: '256 waiting callers over 10,000 accounts', measure: () => callers(book, tenThousand, 256, SECONDS) },
    { name: '8 waiting callers over 10,000 accounts', measure: () => callers(book, tenThousand, 8, SECONDS) },
  ];
}

interface Besides {
  readonly contestants: readonly Contestant[];
  end(): Promise<void>;
}

/** What needs processes beside this one. */
async function besides(stage: Stage, accounts: readonly AccountId[]): Promise<Besides> {
  const api = await serve(stage);
  const books = [1, 2].map(() => startHelper<BookOrder, Measured>('./bookProcess.ts'));
  for (const one of books) await one.ask({ open: stage.url, accounts: 1_000 });
  // A book of its own: sealing everything that the other contestants book would take longer than all of them.
  const book = await openBook({ database: stage.database, bookId: fresh<BookId>(), clock: systemClock });
  const own = await accountsOf(book, 10_000);
  const sealer = openSealingThread({ databaseUrl: stage.url, clock: systemClock, ...SEALING });
  const contestants: Contestant[] = [
    { name: 'HTTP, one transfer a request, 256 connections', measure: () => api.load(accounts, { connections: 256, size: 1, seconds: SECONDS }) },
    { name: 'HTTP, 1,000 transfers a request, 8 connections', measure: () => api.load(accounts, { connections: 8, size: 1_000, seconds: SECONDS }) },
    { name: ALONE, measure: () => sideBySide(books.slice(0, 1)) },
    { name: TOGETHER, measure: () => sideBySide(books) },
    {
      name: UNSEALED,
      measure: () =>
        batches(
          book,
          requests(60, () => transfers(own, 1_000)),
        ),
    },
    { name: SEALED, measure: () => whileSealing(book, own, sealer) },
  ];
  return { contestants, end: async () => void (await Promise.all([api.close(), book.close(), sealer.close(), ...books.map((one) => one.end())])) };
}

async function sideBySide(books: readonly Helper<BookOrder, Measured>[]): Promise<Measured> {
  await Promise.all(books.map((one) => one.ask({ prepare: 12, size: 8_000 })));
  const measured = await Promise.all(books.map((one) => one.ask({ run: true, outstanding: 1 })));
  return { perSecond: measured.reduce((sum, { perSecond }) => sum + perSecond, 0) };
}

/** What was booked before is sealed before the clock starts: the sealer has what comes while it runs, and keeps up or does not. */
async function whileSealing(book: Book, accounts: readonly AccountId[], sealer: SealingThread): Promise<Measured> {
  await sealer.sealAll(book);
  const work = requests(60, () => transfers(accounts, 1_000));
  const end = new AbortController();
  let sealed = 0;
  const sealing = (async (): Promise<void> => {
    while (!end.signal.aborted) {
      sealed += (await sealer.sealDue(book)) * SEALING.maxRecords;
      await sleep(PASS_MS);
    }
  })();
  const measured = await batches(book, work);
  console.log(`  sealed meanwhile: ${thousands(sealed)} records of ${thousands(work.length * 1_000)}`);
  end.abort();
  await sealing;
  return measured;
}

type Sweep = readonly { readonly x: number; readonly y: number }[];

async function sweeps({ book }: Stage, accounts: readonly AccountId[]): Promise<[sizes: Sweep, waiting: Sweep]> {
  const sizes = [1, 10, 100, 1_000, 8_000];
  const waiting = [1, 8, 64, 256, 1_024];
  const sizeName = (size: number): string => `requests of ${thousands(size)}`;
  const callerName = (count: number): string => `${thousands(count)} callers`;
  const rounds = await interleave(
    [
      // About half a second each.
      ...sizes.map((size) => {
        const count = Math.ceil(Math.min(1_000, 48_000 / size));
        return {
          name: sizeName(size),
          measure: () =>
            batches(
              book,
              requests(count, () => transfers(accounts, size)),
            ),
        };
      }),
      ...waiting.map((count) => ({ name: callerName(count), measure: () => callers(book, accounts, count, SECONDS / 2) })),
    ],
    SWEEP_ROUNDS,
  );
  return [sizes.map((x) => ({ x, y: speedOf(rounds, sizeName(x)) })), waiting.map((x) => ({ x, y: speedOf(rounds, callerName(x)) }))];
}

function drawPlots(rounds: Rounds, sizes: Sweep, waiting: Sweep): void {
  const folder = join(ROOT, 'docs', 'plots');
  mkdirSync(folder, { recursive: true });
  const level = (name: string, of: string) => ({ name: `${name}, ${thousands(speedOf(rounds, of))}/s`, y: speedOf(rounds, of) });
  const y = 'transfers a second';
  const bySize = { title: 'Batches over 10,000 accounts, two requests outstanding', x: 'transfers a request', y, points: sizes };
  const byCallers = { title: 'Waiting callers over 10,000 accounts, one transfer each', x: 'callers', y, points: waiting };
  writeFileSync(join(folder, 'ledger-batch-size.svg'), svgOf({ ...bySize, levels: [level('TPC-B', REFERENCE)] }));
  writeFileSync(join(folder, 'ledger-callers.svg'), svgOf({ ...byCallers, levels: [level('TPC-B', REFERENCE)] }));
}

/** What a transfer costs, and which of the two it waits for. */
async function boundsOf(stage: Stage, thousand: readonly AccountId[], tenThousand: readonly AccountId[]): Promise<string> {
  const works = [
    { name: '8,000 a batch, 1,000 accounts', count: 24, size: 8_000, accounts: thousand },
    { name: '8,000 a batch, 10,000 accounts', count: 24, size: 8_000, accounts: tenThousand },
    { name: '1,000 a batch, 10,000 accounts', count: 120, size: 1_000, accounts: tenThousand },
  ];
  const rows: string[] = [];
  for (const { name, count, size, accounts } of works) {
    const spent = await profile(
      stage,
      requests(count, () => transfers(accounts, size)),
    );
    if (spent) rows.push(`| ${name} | ${spent.node.toFixed(1)} | ${spent.postgres.toFixed(1)} | ${spent.elapsed.toFixed(1)} |`);
  }
  return [
    'What bounds it, in microseconds of CPU a transfer: this process (with its collector of garbage, which has threads of its own) and the one PostgreSQL backend work at the same time, so a transfer takes what the',
    'slower of them takes, as long as each has a core.',
    '',
    '| | Node | PostgreSQL | elapsed |',
    '|--|--:|--:|--:|',
    ...rows,
    '',
    ...PARTS,
  ].join('\n');
}

/** From `--cpu-prof` of sealing alone, and from both with and without the lower priority in turns. */
const SEALING_PARTS = [
  'Sealing takes about 7.5 us of CPU a record of its own thread (2.1 encoding, 1.7 reading rows, 1.5 the collector of garbage, 0.6 keccak) and about 2.4 us of a second PostgreSQL backend. The writer and its backend keep',
  'more than one of two cores busy, so all three share two cores and their caches, and what is missing to nine tenths is that: a third core is what it takes. The thread runs ten steps of `nice` below the writer, which',
  'is worth 4 of 100 here.',
];

/** From `--cpu-prof` and `perf record` of these contestants; the shares move little from one machine to the next, unlike the times. */
const PARTS = [
  'Of the time of Node at 8,000 a batch over 10,000 accounts, about a sixth is the collector of garbage, a sixth looking for the new ids among those of late, a quarter the decision itself (ids checked, two sums of',
  'bigints a side, two new balances, three entries in maps), a sixth the arrays of the statement, the rest copying and sending. Of the time of PostgreSQL nothing stands out: about a tenth each is the kernel',
  'taking the WAL and new pages, the three B-trees (journal by number and by id, history by account), reading the binary arrays and laying them side by side, and writing WAL records; the named constraints, most of',
  'them comparisons of numeric, are less than a tenth together. A batch over 10,000 accounts writes nearly one row of history a transfer, one over 1,000 an eighth: that is the difference between the two.',
];

async function versionOf({ owner }: Stage): Promise<string> {
  return (await owner.query<{ version: string }>("select current_setting('server_version') as version")).rows[0]!.version;
}

/** At 1,000 a batch over 10,000 accounts of their own. */
async function storageOf(stage: Stage): Promise<string> {
  const accounts = await accountsOf(stage.book, 10_000);
  const before = await relationsOf(stage);
  const count = 200;
  await batches(
    stage.book,
    requests(count, () => transfers(accounts, 1_000)),
  );
  const { text } = storageTable(before, await relationsOf(stage), count * 1_000);
  return `Storage at 1,000 a batch over 10,000 accounts, of ${count} batches, indexes and history included:\n\n${text}`;
}
