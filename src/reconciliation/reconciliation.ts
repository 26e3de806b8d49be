import type { Asset, AssetNo } from '#base';

/** The door of reconciliation: do the book, the payments and the chain tell the same story, entry by entry and to the last unit? Pure; whoever asks brings what there is. */
export { claimOf, disagreement, type EntryClaim, type PaymentSaid } from './entries.ts';

/** One asset's figures, minor units, all as of the same final block. */
export interface AssetFigures {
  readonly asset: Asset;
  readonly finalBlock: bigint;
  /** What the token says the vault has. */
  readonly chainBalance: bigint;
  /** Debits less credits of the book's vault account, posted. */
  readonly ledgerBalance: bigint;
  /** Credits less debits of everybody else's accounts, posted: merchants, suspense, income, FX position, rounding. */
  readonly ledgerOwed: bigint;
  /** Deposits the book credited. */
  readonly deposited: bigint;
  /** Payments that are settled, as payments tell it. */
  readonly settled: bigint;
  /** Payouts as the vault's own logs tell them. */
  readonly paidOnChain: bigint;
  /** Final deposits that the book has not credited yet, and payouts it has not posted yet. */
  readonly depositsUnderWay: bigint;
  readonly payoutsUnderWay: bigint;
}

export interface Contradiction {
  readonly asset: AssetNo;
  readonly what: string;
  readonly expected: bigint;
  readonly found: bigint;
}

/** Every way in which the three disagree; none is the only good answer. */
export function contradictionsOf(figures: AssetFigures): readonly Contradiction[] {
  const { asset } = figures;
  const checks: readonly (readonly [what: string, expected: bigint, found: bigint])[] = [
    [
      'the vault on the chain against the vault account of the book',
      figures.ledgerBalance + figures.depositsUnderWay - figures.payoutsUnderWay,
      figures.chainBalance,
    ],
    ['what the book owes against what its vault account has', figures.ledgerBalance, figures.ledgerOwed],
    ['settled payments against the vault’s own payouts', figures.settled + figures.payoutsUnderWay, figures.paidOnChain],
    ['deposits less settled payments against the vault account', figures.deposited - figures.settled, figures.ledgerBalance],
  ];
  return checks.filter(([, expected, found]) => expected !== found).map(([what, expected, found]) => ({ asset: asset.asset, what, expected, found }));
}
