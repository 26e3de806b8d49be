import { assert, MAX_AMOUNT, Problem, type BookId, type Clock, type Hex, type TimeMs } from '#base';
import { canonicalJson } from '#anchor/core';
import type { OutboxId, Rebuilt, TransactionFailure } from '#chain';
import type { Custody } from '#custody';
import type { Book } from '#ledger';
import { closingIdOf, FINAL_POST, legIdOf, LINKED, POST_PENDING, VOID_PENDING, type Command, type Hold } from '#ledger/core';
import type { Apart } from './apart.ts';
import { Budget, payoutTransactionId, type BudgetDependencies } from './budget.ts';
import { instructionIntent, type LogGate, type VaultChain, type VaultState } from './vault.ts';
import { markClosed, markFailed, markPaid, moveInstruction, openInstructions, payoutsOf, type Payout, type StoredInstruction } from './store.ts';

export interface PayoutDependencies extends BudgetDependencies {
  readonly book: Book;
  readonly bookId: BookId;
  readonly clock: Clock;
  readonly custody: Custody;
  readonly vault: VaultChain;
  readonly log: LogGate;
  /** How long a payee who could not be paid waits for the next try. */
  readonly retryAfterMs: TimeMs;
  readonly report: (progress: PayoutProgress) => void;
}

/** One step, for whoever watches. */
export interface PayoutProgress {
  readonly instruction: Hex;
  readonly step: 'signed' | 'paying' | 'paid' | 'failed' | 'retrying' | 'booked' | 'returned' | 'closed' | 'refused' | 'waiting' | 'leftOut';
  readonly detail: string;
}

/** Moves every open instruction as far as the chain, the signers and the vault's caps let it, the oldest first. Safe to call at any time and after any crash: each step is asked for by an id that follows from what it does. */
export async function advancePayouts(deps: PayoutDependencies, apart: Apart): Promise<number> {
  const open = await openInstructions(deps.database.pool, deps.bookId);
  const budget = new Budget(deps, open);
  for (const instruction of open) await apart.each(() => advanceOne(deps, budget, instruction));
  return open.length;
}

async function advanceOne(deps: PayoutDependencies, budget: Budget, instruction: StoredInstruction): Promise<void> {
  const payouts = await payoutsOf(deps.database.pool, instruction.id);
  const state = await deps.vault.stateOf(instruction.id);
  // Never told to the vault and its time is finally over: nobody can pay it any more, and its holds go back like those of any other.
  const isOver = state.timestampS > BigInt(instruction.notAfterS);
  if (instruction.state === 'booked' && !isOver) await tell(deps, budget, instruction, state);
  else await follow(deps, budget, instruction, payouts, state);
}

/** booked -> paying: once the leaf is in a final anchor, the vault's signer agrees, and the vault's caps have room for it. */
async function tell(deps: PayoutDependencies, budget: Budget, instruction: StoredInstruction, { done }: VaultState): Promise<void> {
  const signed = instruction.signature ? instruction : await sign(deps, instruction);
  if (!signed?.signature) return;
  const data = await deps.log.payCall(signed, signed.signature);
  if (!data) return;
  // Paid from before a crash, and not noted: then it only has to be followed.
  if (!done && !(await hasRoom(deps, budget, signed, signed.total))) return;
  await enqueueOnce(deps, payoutTransactionId(signed.id, signed.attempts), data);
  const dueMs = deps.clock.nowMs() + deps.retryAfterMs;
  await moveInstruction(deps.database.pool, signed, { state: 'paying', attempts: signed.attempts + 1, dueMs, waitsFor: null });
  deps.report({ instruction: signed.id, step: 'paying', detail: `${signed.words.length} payees` });
}

/** Whether the vault would pay this much now. Where it would not, nothing is sent that can only fail: the instruction says what it waits for, and keeps its place. */
async function hasRoom(deps: PayoutDependencies, budget: Budget, instruction: StoredInstruction, amount: bigint): Promise<boolean> {
  const waitsFor = await budget.take(instruction, amount);
  if (waitsFor !== null && waitsFor !== instruction.waitsFor) {
    await moveInstruction(deps.database.pool, instruction, { waitsFor });
    deps.report({ instruction: instruction.id, step: 'waiting', detail: waitsFor });
  }
  return waitsFor === null;
}

/** The call data binds the log as it stood: asked for again after a crash it may differ, and the transaction that is there already is the one. */
async function enqueueOnce(deps: PayoutDependencies, id: OutboxId, data: Hex): Promise<void> {
  try {
    await deps.outbox.enqueue({ id, purpose: 'pay', to: deps.vault.address, data });
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'chain/transaction-differs') throw error;
  }
}

async function sign(deps: PayoutDependencies, instruction: StoredInstruction): Promise<StoredInstruction | undefined> {
  if (!(await deps.log.isAnchored(instruction.seq))) return undefined;
  const { id } = await deps.custody.requestSignature('vault', instructionIntent(deps.vault, instruction));
  const outcome = await deps.custody.outcome(id);
  if (outcome.status === 'refused') {
    deps.report({ instruction: instruction.id, step: 'refused', detail: `${outcome.rule}: ${outcome.reason}` });
    return undefined;
  }
  if (outcome.status === 'pending') return undefined;
  await moveInstruction(deps.database.pool, instruction, { signature: outcome.signature });
  deps.report({ instruction: instruction.id, step: 'signed', detail: '' });
  return { ...instruction, signature: outcome.signature };
}

/** paying: what the final chain says decides, never what we believe we sent: anybody may have paid or retried. */
async function follow(deps: PayoutDependencies, budget: Budget, instruction: StoredInstruction, payouts: readonly Payout[], state: VaultState): Promise<void> {
  for (const payout of payouts) await settleOne(deps, instruction, payout, state);
  const after = await payoutsOf(deps.database.pool, instruction.id);
  if (after.every((payout) => payout.state === 'booked' || payout.state === 'returned')) {
    await moveInstruction(deps.database.pool, instruction, { state: 'closed', waitsFor: null });
    deps.report({ instruction: instruction.id, step: 'closed', detail: '' });
    return;
  }
  await retry(deps, budget, instruction, after, state);
}

async function settleOne(deps: PayoutDependencies, instruction: StoredInstruction, payout: Payout, state: VaultState): Promise<void> {
  if (payout.state === 'booked' || payout.state === 'returned') return;
  const paid = state.paid.get(payout.index);
  if (paid) {
    await markPaid(deps.database.pool, payout, paid.txHash, paid.blockNumber);
    await postHold(deps, instruction, payout, paid);
    await markClosed(deps.database.pool, payout, 'booked');
    deps.report({ instruction: instruction.id, step: 'booked', detail: payout.payment });
    return;
  }
  // Only now may the hold be given back: notAfter has passed in a final block with the bit unset, or a cancellation is final. Nobody can pay it any more.
  const cancelled = state.cancelled.has(payout.index);
  if (!cancelled && state.timestampS <= BigInt(instruction.notAfterS)) return;
  await voidHold(deps, instruction, payout, cancelled ? 2 : 1, state);
  await markClosed(deps.database.pool, payout, 'returned');
  deps.report({ instruction: instruction.id, step: 'returned', detail: payout.payment });
}

async function holdsOf(deps: PayoutDependencies, payout: Payout): Promise<readonly Hold[]> {
  const holds: Hold[] = [];
  for (let leg = 0; ; leg++) {
    const hold = await deps.book.hold(legIdOf(payout.payment, leg));
    if (!hold) break;
    holds.push(hold);
  }
  assert(holds[0]?.id === payout.hold, `payment ${payout.payment} has no hold in the book`);
  return holds;
}

async function postHold(deps: PayoutDependencies, instruction: StoredInstruction, payout: Payout, paid: { txHash: Hex; blockNumber: bigint }): Promise<void> {
  const holds = await holdsOf(deps, payout);
  if (holds.every((hold) => isClosed(hold, 'posted'))) return;
  const settlement = canonicalJson({
    blockNumber: `${paid.blockNumber}`,
    chainId: `${deps.vault.chainId}`,
    index: payout.index,
    instruction: instruction.id,
    outcome: 'paid',
    transactionHash: paid.txHash,
    vault: deps.vault.address,
  });
  const commands = holds.map<Command>((hold, i) => ({
    kind: 'transfer',
    id: closingIdOf(hold.id),
    pendingId: hold.id,
    amount: MAX_AMOUNT,
    flags: POST_PENDING | FINAL_POST | (i < holds.length - 1 ? LINKED : 0),
    ...(i === 0 ? { fields: { settlement }, subject: deps.bookId } : {}),
  }));
  await closeAll(deps.book, holds, 'posted', commands);
}

async function voidHold(deps: PayoutDependencies, instruction: StoredInstruction, payout: Payout, reason: 1 | 2, state: VaultState): Promise<void> {
  const holds = await holdsOf(deps, payout);
  // Given back before a crash, and not noted: the block that showed it then is another than the one that shows it now, so the same record cannot be asked for again.
  if (holds.every((hold) => isClosed(hold, 'voided'))) return;
  const settlement = canonicalJson({
    blockNumber: `${state.blockNumber}`,
    chainId: `${deps.vault.chainId}`,
    index: payout.index,
    instruction: instruction.id,
    outcome: reason === 1 ? 'unpaid' : 'cancelled',
    vault: deps.vault.address,
  });
  const releases = holds.map<Command>((hold) => ({
    kind: 'release',
    transfer: hold.id,
    instruction: instruction.id,
    index: payout.index,
    reason,
    linked: true,
  }));
  const voids = holds.map<Command>((hold, i) => ({
    kind: 'transfer',
    id: closingIdOf(hold.id),
    pendingId: hold.id,
    amount: 0n,
    flags: VOID_PENDING | (i < holds.length - 1 ? LINKED : 0),
    ...(i === 0
      ? {
          fields: { settlement, reason: canonicalJson({ reason: reason === 1 ? 'not payable until notAfter' : 'cancelled on the chain' }) },
          subject: deps.bookId,
        }
      : {}),
  }));
  await closeAll(deps.book, holds, 'voided', [...releases, ...voids]);
}

/** By us, and in this way: what anybody else closed is not what the chain says. */
function isClosed(hold: Hold | null, status: 'posted' | 'voided'): boolean {
  return hold?.status === status && hold.closedBy === closingIdOf(hold.id);
}

/** Linked, so all or none. Whatever the book answers to an attempt that repeats an earlier one, only the holds tell that it is done. */
async function closeAll(book: Book, holds: readonly Hold[], status: 'posted' | 'voided', commands: readonly Command[]): Promise<void> {
  const results = await book.submit(commands);
  for (const { id } of holds) {
    if (isClosed(await book.hold(id), status)) continue;
    const codes = results.map(({ code }) => code).join(', ');
    throw new Problem('settlement/hold-not-closed', `Hold ${id} should be ${status} now; the book answered ${codes}.`);
  }
}

/** Whoever could not be paid is tried again until notAfter, one transaction at a time. */
async function retry(deps: PayoutDependencies, budget: Budget, instruction: StoredInstruction, payouts: readonly Payout[], state: VaultState): Promise<void> {
  const last = await deps.outbox.transaction(payoutTransactionId(instruction.id, instruction.attempts - 1));
  if (last.state !== 'final' && last.state !== 'failed') return;
  const unpaid = payouts.filter((payout) => payout.state === 'open' || payout.state === 'failed');
  const fresh = unpaid.filter((payout) => payout.tries < instruction.attempts);
  if (last.state === 'final' && last.receipt && state.blockNumber >= last.receipt.blockNumber && fresh.length > 0) {
    await markFailed(
      deps.database.pool,
      instruction.id,
      fresh.map((payout) => payout.index),
    );
    deps.report({ instruction: instruction.id, step: 'failed', detail: `${fresh.length} of ${payouts.length} not paid by ${last.receipt.hash}` });
  }
  const nowMs = deps.clock.nowMs();
  if (unpaid.length === 0 || nowMs < instruction.dueMs || nowMs / 1000 >= instruction.notAfterS) return;
  // Governance put another signer into the vault since it was signed: the same instruction, signed by the one of now.
  const signed = !state.done && last.failure?.error?.name === WRONG_SIGNER ? await sign(deps, instruction) : instruction;
  if (!signed) return;
  const data = state.done
    ? deps.vault.retryCall(
        instruction,
        unpaid.map((payout) => payout.index),
      )
    : await deps.log.payCall(instruction, signed.signature!);
  const amount = unpaid.reduce((sum, payout) => sum + payout.amount, 0n);
  if (!data || !(await hasRoom(deps, budget, signed, amount))) return;
  await enqueueOnce(deps, payoutTransactionId(instruction.id, instruction.attempts), data);
  await moveInstruction(deps.database.pool, signed, { attempts: instruction.attempts + 1, dueMs: nowMs + deps.retryAfterMs, waitsFor: null });
  deps.report({ instruction: instruction.id, step: 'retrying', detail: `${unpaid.length} payees` });
}

const CAP_ERRORS = ['OverDailyCap', 'OverTransactionCap'];

/** The vault's own word for a signature that is not its signer's. */
const WRONG_SIGNER = 'WrongSigner';

/**
 * A payout that reverted: proven anew while its first payment is still to come, given up otherwise (what failed then is retried by a transaction of its own).
 * One that a cap refused is given up too: its instruction asks again, by another transaction, once there is room; and one that the vault's former signer signed, once that of now has.
 */
export async function rebuildPayout(deps: PayoutDependencies, id: OutboxId, failure: TransactionFailure): Promise<Rebuilt> {
  if ([...CAP_ERRORS, WRONG_SIGNER].includes(failure.error?.name ?? '')) return { kind: 'giveUp' };
  const first = await firstPayout(deps, id);
  if (!first || deps.clock.nowMs() / 1000 >= first.notAfterS) return { kind: 'giveUp' };
  const data = await deps.log.payCall(first, first.signature);
  return data ? { kind: 'replace', data } : { kind: 'retry', notBeforeMs: deps.clock.nowMs() + deps.retryAfterMs };
}

/** The call of a payout as it is to be sent now: a first payment is proven against the log as it stands, and a later one proves nothing of the log. */
export async function provePayout(deps: PayoutDependencies, id: OutboxId): Promise<Hex | null> {
  const first = await firstPayout(deps, id);
  return first ? ((await deps.log.payCall(first, first.signature)) ?? null) : null;
}

/** The instruction whose first payment this transaction is to make, while that is still to come. */
async function firstPayout(deps: PayoutDependencies, id: OutboxId): Promise<(StoredInstruction & { readonly signature: Hex }) | undefined> {
  for (const instruction of await openInstructions(deps.database.pool, deps.bookId)) {
    const { signature, attempts } = instruction;
    if (attempts === 0 || payoutTransactionId(instruction.id, attempts - 1) !== id) continue;
    return !signature || (await deps.vault.stateOf(instruction.id)).done ? undefined : { ...instruction, signature };
  }
  return undefined;
}
