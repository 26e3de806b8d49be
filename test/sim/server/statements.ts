import type { Written } from './plan.ts';
import type { Tables } from './tables.ts';

/** What a statement is given beside its parameters. */
export interface Scope {
  /** The statement itself. */
  readonly text: string;
  readonly tables: Tables;
  /** The locks of the session that runs it. */
  readonly lock: (key: string) => boolean;
  readonly unlock: (key: string) => boolean;
  /** The number of that session, never given twice. */
  readonly pid: number;
  /** Ends a session; false where it has ended already. */
  readonly terminate: (pid: number) => boolean;
  /** Whether a session runs a statement. */
  readonly isBusy: (pid: number) => boolean;
  /** By the server's clock. */
  readonly nowMs: number;
}

type Handler = (scope: Scope, params: readonly unknown[]) => Written[];

function accountRow(tables: Tables, account: Written): Written[] {
  const last = tables.history.get(account['no'] as number)?.at(-1);
  if (!last) return [];
  const { no, id, asset, code, owner } = account;
  const { seq, flags, overdraft, debits_pending, debits_posted, credits_pending, credits_posted } = last;
  return [{ no, id, seq, asset, code, flags, owner, overdraft, debits_pending, debits_posted, credits_pending, credits_posted }];
}

function accountName(tables: Tables, no: unknown): unknown {
  return no === null ? null : (tables.accounts.get(no as number)?.['id'] ?? null);
}

function recordRow(tables: Tables, row: Written): Written {
  const evidence = tables.evidence.get(row['seq'] as bigint);
  const { seq, kind, now_ms, id, pending_id, reference, asset, amount, code, flags, timeout_s, effective_ms, body } = row;
  const accounts = { debit: accountName(tables, row['debit']), credit: accountName(tables, row['credit']) };
  const about = { subject: evidence?.['subject'] ?? null, fields: evidence?.['fields'] ?? null };
  return { seq, kind, now_ms, id, pending_id, reference, ...accounts, asset, amount, code, flags, timeout_s, effective_ms, body, ...about };
}

function holdRow(tables: Tables, row: Written): Written {
  return { ...row, debit: accountName(tables, row['debit']), credit: accountName(tables, row['credit']) };
}

function present<T>(items: Iterable<T | undefined>): T[] {
  return [...items].filter((item) => item !== undefined);
}

function big(value: unknown): bigint {
  return BigInt(String(value));
}

/** The order of uuid: their bytes, which is that of their text. */
function byText(a: unknown, b: unknown): number {
  return (a as string) < (b as string) ? -1 : a === b ? 0 : 1;
}

function historyOf(tables: Tables, id: unknown): Written[] {
  return tables.history.get((tables.accountsById.get(id as string)?.['no'] as number | undefined) ?? -1) ?? [];
}

function placesOf(row: Written): bigint[] {
  const seq = row['seq'] as bigint;
  return [seq, ...((row['earlier'] as number[] | null) ?? []).map((back) => seq - BigInt(back))];
}

/** What each statement of src/ledger/sql answers, by the name that its file gives it; those that append a batch are read from their text (plan.ts). */
export const HANDLERS: Readonly<Record<string, Handler>> = {
  'load.create': () => [{ create_book: 'book' }],
  'load.whereabouts': ({ tables: { head } }) => [{ status: 'open', moved_to: null, holder: head.holder }],
  'load.place': () => [{ status: 'open', moved_to: null }],
  'load.standing': ({ tables: { head } }) => [{ seq: head.seq, now_ms: head.now_ms, status: 'open', moved_to: null }],
  'load.unlock': ({ unlock }, [book]) => [{ pg_advisory_unlock: unlock(String(book)) }],
  'load.settings': () => [{ set_config: 'on' }],
  'load.take': ({ tables: { head }, text, lock, pid, nowMs }, [book, holder, leaseMs]) => {
    if (!lock(String(book))) return [];
    if (text.includes('set epoch = h.epoch + 1')) head.epoch += 1n;
    head.holder = String(holder);
    head.holderPid = pid;
    head.leaseUntilMs = nowMs + Number(leaseMs);
    return [{ seq: head.seq, now_ms: head.now_ms, epoch: head.epoch, server_ms: BigInt(Math.ceil(nowMs)) }];
  },
  'load.evict': ({ tables: { head }, terminate, nowMs }, [holder]) => {
    const isOver = head.leaseUntilMs < nowMs || head.holder === holder;
    return isOver && terminate(head.holderPid) ? [{ pg_terminate_backend: true }] : [];
  },
  'load.renew': ({ tables: { head }, nowMs }, [epoch, leaseMs]) => {
    if (head.epoch !== big(epoch)) return [];
    head.leaseUntilMs = nowMs + Number(leaseMs);
    return [{ server_ms: BigInt(Math.ceil(nowMs)) }];
  },
  'load.atWork': ({ tables: { head }, isBusy }, [epoch]) => (head.epoch === big(epoch) && isBusy(head.holderPid) ? [{ yes: 1 }] : []),
  'load.clock': ({ nowMs }) => [{ server_ms: BigInt(Math.ceil(nowMs)) }],
  'load.head': ({ tables: { head } }) => [{ seq: head.seq, now_ms: head.now_ms, epoch: head.epoch }],
  'load.lastAccountNo': ({ tables }) => [{ no: Math.max(0, ...tables.accounts.keys()) }],
  'load.accounts': ({ tables }, [ids]) => present((ids as string[]).map((id) => tables.accountsById.get(id))).flatMap((row) => accountRow(tables, row)),
  'load.holds': ({ tables }, [ids]) => present([...new Set(ids as string[])].map((id) => tables.pending.get(id))).map((row) => holdRow(tables, row)),
  'load.holdsToSettle': ({ tables }) =>
    [...tables.pending.values()]
      .filter((row) => row['status'] === 'open' && row['window_seq'] === null && row['settles'] === true)
      .map((row) => holdRow(tables, row)),
  'load.holdsDue': ({ tables }, [now, limit]) => {
    const due = [...tables.pending.values()].filter(
      (row) => row['status'] === 'open' && row['window_seq'] === null && row['expires_ms'] !== null && (row['expires_ms'] as bigint) <= big(now),
    );
    const order = (a: Written, b: Written): number => Number((a['expires_ms'] as bigint) - (b['expires_ms'] as bigint)) || byText(a['id'], b['id']);
    return due
      .sort(order)
      .slice(0, Number(limit))
      .map(({ id }) => ({ id }));
  },
  'load.byId': ({ tables }, [ids]) => present([...new Set(ids as string[])].map((id) => tables.journalById.get(id))).map((row) => recordRow(tables, row)),
  'load.byKey': ({ tables }, [keys]) =>
    present((keys as string[]).map((key) => tables.journalByKey.get(key))).map((row) => ({ ...recordRow(tables, row), key: row['key'] })),
  'load.assets': ({ tables }) =>
    [...tables.journalByKey]
      .filter(([key]) => key.startsWith('asset:'))
      .map(([, row]) => ({ asset: big((row['body'] as Readonly<Record<string, unknown>>)['asset']) })),

  'read.schema': () => [{ schema_name: 'book' }],
  'read.accountsOf': ({ tables }, [owner, after, limit]) =>
    [...tables.accounts.values()]
      .filter((row) => row['owner'] === owner && (row['id'] as string) > (after as string))
      .sort((a, b) => byText(a['id'], b['id']))
      .slice(0, Number(limit))
      .flatMap((row) => accountRow(tables, row)),
  'read.records': ({ tables }, [from, limit]) => {
    const first = Math.max(0, Number(from) - 1);
    return tables.journal.slice(first, first + Number(limit)).map((row) => recordRow(tables, row));
  },
  'read.seqAt': ({ tables }, [now]) => {
    const after = tables.journal.findIndex((row) => (row['now_ms'] as bigint) > big(now));
    return [{ seq: after === -1 ? tables.head.seq : BigInt(after) }];
  },
  'read.before': ({ tables }, [id, seq]) => {
    const row = historyOf(tables, id).findLast((one) => (one['seq'] as bigint) <= big(seq));
    if (!row) return [];
    const { debits_pending, debits_posted, credits_pending, credits_posted } = row;
    return [{ seq: row['seq'], debits_pending, debits_posted, credits_pending, credits_posted }];
  },
  'read.next': ({ tables }, [id, seq]) => {
    const row = historyOf(tables, id).find((one) => (one['seq'] as bigint) > big(seq));
    return (row ? placesOf(row).slice(1) : []).filter((place) => place <= big(seq)).map((place) => ({ seq: place }));
  },
  'read.entries': ({ tables }, [id, before, limit]) =>
    historyOf(tables, id)
      .flatMap(placesOf)
      .filter((place) => place < big(before))
      .sort((a, b) => (a < b ? 1 : -1))
      .slice(0, Number(limit))
      .map((seq) => ({ seq })),
  'read.bySeq': ({ tables }, [seqs]) =>
    present((seqs as bigint[]).map((seq) => tables.journal[Number(seq) - 1]))
      .sort((a, b) => ((a['seq'] as bigint) < (b['seq'] as bigint) ? -1 : 1))
      .map((row) => recordRow(tables, row)),
  'read.holdsOfWindow': ({ tables }, [seq]) =>
    [...tables.pending.values()]
      .filter((row) => row['window_seq'] === big(seq))
      .sort((a, b) => ((a['seq'] as bigint) < (b['seq'] as bigint) ? -1 : 1))
      .map((row) => holdRow(tables, row)),
};
