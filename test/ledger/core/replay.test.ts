import assert from 'node:assert/strict';
import fc from 'fast-check';
import { apply, emptyState, LINKED, replay, VOID_PENDING, type Contradiction, type LedgerRecord } from '#ledger/core';
import { anyRequests, OPENING } from '../support/commands.ts';
import { idOf, readCases } from '../support/table.ts';

/** A small honest journal: money in, a hold in a window, captures, a refusal, an expiry, a release, a closed account. */
function journal(): LedgerRecord[] {
  const text = new URL('./journal.txt', import.meta.url);
  const state = emptyState();
  const records = [...apply(state, OPENING, 1_000).records];
  let nowMs = 1_000;
  for (const step of readCases(text)[0]!.steps) {
    if (step.do === 'wait') nowMs += step.ms;
    if (step.do === 'submit') {
      const applied = apply(
        state,
        step.lines.map((line) => line.command),
        nowMs,
      );
      assert.deepEqual(
        applied.results.map((result) => result.code),
        step.lines.map((line) => line.code),
      );
      records.push(...applied.records);
    }
  }
  return records;
}

function change(records: readonly LedgerRecord[], which: (record: LedgerRecord) => boolean, members: object): LedgerRecord[] {
  const at = records.findIndex(which);
  assert.ok(at >= 0);
  return records.map((record, i) => (i === at ? { ...record, ...members } : record));
}

const byId = (name: string) => (record: LedgerRecord) => record.kind === 'transfer' && record.id === idOf(name);
const byKind = (kind: LedgerRecord['kind']) => (record: LedgerRecord) => record.kind === kind;

function firstWrong(records: readonly LedgerRecord[]): Contradiction | null {
  return replay(emptyState(), records);
}

describe('a replay of the records', () => {
  const honest = journal();
  const seqOf = (which: (record: LedgerRecord) => boolean): bigint => honest.find(which)!.seq;

  it('finds nothing in an honest journal', () => assert.equal(firstWrong(honest), null));

  const tampered: readonly [what: string, records: LedgerRecord[], seq: bigint, says: RegExp][] = [
    ['an amount made larger than the account has', change(honest, byId('T2'), { amount: 101n }), seqOf(byId('T2')), /exceeds_credits/],
    ['an account that is not there', change(honest, byId('T1'), { debit: idOf('nobody') }), seqOf(byId('T1')), /debit_account_not_found/],
    ['a capture larger than its hold', change(honest, byId('P1'), { amount: 61n }), seqOf(byId('P1')), /exceeds_pending_transfer_amount/],
    ['a void that gives back another amount', change(honest, byId('V1'), { amount: 8n }), seqOf(byId('V1')), /pending_transfer_has_different_amount/],
    ['a final post in a window that gives back a part', change(honest, byId('P2'), { amount: 10n }), seqOf(byId('P2')), /pending_transfer_in_window/],
    ['a post under another code than its hold', change(honest, byId('P1'), { code: 7 }), seqOf(byId('P1')), /different_code/],
    [
      'a hold voided inside its window',
      honest.filter((r) => r.kind !== 'release').map((r, i) => ({ ...r, seq: BigInt(i + 1) })),
      0n,
      /in_window|fromSeq|toSeq/,
    ],
    ['a window that claims another end', change(honest, byKind('window'), { toSeq: 3n }), seqOf(byKind('window')), /another toSeq/],
    ['an expiry before its time', change(honest, byKind('expiry'), { nowMs: 0 }), seqOf(byKind('expiry')), /time goes back/],
    [
      'a refusal for a reason that is never remembered',
      change(honest, byKind('refusal'), { code: 'accounts_must_be_different' }),
      seqOf(byKind('refusal')),
      /remembered/,
    ],
    ['a transfer that was refused before', change(honest, byId('T9'), { id: idOf('T3') }), seqOf(byId('T9')), /id_already_failed/],
    ['a record booked twice', [...honest, { ...honest[honest.length - 1]!, seq: BigInt(honest.length + 1) }], BigInt(honest.length + 1), /exists/],
    ['a gap in the sequence', honest.filter((r) => r.seq !== 12n), 13n, /gaps/],
    ['an account opened with both limits', change(honest, byKind('account'), { flags: 6 }), seqOf(byKind('account')), /mutually_exclusive/],
    ['a chain that lost its end', change(honest, byId('V1'), { flags: VOID_PENDING | LINKED }), seqOf(byKind('expiry')), /linked to one that is not there/],
    ['an asset number used twice', change(honest, (r) => r.seq === 2n, { asset: 1 }), 2n, /exists/],
  ];
  for (const [what, records, seq, says] of tampered) {
    it(`names ${what}`, () => {
      const found = firstWrong(records);
      assert.ok(found);
      if (seq !== 0n) assert.equal(found.seq, seq);
      assert.match(found.what, says);
    });
  }

  it('never takes a shortened or reordered journal for the whole one', () => {
    fc.assert(
      fc.property(anyRequests(10, 12), fc.nat(), (asked, pick) => {
        const state = emptyState();
        const records = [...apply(state, OPENING, 0).records];
        let nowMs = 0;
        for (const { commands, waitMs } of asked) records.push(...apply(state, commands, (nowMs += waitMs)).records);
        const at = pick % (records.length - 1);
        assert.equal(firstWrong(records.filter((_, i) => i !== at))?.seq, records[at]!.seq + 1n);
        const swapped = records.map((record, i) => (i === at ? records[at + 1]! : i === at + 1 ? records[at]! : record));
        assert.equal(firstWrong(swapped)?.seq, records[at]!.seq + 1n);
      }),
      { numRuns: 100 },
    );
  });
});
