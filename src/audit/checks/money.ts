import { NIL_UUID, type BookId, type Hex } from '#base';
import {
  ACCOUNT_CODES,
  chartAccount,
  CREDITS_MUST_NOT_EXCEED_DEBITS,
  DEBITS_MUST_NOT_EXCEED_CREDITS,
  POST_PENDING,
  VOID_PENDING,
  type AccountRole,
  type LedgerRecord,
  type State,
  type TransferRecord,
} from '#ledger/core';
import type { ChainFacts, DepositFact } from '../chain/facts.ts';
import type { Header } from '../export/format.ts';
import type { Findings } from '../findings.ts';
import { assetsByToken } from './assets.ts';

const CHART: ReadonlySet<number> = new Set(Object.values(ACCOUNT_CODES));

/**
 * An account of the chart, at the id that follows from what it is, must have the chart's limit and no overdraft: who could owe would make money out of nothing.
 * Two books may owe each other, so that a clearing account has no limit; what passes through one is judged below as anything else is, because the file of one book
 * does not show the other's side of it.
 */
export function stepAccount(book: BookId, record: LedgerRecord, findings: Findings): void {
  if (record.kind !== 'account') return;
  const role = (Object.keys(ACCOUNT_CODES) as AccountRole[]).find((candidate) => ACCOUNT_CODES[candidate] === record.code);
  if (role === undefined || role === 'clearing' || record.id !== chartAccount(book, role, record.asset, record.owner)) return;
  const limit = role === 'vault' ? CREDITS_MUST_NOT_EXCEED_DEBITS : DEBITS_MUST_NOT_EXCEED_CREDITS;
  if ((record.flags & limit) !== 0 && record.overdraft === 0n) return;
  findings.add('unauthorised', record.seq, `Record ${record.seq} opens the ${role} account ${record.id} without the limit that its kind must have`);
}

/**
 * A transfer that is neither a deposit nor a leg of a payment. It may close a hold (what became of the payments' holds is judged with the vault's payouts), or move
 * money between accounts of one owner; nothing else may touch an account of the chart.
 */
export function stepOther(state: State, record: TransferRecord, findings: Findings): void {
  if ((record.flags & (POST_PENDING | VOID_PENDING)) !== 0) return;
  const [debit, credit] = [state.accounts.get(record.debit), state.accounts.get(record.credit)];
  const touches = [debit, credit].some((account) => account !== undefined && CHART.has(account.code));
  if (!touches || (debit && debit.owner !== NIL_UUID && debit.owner === credit?.owner)) return;
  const what = `Record ${record.seq} moves ${record.amount} from account ${record.debit} to account ${record.credit}`;
  findings.add('unauthorised', record.seq, `${what}, and is neither a deposit nor a leg of a payment that a merchant ordered`);
}

/** The vault of the book, brought up by what the chain did that the book has not booked yet, is what the vault on the chain holds, to the last unit. */
export function checkReserve(
  header: Header,
  state: State,
  { holdings }: ChainFacts,
  uncredited: readonly DepositFact[],
  unposted: ReadonlyMap<Hex, bigint>,
  findings: Findings,
): void {
  for (const [token, asset] of assetsByToken(state)) {
    const vault = state.accounts.get(chartAccount(header.book, 'vault', asset));
    const held = holdings.get(token);
    if (!vault || held === undefined) continue;
    const coming = uncredited.filter((deposit) => deposit.token === token).reduce((sum, { amount }) => sum + amount, 0n);
    const expected = vault.debitsPosted - vault.creditsPosted + coming - (unposted.get(token) ?? 0n);
    if (held !== expected)
      findings.add('reserve', vault.seq, `The vault holds ${held} units of ${token}; the book, deposits and payouts under way come to ${expected}`);
  }
}
