import assert from 'node:assert/strict';
import type { Random } from '../random.ts';
import { broken } from './checks.ts';
import { insertedRows, scalar, settledRows, type AppendPlan, type Written } from './plan.ts';

/** A row that a constraint refuses: the statement writes nothing. */
export class Violation extends Error {
  /** Every constraint that is violated; which one PostgreSQL names depends on what it writes first. */
  readonly constraints: readonly string[];
  readonly constraint: string;

  constructor(constraints: readonly string[], random: Random) {
    super(`violates ${constraints.join(', ')}`);
    this.constraints = constraints;
    this.constraint = random.pick(constraints);
  }
}

/** What one batch wrote. */
export interface Appended {
  readonly firstSeq: bigint;
  readonly lastSeq: bigint;
  readonly epoch: bigint;
  /** In the order of their seq. */
  readonly journal: readonly Written[];
  readonly history: readonly Written[];
  readonly holds: readonly Written[];
}

/** Every column that an insert may leave out, null until it is given. */
const EMPTY: Readonly<Record<string, Written>> = {
  journal: {
    seq: null,
    now_ms: null,
    asset: null,
    timeout_s: null,
    effective_ms: null,
    id: null,
    pending_id: null,
    reference: null,
    debit: null,
    credit: null,
    code: null,
    kind: null,
    flags: null,
    amount: null,
    key: null,
    body: null,
  },
  account: {},
  account_history: {},
  pending: {},
  evidence: {},
};

/** One book's tables, as they are durable. */
export class Tables {
  readonly head = { seq: 0n, now_ms: 0n, epoch: 0n, holder: null as string | null, holderPid: 0, leaseUntilMs: 0 };
  /** The journal in order: row n has seq n + 1. */
  readonly journal: Written[] = [];
  readonly journalById = new Map<string, Written>();
  readonly journalByKey = new Map<string, Written>();
  readonly accounts = new Map<number, Written>();
  readonly accountsById = new Map<string, Written>();
  /** By account, in order. */
  readonly history = new Map<number, Written[]>();
  readonly pending = new Map<string, Written>();
  readonly evidence = new Map<bigint, Written>();

  /** Runs a batch's statement: all of it, or nothing where a constraint or the fence says no. */
  append(plan: AppendPlan, params: readonly unknown[], random: Random): Appended {
    const head: Readonly<Record<string, unknown>> = this.head;
    const moved = plan.head.where.every(({ column, param }) => head[column] === BigInt(String(params[param - 1]))) ? 1n : 0n;
    const changes = settledRows(plan, params).flatMap((change) => {
      const row = this.pending.get(change['id'] as string);
      return row && (!plan.settled?.isOpen || row['status'] === 'open') ? [{ row, becomes: { ...row, ...change } }] : [];
    });
    const written: Readonly<Record<string, bigint>> = { moved, settled: BigInt(changes.length) };
    // The two changes are counted before anything is inserted: the fence goes before every other constraint, but those of the holds that are changed.
    const violated = changes.flatMap(({ becomes }) => broken('pending', becomes));
    const isFenced = plan.counted.reduce((count, name) => count + written[name]!, 0n) !== scalar(plan.meant, params);
    if (violated.length > 0 || isFenced) throw new Violation(violated.length > 0 ? violated : ['fence'], random);

    const inserts = plan.inserts.map((insert) => ({
      table: insert.table,
      rows: insertedRows(insert, params).map((row): Written => ({ ...EMPTY[insert.table], ...row })),
    }));
    const refused = [...new Set(inserts.flatMap(({ table, rows }) => this.#refusals(table, rows)))];
    if (refused.length > 0) throw new Violation(refused, random);

    const before = this.head.seq;
    for (const { column, param } of plan.head.sets) Object.assign(this.head, { [column]: BigInt(String(params[param - 1])) });
    for (const { row, becomes } of changes) Object.assign(row, becomes);
    const byTable = (name: string): Written[] => inserts.filter(({ table }) => table === name).flatMap(({ rows }) => rows);
    const journal = byTable('journal').sort((a, b) => ((a['seq'] as bigint) < (b['seq'] as bigint) ? -1 : 1));
    for (const row of journal) this.#fileRecord(row);
    for (const row of byTable('account')) {
      this.accounts.set(row['no'] as number, row);
      this.accountsById.set(row['id'] as string, row);
      this.history.set(row['no'] as number, []);
    }
    for (const row of byTable('account_history')) {
      const rows = this.history.get(row['account'] as number);
      assert(rows, 'the history of an account that was never opened');
      rows.push(row);
    }
    for (const row of byTable('pending')) this.pending.set(row['id'] as string, row);
    for (const row of byTable('evidence')) this.evidence.set(row['seq'] as bigint, row);
    const holds = [...byTable('pending'), ...changes.map(({ row }) => row)];
    return { firstSeq: before + 1n, lastSeq: this.head.seq, epoch: this.head.epoch, journal, history: byTable('account_history'), holds };
  }

  #fileRecord(row: Written): void {
    const at = Number(row['seq']) - 1;
    this.journal[at] = row;
    if (row['id'] !== null) this.journalById.set(row['id'] as string, row);
    if (row['key'] !== null) this.journalByKey.set(row['key'] as string, row);
  }

  /** Names of all constraints that these rows would violate. */
  #refusals(table: string, rows: readonly Written[]): string[] {
    const refused = rows.flatMap((row) => broken(table, row));
    const once = (name: string, values: readonly unknown[], isThere: (value: never) => boolean): void => {
      const given = values.filter((value) => value !== null);
      if (new Set(given).size < given.length || given.some((value) => isThere(value as never))) refused.push(name);
    };
    const column = (name: string): unknown[] => rows.map((row) => row[name]);
    if (table === 'journal') {
      once('journal_seq_once', column('seq'), (seq: bigint) => this.journal[Number(seq) - 1] !== undefined);
      once('journal_id_once', column('id'), (id: string) => this.journalById.has(id));
      once('journal_key_once', column('key'), (key: string) => this.journalByKey.has(key));
    }
    if (table === 'account') {
      once('account_pkey', column('no'), (no: number) => this.accounts.has(no));
      once('account_once', column('id'), (id: string) => this.accountsById.has(id));
    }
    if (table === 'account_history') {
      const places = rows.map((row) => `${String(row['account'])} ${String(row['seq'])}`);
      once('account_history_once', places, () => false);
      for (const row of rows) if ((this.history.get(row['account'] as number)?.at(-1)?.['seq'] ?? -1n) === row['seq']) refused.push('account_history_once');
    }
    if (table === 'pending') once('pending_once', column('id'), (id: string) => this.pending.has(id));
    if (table === 'evidence') once('evidence_once', column('seq'), (seq: bigint) => this.evidence.has(seq));
    return refused;
  }
}
