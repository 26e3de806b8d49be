/** Who does what about an operation that nobody agreed to: pure, so that every node comes to the same from the same chain. */
import type { Hex, TimeMs } from '#base';
import type { PartyId } from '#mpc/protocol';
import type { CancelFees, PendingOperation } from '../book/book.ts';

/** The objection that is next: what is due first, and of those the lowest id. One at a time, so that no two transactions of the account contend for a nonce. */
export function nextObjection(pending: readonly PendingOperation[]): PendingOperation | undefined {
  return pending
    .filter(({ objection, isOpen }) => objection !== null && isOpen)
    .toSorted((a, b) => (a.dueS === b.dueS ? compare(a.operation.id, b.operation.id) : compare(a.dueS, b.dueS)))[0];
}

/**
 * Who begins the session now: the parties in turn, by the clock, each operation from a place of its own. Nobody has to find out that a leader is silent, and no message is needed to take over: its turn ends. Where two
 * clocks differ two nodes may lead for a moment; both sign the same cancellation under the same nonce, and the chain takes one.
 */
export function leaderAt(operation: Hex, parties: readonly PartyId[], nowMs: TimeMs, turnMs: TimeMs): PartyId {
  const place = (BigInt(operation) + BigInt(Math.floor(nowMs / turnMs))) % BigInt(parties.length);
  return parties[Number(place)]!;
}

/** Whether what is signed already will do: it is the account's next transaction, can be mined at this base fee, and offers what is due by now. */
export function isEnough(
  held: CancelFees & { readonly nonce: bigint },
  now: { readonly nonce: bigint; readonly baseFeePerGas: bigint; readonly due: CancelFees },
): boolean {
  return (
    held.nonce === now.nonce && held.maxFeePerGas >= now.baseFeePerGas + held.maxPriorityFeePerGas && held.maxPriorityFeePerGas >= now.due.maxPriorityFeePerGas
  );
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
