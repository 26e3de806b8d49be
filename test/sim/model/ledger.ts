import { NIL_UUID } from '#base';
import type { Account, Hold, LedgerRecord } from '#ledger/core';
import { demand, Finding, show } from '../finding.ts';
import { answersTo, evidenceOf, judge, subjectOf, type Asked } from './chains.ts';
import { effectsOf } from './effects.ts';
import { History } from './history.ts';
import { nameOfRecord } from './others.ts';
import { isDue, sameEvidence } from './rules.ts';
import { Past, View } from './view.ts';

/** A command in the request that asked it. */
export interface Occurrence {
  readonly asked: Asked;
  readonly index: number;
}

/** The refusals that are remembered, as docs/ledger-semantics.md lists them. */
export const REMEMBERED = /^((debit|credit)_account_(not_found|already_closed)|pending_transfer_(not_found|in_window)|overflows_\w+|exceeds_(credits|debits))$/;

/**
 * The model: a second ledger, written from docs/ledger-semantics.md. It reads the journal record by record, demands of each that somebody asked it and that the rules
 * allow it there, and keeps everything with its past, so that an answer can be compared with what it should have been at any place.
 */
export class ModelLedger {
  readonly past = new Past();
  /** What asked each record. */
  readonly explained: (Occurrence | null)[] = [];
  readonly #asked = new Map<string, Occurrence[]>();
  readonly #known = new Set<Asked>();
  /** The commands of which one has to come next, because a chain is being written: more than one where the same command began several. Empty outside of chains. */
  #expected: readonly Occurrence[] = [];
  /** Whether the last record may also have been the end of its chain. */
  #mayEnd = true;

  /** From now on these commands may be booked. */
  learn(asked: Asked): void {
    if (this.#known.has(asked)) return;
    this.#known.add(asked);
    for (const [index, command] of asked.commands.entries()) {
      const subject = subjectOf(command);
      const others = this.#asked.get(subject);
      if (others) others.push({ asked, index });
      else this.#asked.set(subject, [{ asked, index }]);
    }
  }

  /** The accounts that the last batch touched. */
  readonly touched = new Set<string>();

  /** The next records of the journal: one batch, which a chain never leaves. */
  read(records: readonly LedgerRecord[]): void {
    this.touched.clear();
    for (const record of records) this.#readOne(record);
    demand(
      this.#mayEnd,
      'linked chains',
      () => `the batch up to record ${this.past.head} ends in the middle of a chain: ${show(this.#expected[0]?.asked.commands)}`,
    );
    this.#expected = [];
  }

  at(seq: number): View {
    return new View(this.past, seq);
  }

  #readOne(record: LedgerRecord): void {
    const { past } = this;
    const last = past.records.at(-1);
    demand(Number(record.seq) === past.head + 1, 'gapless sequence', () => `record ${record.seq} follows record ${past.head}`);
    demand(!last || record.nowMs >= last.nowMs, 'time goes forward', () => `record ${record.seq} is of ${record.nowMs}, the one before of ${last?.nowMs}`);
    const view = this.at(past.head);
    const occurrence = record.kind === 'refusal' ? this.#whoWasRefused(view, record) : this.#whoAsked(view, record);
    this.explained.push(occurrence);
    const { accounts, holds } = effectsOf(view, record);
    this.#file(record, view, accounts, holds);
    for (const account of accounts) sound(account, record.seq);
  }

  #file(record: LedgerRecord, view: View, accounts: readonly Account[], holds: readonly Hold[]): void {
    const { past } = this;
    const seq = Number(record.seq);
    past.records.push(record);
    if (record.kind === 'transfer') past.transfers.set(record.id, record);
    else if (record.kind === 'refusal') past.refusals.set(record.transfer, record);
    else {
      const name = nameOfRecord(record, record.kind === 'account' && view.account(record.id) === undefined);
      demand(!past.named.has(name), 'booked once', () => `record ${seq} is ${name} for the second time`);
      past.named.set(name, record);
    }
    if (record.kind === 'asset') past.assets.set(record.asset, seq);
    for (const account of accounts) {
      put(past.accounts, account.id, seq, account);
      this.touched.add(account.id);
    }
    for (const hold of holds) {
      put(past.holds, hold.id, seq, hold);
      if (hold.settles && hold.status === 'open' && hold.windowSeq === null) past.settling.add(hold.id);
      else past.settling.delete(hold.id);
    }
  }

  /** Which of the commands that were asked becomes exactly this record here. */
  #whoAsked(view: View, record: Exclude<LedgerRecord, { kind: 'refusal' }>): Occurrence | null {
    const expected = this.#expected;
    const isFirst = record.kind === 'account' && view.account(record.id) === undefined;
    const subject = record.kind === 'transfer' ? `transfer ${record.id}` : nameOfRecord(record, isFirst);
    if (record.kind === 'window') this.#nothingIsDue(view, record);
    const fits = ({ asked, index }: Occurrence): boolean => becomes(view, asked, index, record);
    const begun = this.#mayEnd ? (this.#asked.get(subject) ?? []).filter(({ asked, index }) => asked.chainOf[index]!.from === index) : [];
    const found = [...expected, ...begun].filter(fits);
    const isByItself = record.kind === 'expiry' && this.#isExpiredByItself(view, record);
    if (found.length > 0 || isByItself) {
      const isLast = ({ asked, index }: Occurrence): boolean => index + 1 === asked.chainOf[index]!.to;
      this.#mayEnd = found.some(isLast) || (isByItself && this.#mayEnd);
      this.#expected = [
        ...found.filter((one) => !isLast(one)).map(({ asked, index }) => ({ asked, index: index + 1 })),
        ...(isByItself ? expected.filter(isWindow) : []),
      ];
      return found[0] ?? null;
    }
    const all = this.#asked.get(subject) ?? [];
    const wanted = expected.map(({ asked, index }) => asked.commands[index]);
    demand(this.#mayEnd, 'linked chains', () => `record ${record.seq} is not the next command of its chain: ${show(record)} is not ${show(wanted)}`);
    const answers = all.map(({ asked, index }) => ({ asked: asked.commands[index], answer: judge(view, asked.commands[index]!, record.nowMs) }));
    throw new Finding('only what was asked and is allowed', `record ${record.seq} is ${show(record)}; asked was ${show(answers)}`);
  }

  /** An expiry that nobody asked: of a window, which expires what is due just before it, or of the book's own look for what is due. */
  #isExpiredByItself(view: View, record: Extract<LedgerRecord, { kind: 'expiry' }>): boolean {
    return (this.#mayEnd || this.#expected.some(isWindow)) && record.subject === undefined && isDue(view.hold(record.transfer), record.nowMs);
  }

  #whoWasRefused(view: View, record: Extract<LedgerRecord, { kind: 'refusal' }>): Occurrence {
    const { transfer, code, seq, nowMs } = record;
    demand(REMEMBERED.test(code), 'remembered refusals', () => `record ${seq} remembers ${code}`);
    demand(!view.transfer(transfer) && !view.refusal(transfer), 'booked once', () => `record ${seq} refuses ${transfer}, which was booked or refused before`);
    demand(this.#mayEnd, 'linked chains', () => `record ${seq} is a refusal in the middle of a chain`);
    this.#expected = [];
    const all = this.#asked.get(`transfer ${transfer}`) ?? [];
    const answers = all.map(({ asked, index }) => {
      const chain = asked.chainOf[index]!;
      return answersTo(asked, chain, this.at(this.past.head), nowMs)[index - chain.from]!;
    });
    const found = all.find(({ asked, index }, i) => answers[i] === code && sameEvidence(asked.commands[index]!, record));
    if (!found)
      throw new Finding(
        'refusals are right',
        `record ${seq} refuses ${transfer} as ${code}; it should be ${show(answers)} for ${show(all.map(({ asked, index }) => asked.commands[index]))}`,
      );
    return found;
  }

  #nothingIsDue(view: View, { seq, nowMs, fromSeq }: Extract<LedgerRecord, { kind: 'window' }>): void {
    const due = view.untaken().find((hold) => hold.seq >= fromSeq && isDue(hold, nowMs));
    demand(!due, 'windows take what is not due', () => `the window ${seq} of ${nowMs} takes ${show(due)}`);
  }
}

function isWindow({ asked, index }: Occurrence): boolean {
  return asked.commands[index]!.kind === 'window';
}

function put<Value>(map: Map<string, History<Value>>, id: string, seq: number, value: Value): void {
  const history = map.get(id) ?? new History<Value>();
  map.set(id, history);
  history.put(seq, value);
}

/** Whether a command, decided on this view, becomes exactly this record. */
export function becomes(view: View, asked: Asked, index: number, record: LedgerRecord): boolean {
  const command = asked.commands[index]!;
  const body = judge(view, command, record.nowMs);
  return typeof body !== 'string' && sameRecord({ ...body, ...evidenceOf(command), seq: record.seq, nowMs: record.nowMs }, record);
}

/** Member by member; fields whatever their order. */
export function sameRecord(a: LedgerRecord, b: LedgerRecord): boolean {
  const left: Readonly<Record<string, unknown>> = { ...a };
  const right: Readonly<Record<string, unknown>> = { ...b };
  const members = Object.keys(left).filter((member) => member !== 'fields' && member !== 'subject');
  if (members.length !== Object.keys(right).filter((member) => member !== 'fields' && member !== 'subject').length) return false;
  return members.every((member) => left[member] === right[member]) && ((a.subject === undefined && b.subject === undefined) || sameEvidence(a, b));
}

/** What must be true of an account after every record that touches it. */
function sound(account: Account, seq: bigint): void {
  const { flags, overdraft, debitsPending, debitsPosted, creditsPending, creditsPosted } = account;
  const tell = () => `after record ${seq}: ${show(account)}`;
  demand(
    [debitsPending, debitsPosted, creditsPending, creditsPosted].every((balance) => balance >= 0n),
    'balances are not negative',
    tell,
  );
  demand(!(flags & 2) || debitsPending + debitsPosted <= creditsPosted + overdraft, 'limits hold', tell);
  demand(!(flags & 4) || creditsPending + creditsPosted <= debitsPosted + overdraft, 'limits hold', tell);
}

/** What must be true of the whole book: each asset nets to zero, and what is pending is exactly what the open holds have left. */
export function checkWhole(past: Past): void {
  const sums = new Map<number, { pending: bigint; posted: bigint }>();
  const pending = new Map<string, { debits: bigint; credits: bigint }>();
  for (const { last: hold } of past.holds.values()) {
    if (hold?.status !== 'open') continue;
    const left = hold.amount - hold.captured;
    demand(left > 0n || hold.amount === 0n, 'holds are closed when nothing is left', () => show(hold));
    add(pending, hold.debit, left, 0n);
    add(pending, hold.credit, 0n, left);
  }
  for (const { last: account } of past.accounts.values()) {
    if (!account) continue;
    const held = pending.get(account.id) ?? { debits: 0n, credits: 0n };
    const isHeld = held.debits === account.debitsPending && held.credits === account.creditsPending;
    demand(isHeld, 'pending is what holds have left', () => `${show(account)}: its open holds have ${held.debits} and ${held.credits} left`);
    const sum = sums.get(account.asset) ?? { pending: 0n, posted: 0n };
    sum.pending += account.debitsPending - account.creditsPending;
    sum.posted += account.debitsPosted - account.creditsPosted;
    sums.set(account.asset, sum);
  }
  for (const [asset, { pending: held, posted }] of sums) {
    demand(held === 0n && posted === 0n, 'conservation', () => `asset ${asset} does not net to zero: ${held} pending, ${posted} posted`);
  }
}

function add(sums: Map<string, { debits: bigint; credits: bigint }>, id: string, debits: bigint, credits: bigint): void {
  const sum = sums.get(id) ?? { debits: 0n, credits: 0n };
  sums.set(id, { debits: sum.debits + debits, credits: sum.credits + credits });
}

/** A record from a row of the journal: what the tables hold, read in another way than src/ledger/store does. */
export function recordFrom(
  row: Readonly<Record<string, unknown>>,
  evidence: Readonly<Record<string, unknown>> | undefined,
  accountId: (no: number) => string,
): LedgerRecord {
  const about = {
    seq: row['seq'],
    nowMs: Number(row['now_ms']),
    ...(evidence && { subject: evidence['subject'] }),
    ...(evidence && evidence['fields'] !== null && { fields: evidence['fields'] }),
  };
  if (row['kind'] === 3) {
    const transfer = {
      kind: 'transfer',
      id: row['id'],
      pendingId: row['pending_id'] ?? NIL_UUID,
      debit: accountId(row['debit'] as number),
      credit: accountId(row['credit'] as number),
      asset: Number(row['asset']),
      amount: row['amount'],
      code: row['code'],
      flags: row['flags'],
      timeoutS: Number(row['timeout_s'] ?? 0),
      effectiveMs: Number(row['effective_ms'] ?? 0),
      reference: row['reference'] ?? NIL_UUID,
    };
    return { ...transfer, ...about } as unknown as LedgerRecord;
  }
  const body = Object.entries(row['body'] as Record<string, unknown>).map(([name, value]) => [name, BIG.has(name) ? BigInt(String(value)) : value]);
  return { ...Object.fromEntries(body), kind: KINDS[Number(row['kind'])], ...about } as LedgerRecord;
}

const BIG: ReadonlySet<string> = new Set(['overdraft', 'total', 'fromSeq', 'toSeq']);
/** docs/formats.md, "Kinds and bodies". */
const KINDS = [
  '',
  'asset',
  'account',
  'transfer',
  'refusal',
  'expiry',
  'merchant',
  'payee',
  'order',
  'window',
  'instruction',
  'tariff',
  'wallet',
  'release',
  'erasure',
  'liability',
];
