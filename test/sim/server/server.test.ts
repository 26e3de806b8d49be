import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { ManualClock, newId, type AccountId, type BookId } from '#base';
import { violatedConstraint, type Database } from '#db';
import { openBook } from '#ledger';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { Random } from '../random.ts';
import { Timeline } from '../timeline.ts';
import { settingsOf } from '../world/settings.ts';
import { Workload } from '../world/workload.ts';
import { CHECKS } from './checks.ts';
import { Server, type Answer, type Session } from './server.ts';
import { Violation } from './tables.ts';

interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

const REQUESTS = 160;
/** What both answer in their own way: a session's number, whether it is still there. */
const ITS_OWN = new Set(['load.create', 'load.settings', 'load.unlock', 'load.evict', 'load.atWork', 'read.schema']);
/** Lists that a statement gives in no order. */
const UNORDERED = new Set(['load.accounts', 'load.holds', 'load.holdsToSettle', 'load.byId', 'load.byKey', 'load.assets']);

function migrations(): string {
  const folder = new URL('../../../src/db/migrations/', import.meta.url);
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n');
}

function spelled(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spelled).join(',')}]`;
  if (value === null || typeof value !== 'object') return typeof value === 'bigint' ? `${value}n` : JSON.stringify(value);
  return `{${Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, inner]) => `${name}:${spelled(inner)}`)
    .join(',')}}`;
}

describe('the simulated server', () => {
  let db: TestDatabase;
  before(async () => (db = await testDatabase()));
  after(() => db.close());

  it('answers every statement as PostgreSQL does, and refuses for a reason that PostgreSQL has', async () => {
    const random = new Random(Date.now());
    const bookId = newId<BookId>(Date.now(), (length) => Uint8Array.from({ length }, () => random.below(256)));
    const timeline = new Timeline();
    const server = new Server(timeline, random.fork());
    const session: Session = { owner: 'both', pid: 1, isOver: false, isClosing: false, isBusy: false, hangUp: () => undefined };
    const asked = new Map<string, number>();

    async function simulated(statement: Statement): Promise<Answer> {
      let answer: Answer | undefined;
      server.run(session, statement, 1, (given) => (answer = given));
      await timeline.run(() => answer !== undefined);
      return answer!;
    }

    /** Asks both, compares, and gives the real answer. */
    async function both(statement: Statement, ask: (statement: Statement) => Promise<{ rows: Record<string, unknown>[] }>): Promise<unknown> {
      const name = statement.name.replace(/\.[0-9a-f]{32}$/, '');
      asked.set(name, (asked.get(name) ?? 0) + 1);
      const real = await ask(statement).then(
        (result) => ({ result }),
        (error: unknown) => ({ error }),
      );
      const answer = await simulated(statement);
      if ('error' in real) {
        const constraint = violatedConstraint(real.error);
        assert.ok('error' in answer && answer.error instanceof Violation && constraint !== undefined, `${name}: PostgreSQL refuses, ${String(real.error)}`);
        assert.ok(answer.error.constraints.includes(constraint), `${name}: ${constraint} is not among ${answer.error.constraints.join(', ')}`);
        throw real.error;
      }
      assert.ok('rows' in answer, `${name}: refused by ${'error' in answer ? answer.error.message : ''}`);
      const rows = (list: readonly Record<string, unknown>[], columns: readonly string[]): string[] => {
        const texts = list.map((row) => spelled(Object.fromEntries(columns.map((column) => [column, row[column] ?? null]))));
        return UNORDERED.has(name) ? texts.sort() : texts;
      };
      if (!ITS_OWN.has(name)) {
        // Each server has a clock of its own.
        const columns = Object.keys(real.result.rows[0] ?? {}).filter((column) => column !== 'server_ms');
        assert.deepEqual(rows(answer.rows, columns), rows(real.result.rows, columns), name);
      }
      return real.result;
    }

    type Ask = (statement: Statement) => Promise<{ rows: Record<string, unknown>[] }>;
    const { pool } = db.database;
    const connect = async (): Promise<unknown> => {
      const client = await pool.connect();
      return { query: (statement: Statement) => both(statement, (given) => (client.query as unknown as Ask)(given)), release: () => client.release(true) };
    };
    const tee = { pool: { connect, query: (statement: Statement) => both(statement, (given) => (pool.query as unknown as Ask).call(pool, given)) } };
    const database = { ...tee, close: async () => undefined } as unknown as Database;

    const settings = { ...settingsOf(random.fork()), accounts: 12, small: 3, linked: 60_000, evidence: 60_000, timeoutS: 3 };
    const kinds = {
      ...settings.kinds,
      hold: 20,
      post: 15,
      void: 8,
      repeat: 8,
      change: 4,
      expire: 4,
      window: 2,
      release: 3,
      other: 4,
      open: 2,
      close: 1,
      odd: 3,
    };
    const workload = new Workload(random.fork(), { ...settings, kinds });
    const clock = new ManualClock(1_700_000_000_000);
    let book = await openBook({ database, bookId, clock, leaseMs: 60_000 });
    const accounts: AccountId[] = [];
    const opening = workload.opening();
    await book.submit(opening);
    for (const command of opening) if (command.kind === 'openAccount') accounts.push(command.id);
    for (let n = 0; n < REQUESTS; n++) {
      clock.advance(random.below(3) * 500);
      await book.submit(workload.request());
      if (n % 10 === 0) await book.expireDue();
      if (n % 40 === 39) {
        // A writer that remembers nothing asks for more, and meets the ids that it takes for new ones.
        await book.close();
        session.isOver = false;
        book = await openBook({ database, bookId, clock, leaseMs: 60_000 });
      }
      const { seq } = await book.head();
      const id = random.pick(accounts);
      const before = BigInt(random.below(Number(seq) + 2));
      await book.entries(id, { beforeSeq: before, limit: 7 });
      await book.balanceAt(id, { seq: before });
      await book.balanceAt(id, { ms: clock.nowMs() - random.below(20_000) });
      await book.records({ fromSeq: before, limit: 9 });
    }
    await book.accountsOf('00000000-0000-0000-0000-000000000000' as never, { after: accounts[0]!, limit: 4 });
    await book.close();
    const seldom = ['append.append', 'append.appendTransfers', 'load.holdsDue', 'read.next', 'read.entries', 'read.bySeq', 'read.seqAt'].filter(
      (name) => !asked.has(name),
    );
    assert.deepEqual(seldom, []);
  });

  it('knows every rule of the tables under its name', () => {
    const text = migrations();
    const last = text.slice(text.lastIndexOf('create table head'));
    const tables = last.split(/create table (?=\w)/).slice(1);
    for (const [table, checks] of Object.entries(CHECKS)) {
      const body = tables.find((one) => one.startsWith(`${table} (`)) ?? '';
      const named = [...body.slice(0, body.indexOf('\n  )')).matchAll(/constraint (\w+) check/g)].map((match) => match[1]!);
      assert.deepEqual(Object.keys(checks).sort(), named.sort(), table);
    }
  });
});
