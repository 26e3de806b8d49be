/** What the nodes pay for a cancellation: pure, so that each comes to the same from the same chain, and judges by it what another offers. Amounts are wei. */

/** TimelockController.cancel(bytes32) takes some 30 000; the rest is for rules of the chain that cost more. */
export const CANCEL_GAS = 100_000n;
/** What a peer, or an operator through a coordinator, may offer beyond what this node would: base fees move, and clocks differ. More than that would be paid to whoever makes blocks. */
export const MOST_TIMES = 4n;

const TIP = 2_000_000_000n;
/** Steps of a quarter over the first half of the delay. */
const STAGES = 16;
const HALVES = 2n;
const [UP, DOWN] = [5n, 4n];

export interface CancelFees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/**
 * 0 when the operation was scheduled, 16 when half of its delay has run, and 16 from then on. By half-time everything that will ever be offered is, so that the other half of the delay is left for operators to find out
 * why nothing helps: the account is empty, no endpoint passes the transaction on, or the chain censors it.
 */
export function feeStage({ delayS, leftS }: { readonly delayS: bigint; readonly leftS: bigint }): number {
  if (delayS <= 0n) return STAGES;
  const stage = ((delayS - leftS) * BigInt(STAGES) * HALVES) / delayS;
  return stage < 0n ? 0 : Math.min(Number(stage), STAGES);
}

/**
 * Twice the base fee and a tip, times 1.25 for each stage: 35 times by the sixteenth. A quarter more, in both members, is what nodes of the chain demand of a replacement (10 % in Geth) and some more. That is dear for
 * a transaction and cheap for what is at stake: the highest offer, at a base fee of 20 gwei, comes to 0.15 of native coin at the very most, and what is paid is the base fee and the tip.
 */
export function cancelFees(baseFeePerGas: bigint, stage: number): CancelFees {
  const raise = (wei: bigint): bigint => (wei * UP ** BigInt(stage)) / DOWN ** BigInt(stage);
  return { maxFeePerGas: raise(2n * baseFeePerGas + TIP), maxPriorityFeePerGas: raise(TIP) };
}

/** What replaces `before`: not less than is due now, and a quarter more than it. */
export function raised(due: CancelFees, before: CancelFees): CancelFees {
  const quarterMore = (wei: bigint): bigint => (wei * UP + DOWN - 1n) / DOWN;
  return {
    maxFeePerGas: most(due.maxFeePerGas, quarterMore(before.maxFeePerGas)),
    maxPriorityFeePerGas: most(due.maxPriorityFeePerGas, quarterMore(before.maxPriorityFeePerGas)),
  };
}

/** What the account can pay, where that is less: a node of the chain takes no transaction whose highest cost is not there. */
export function affordable({ maxFeePerGas, maxPriorityFeePerGas }: CancelFees, balance: bigint): CancelFees {
  const most = balance / CANCEL_GAS;
  return { maxFeePerGas: least(maxFeePerGas, most), maxPriorityFeePerGas: least(maxPriorityFeePerGas, most) };
}

/** What the account should hold: two cancellations at the highest offer. */
export function reserveOf(baseFeePerGas: bigint): bigint {
  return 2n * CANCEL_GAS * cancelFees(baseFeePerGas, STAGES).maxFeePerGas;
}

function most(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
