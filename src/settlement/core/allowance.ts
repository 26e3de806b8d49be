/** What the vault may pay of a token, minor units, as of one final block; `VaultAllowance` of #chain fits. */
export interface Allowance {
  readonly blockNumber: bigint;
  /** The chain's clock in that block, seconds. */
  readonly timestampS: bigint;
  readonly perTransaction: bigint;
  readonly perDay: bigint;
  /** Paid on the day (of UTC) of that block. */
  readonly spentToday: bigint;
}

/** The vault counts days of 86,400 seconds since 1970 UTC. */
const DAY_S = 86_400;

/** When the vault pays an amount at once: now, on a later day, or not before its caps are raised. */
export type Payable = 'now' | 'laterDay' | 'overCap';

/** `onItsWay`: minor units that were sent and are in no final block yet. They count as paid, so that two lists never share what is left of a day. */
export function whenPayable({ perTransaction, perDay, spentToday }: Allowance, onItsWay: bigint, amount: bigint): Payable {
  if (amount > largestPayout({ perTransaction, perDay })) return 'overCap';
  return spentToday + onItsWay + amount > perDay ? 'laterDay' : 'now';
}

/** The most that a list may come to: above it no day pays the list. */
export function largestPayout({ perTransaction, perDay }: Pick<Allowance, 'perTransaction' | 'perDay'>): bigint {
  return perTransaction < perDay ? perTransaction : perDay;
}

/** When the day that is `days` after the block's begins, seconds. */
export function dayAfterS({ timestampS }: Pick<Allowance, 'timestampS'>, days: number): number {
  return (Math.floor(Number(timestampS) / DAY_S) + days) * DAY_S;
}

/** How many days pass before the last of these amounts can be paid: each whole, in this order, and no more a day than the cap. What is above a cap waits for no day. */
export function daysToPay(allowance: Allowance, amounts: readonly bigint[]): number {
  let days = 0;
  let left = allowance.perDay > allowance.spentToday ? allowance.perDay - allowance.spentToday : 0n;
  for (const amount of amounts) {
    if (amount > largestPayout(allowance)) continue;
    if (amount > left) {
      days += 1;
      left = allowance.perDay;
    }
    left -= amount;
  }
  return days;
}
