/**
 * Transfers a second through the store, beside three references of the same run: TPC-B (pgbench's script, 8 clients, prepared statements), a function that books a row at a time, and
 * the raw insert floor (unnest INSERT into a table with a primary key). Everything durable: fsync and synchronous_commit on.
 */
import { batches, callers } from './ledger/clients.ts';
import { CLIENTS, floor, prepareReferences, rowAtATime, SCALE, tpcb } from './ledger/references.ts';
import { interleave, table, type Contestant } from './ledger/report.ts';
import { onStage, type Stage } from './ledger/stage.ts';
import { relationsOf, storageTable } from './ledger/storage.ts';
import { accountsOf, hotTransfers, requests, transfers } from './ledger/work.ts';

export const title = 'The ledger';

const ROUNDS = 5;
const SECONDS = 2;

const REFERENCE = `TPC-B, ${CLIENTS} clients`;
const FLOOR = 'floor: insert of 8,000 rows';

export async function run(): Promise<string> {
  return onStage(measure);
}

async function measure(stage: Stage): Promise<string> {
  const { owner, book } = stage;
  const [thousand, tenThousand] = [await accountsOf(book, 1_000), await accountsOf(book, 10_000)];
  const others = await accountsOf(book, 1_000);
  const [hot] = await accountsOf(book, 1);
  await prepareReferences(owner, tenThousand);
  const contestants: readonly Contestant[] = [
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
  const measured = await interleave(contestants, ROUNDS);
  return [
    `Transfers a second, full semantics, journal, history and idempotency on, durable (fsync and synchronous_commit on); medians of ${ROUNDS} interleaved rounds. PostgreSQL ${await versionOf(stage)}, server and client on`,
    `the same machine. Accounts are drawn uniformly. Batches come from one client with two requests outstanding, so that one is decided while the one before it is written. TPC-B is pgbench's script at scale ${SCALE},`,
    'prepared, driven by the same client library as the ledger (pgbench itself, written in C, drives the same server faster). The row-at-a-time function locks both accounts in the order of their ids, updates both',
    'balances and writes the transfer, in one call and one transaction. The floor inserts the same ids, accounts and amounts into a table with a primary key and does nothing else.',
    '',
    table(measured, REFERENCE, FLOOR),
    '',
    await storage(stage),
  ].join('\n');
}

async function versionOf({ owner }: Stage): Promise<string> {
  return (await owner.query<{ version: string }>("select current_setting('server_version') as version")).rows[0]!.version;
}

/** Of 200,000 transfers at 1,000 a batch over 10,000 accounts of their own. */
async function storage(stage: Stage): Promise<string> {
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
