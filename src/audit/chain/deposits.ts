import type { Hex } from '#base';
import type { DepositFact } from './facts.ts';

/** A log of a token or of the vault, decoded: `anchoring.md`, deposit rules, spelled a second time and on purpose apart from what credits them. */
export interface MoneyLog {
  readonly kind: 'in' | 'out' | 'deposited' | 'listed' | 'paid';
  readonly transaction: Hex;
  readonly logIndex: number;
  readonly block: number;
  readonly token: Hex;
  /** in: who paid; out: who got it; deposited: who paid. */
  readonly party: Hex;
  readonly amount: bigint;
  readonly reference: Hex | null;
}

/**
 * The deposits of one transaction's logs, in their order. Each `Deposited` takes the nearest earlier transfer of the same token, payer and amount that none took;
 * a listing takes the probe that went in and out again before it, after all else that the vault said in this transaction (what a payout moved is no probe's way
 * back); transfers of nothing are none.
 */
export function depositsOf(logs: readonly MoneyLog[]): DepositFact[] {
  const incoming: { log: MoneyLog; reference: Hex | null; taken: boolean }[] = [];
  for (const log of logs) {
    if (log.kind === 'in') incoming.push({ log, reference: null, taken: false });
    if (log.kind === 'deposited') {
      const match = incoming.findLast(({ log: one, taken }) => !taken && one.token === log.token && one.party === log.party && one.amount === log.amount);
      if (match) [match.reference, match.taken] = [log.reference, true];
    }
    if (log.kind === 'listed') {
      const said = logs.findLast((one) => one.kind !== 'in' && one.kind !== 'out' && one.logIndex < log.logIndex)?.logIndex ?? -1;
      const back = logs.findLast((one) => one.kind === 'out' && one.token === log.token && one.logIndex > said && one.logIndex < log.logIndex);
      const probe = incoming.findLastIndex(
        ({ log: one }) =>
          back && one.token === log.token && one.party === back.party && one.amount === back.amount && one.logIndex > said && one.logIndex < back.logIndex,
      );
      if (probe >= 0) incoming.splice(probe, 1);
    }
  }
  return incoming
    .filter(({ log }) => log.amount > 0n)
    .map(({ log: { transaction, logIndex, block, token, party, amount }, reference }) => ({
      transaction,
      logIndex,
      block,
      token,
      from: party,
      amount,
      reference,
    }));
}
