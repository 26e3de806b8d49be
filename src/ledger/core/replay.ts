import { decideOne } from './apply.ts';
import { NAMED_MEMBERS, sameEvidence } from './commands/keys.ts';
import { LINKED } from './flags.ts';
import { REMEMBERED_REFUSALS } from './results.ts';
import { Draft, type State } from './state.ts';
import { FIELD_NAMES, type Command, type LedgerRecord, type RecordBody, type RefusalRecord, type Seq } from './types.ts';

/** Where the records first say something that the rules do not give. */
export interface Contradiction {
  readonly seq: Seq;
  readonly what: string;
}

/** The members of each body, in the order of docs/formats.md. */
export const BODY_MEMBERS = {
  ...NAMED_MEMBERS,
  asset: ['asset', 'decimals', 'caip19', 'peg', 'symbol'],
  account: ['id', 'asset', 'code', 'flags', 'overdraft', 'owner'],
  transfer: ['id', 'pendingId', 'debit', 'credit', 'asset', 'amount', 'code', 'flags', 'timeoutS', 'effectiveMs', 'reference'],
  refusal: ['transfer', 'code'],
  expiry: ['transfer'],
  window: ['window', 'fromSeq', 'toSeq'],
  release: ['transfer', 'instruction', 'index', 'reason'],
} as const satisfies { [K in RecordBody['kind']]: readonly (keyof Extract<RecordBody, { kind: K }>)[] };

/**
 * Books records again, in order, on top of `state` (which is brought to what they add up to), and reports the first one that
 * the rules would not have written there. What was asked is taken to be what was booked: that a balancing transfer could have
 * moved more than it did is not seen.
 */
export function replay(state: State, records: Iterable<LedgerRecord>): Contradiction | null {
  for (const record of records) {
    // Before it is booked: an account that is there by then is closed by the record, which keeps the flags it was opened with.
    const linked = isLinked(state, record);
    const what = outOfPlace(state, record) ?? contradiction(state, record);
    if (what !== null) return { seq: record.seq, what };
    state.inChain = linked;
  }
  return null;
}

/** Records of other kinds do not say whether their commands were linked. */
function isLinked(state: State, record: LedgerRecord): boolean {
  if (record.kind === 'transfer') return (record.flags & LINKED) !== 0;
  return record.kind === 'account' && (record.flags & LINKED) !== 0 && !state.accounts.has(record.id);
}

function outOfPlace({ seq, nowMs, inChain }: State, record: LedgerRecord): string | null {
  if (record.seq !== seq + 1n) return `record ${record.seq} follows record ${seq}: the sequence has no gaps and no repetitions`;
  if (record.nowMs < nowMs) return `time goes back from ${nowMs} to ${record.nowMs}`;
  if (inChain && record.nowMs !== nowMs) return `record ${seq} is linked to one that is not there: what a chain books is booked at one time`;
  return null;
}

function contradiction(state: State, record: LedgerRecord): string | null {
  const draft = new Draft(state, record.nowMs);
  if (record.kind === 'refusal') {
    const wrong = wrongRefusal(draft, record);
    if (wrong !== null) return wrong;
    draft.append(record, null);
    draft.commit();
    return null;
  }
  const result = decideOne(draft, commandOf(draft, record));
  if (result.code !== 'created') return `the ${record.kind} would have been refused: ${result.code}`;
  const [written] = draft.records;
  if (draft.records.length !== 1 || !written) return `the ${record.kind} takes holds that were due: their expiry belongs before it`;
  const different = firstDifference(written, record);
  if (different !== null) return `the ${record.kind} says another ${different} than the records before it give`;
  draft.commit();
  return null;
}

function wrongRefusal(draft: Draft, refusal: RefusalRecord): string | null {
  if (draft.transfer(refusal.transfer)) return `transfer ${refusal.transfer} was booked before it was refused`;
  if (draft.refusal(refusal.transfer)) return `transfer ${refusal.transfer} was refused before`;
  if (!REMEMBERED_REFUSALS.has(refusal.code)) return `${refusal.code} is no refusal that is remembered`;
  return null;
}

function firstDifference(written: LedgerRecord, record: LedgerRecord): string | null {
  if (written.kind !== record.kind) return 'kind';
  const derived: Record<string, unknown> = { ...written };
  const given: Record<string, unknown> = { ...record };
  const member = BODY_MEMBERS[record.kind].find((name) => derived[name] !== given[name]);
  if (member !== undefined) return member;
  return sameEvidence(written, record) ? null : `evidence (${FIELD_NAMES.filter((name) => written.fields?.[name] !== record.fields?.[name]).join(', ')})`;
}

/** The command that, given now, would have become this record. */
function commandOf(draft: Draft, record: Exclude<LedgerRecord, { kind: 'refusal' }>): Command {
  if (record.kind === 'asset') return { ...record, kind: 'openAsset' };
  if (record.kind === 'account') return { ...record, kind: draft.account(record.id) ? 'closeAccount' : 'openAccount' };
  if (record.kind === 'expiry') return { ...record, kind: 'expire' };
  return record;
}
