import type { Account, LedgerRecord } from '#ledger/core';
import { replay, type State } from '#ledger/core';
import type { Exported } from '../export/read.ts';
import type { Findings } from '../findings.ts';

/** Books one record on top of the state. What the rules would not have written is found, and left out of the state: the audit goes on behind it. */
export function stepJournal(state: State, record: LedgerRecord, findings: Findings): void {
  const expected = state.seq + 1n;
  if (record.seq > expected) {
    const missing = record.seq === expected + 1n ? `Record ${expected} is` : `Records ${expected} to ${record.seq - 1n} are`;
    findings.add('sequence', expected, `${missing} missing: the sequence has no gaps`);
    state.seq = record.seq - 1n;
  }
  const contradiction = replay(state, [record]);
  if (contradiction === null) return;
  findings.add('rules', record.seq, `Record ${record.seq}: ${contradiction.what}`);
  // The records behind it are judged by their own place and time.
  state.inChain = false;
  if (record.seq > state.seq) state.seq = record.seq;
  if (record.nowMs > state.nowMs) state.nowMs = record.nowMs;
}

const BALANCES = ['debitsPending', 'debitsPosted', 'creditsPending', 'creditsPosted'] as const;
const TRAITS = ['asset', 'code', 'flags', 'owner', 'overdraft', 'seq'] as const;

/** What the database says of accounts and open holds, against what the records add up to. */
export function checkBalances(state: State, exported: Exported, findings: Findings): void {
  const stored = new Map(exported.accounts.map((account) => [account.id, account]));
  for (const account of state.accounts.values()) {
    const said = stored.get(account.id);
    if (!said) {
      findings.add('balance', account.seq, `Account ${account.id}, last touched by record ${account.seq}, is not among the stored balances`);
      continue;
    }
    for (const name of [...TRAITS, ...BALANCES]) if (said[name] !== account[name]) findings.add('balance', account.seq, differs(account, name, said[name]));
  }
  for (const { id, seq } of stored.values())
    if (!state.accounts.has(id)) findings.add('balance', seq, `Account ${id} has a stored balance and was opened by no record`);
  checkHolds(state, exported, findings);
}

function differs(account: Account, name: (typeof TRAITS)[number] | (typeof BALANCES)[number], said: unknown): string {
  return `The stored ${name} of account ${account.id} is ${String(said)}; the records up to ${account.seq} come to ${String(account[name])}`;
}

function checkHolds(state: State, exported: Exported, findings: Findings): void {
  const stored = new Map(exported.holds.map((hold) => [hold.id, hold]));
  for (const hold of state.holds.values()) {
    if (hold.status !== 'open') continue;
    const said = stored.get(hold.id);
    const same = said && said.amount === hold.amount && said.captured === hold.captured && said.debit === hold.debit && said.credit === hold.credit;
    const sameWindow = said?.windowSeq === hold.windowSeq && said.releaseSeq === hold.releaseSeq;
    if (!same || !sameWindow) findings.add('balance', hold.seq, `The hold ${hold.id} of record ${hold.seq} is open and not stored as the records have it`);
  }
  for (const { id, seq } of stored.values())
    if (state.holds.get(id)?.status !== 'open') findings.add('balance', seq, `The hold ${id} is stored as open, which the records do not say`);
}
