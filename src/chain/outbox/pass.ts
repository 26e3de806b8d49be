import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, derivedId, fromHex, isOutage, Problem, uintBytes, utf8, type Hex } from '#base';
import { shownHost } from '../client/failures.ts';
import { decide, expired, type Observation, type Step } from './decide.ts';
import { firstFee, replacementFee } from './fees.ts';
import { estimate, feeMarket, isKnown, nonceAt, OUT_OF_GAS, receiptOf, revertDataAt } from './observe.ts';
import { describeRevert } from '../client/reverts.ts';
import { broadcast, signAttempt, type OutboxContext } from './send.ts';
import type { Attempt, Build, MinedReceipt, OutboxId, OutboxProgress, OutboxTransaction, Rebuild, TransactionFailure } from './types.ts';

/** Same steps in one pass at most: signed, sent, mined, final is four. */
const MAX_STEPS = 8;

/** Nonces that a transaction may use up by running out of gas, estimated anew each time. */
const MAX_GAS_TRIES = 3;

/** Besides outages: nothing else can be sent or believed either. */
const STOPS_ALL: readonly string[] = ['chain/state-lost', 'chain/relayer-out-of-funds'];

const DEADLINE: TransactionFailure = { reason: 'deadline', error: null, revertData: '0x' };
const NOT_TAKEN: TransactionFailure = { reason: 'notTaken', error: null, revertData: '0x' };
const UNEXPLAINED: TransactionFailure = { reason: 'reverted', error: null, revertData: '0x' };

export interface Facts {
  readonly headBlock: bigint;
  readonly finalBlock: bigint;
  /** The relayer's next nonce in the newest block. */
  readonly latestNonce: bigint;
}

/** By purpose: who rebuilds what was refused, and whose payloads are built when they are sent. */
export interface Owners {
  readonly rebuilders: ReadonlyMap<string, Rebuild>;
  readonly builders: ReadonlyMap<string, { readonly changedBy: string; readonly build: Build }>;
}

/** What one pass leaves to the next ones. A process that starts anew looks for as long again. */
export interface Memory {
  /** Since when a transaction's nonce is used in a final block without a receipt of ours: one such answer may be a lagging node's. */
  readonly foreignSince: Map<OutboxId, number>;
  /** The newest block when the newest attempt of a transaction was sent. */
  readonly sentAt: Map<OutboxId, { readonly hash: Hex; readonly block: bigint }>;
}

/** One look at everything that is open, and what follows from it. Made anew for each pass of an outbox. */
export class Pass {
  readonly changes: OutboxProgress[] = [];
  /** What single transactions are in trouble with. */
  readonly troubles: Problem[] = [];
  readonly #context: OutboxContext;
  readonly #facts: Facts;
  readonly #owners: Owners;
  readonly #memory: Memory;
  readonly #report: (progress: OutboxProgress) => void;

  constructor(context: OutboxContext, facts: Facts, owners: Owners, memory: Memory, report: (progress: OutboxProgress) => void) {
    this.#context = context;
    this.#facts = facts;
    this.#owners = owners;
    this.#memory = memory;
    this.#report = report;
  }

  /** What one transaction is refused for keeps no other from its way: it is told at the end of the pass. What stops all of them, and a bug of ours, ends the pass at once. */
  async apart(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Problem) || isOutage(error) || STOPS_ALL.includes(error.code)) throw error;
      this.troubles.push(error);
    }
  }

  get #relayer(): Hex {
    return this.#context.account.address.toLowerCase() as Hex;
  }

  /** Takes one transaction that has a nonce as far as it goes now. */
  async advance(transaction: OutboxTransaction): Promise<void> {
    let current = transaction;
    const seen = await this.#observe(current);
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      const step = decide(current, seen, this.#context.policy.replaceAfterMs);
      const moved = await this.#take(current, step, seen);
      if (!moved) return;
      current = await this.#context.store.byId(current.id);
      if (current.nonce === null || step.kind === 'broadcast') return;
    }
  }

  async #observe(transaction: OutboxTransaction): Promise<Observation> {
    const { client, clock, policy } = this.#context;
    const { latestNonce, finalBlock } = this.#facts;
    const nonce = transaction.nonce!;
    const nowMs = clock.nowMs();
    const receipt = nonce < latestNonce ? await this.#findReceipt(transaction) : null;
    const waiting = receipt === null && transaction.state === 'sent';
    const gone = waiting && nonce < latestNonce && (await nonceAt(client, this.#relayer, finalBlock)) > nonce;
    const { foreignSince, sentAt } = this.#memory;
    if (gone) foreignSince.set(transaction.id, foreignSince.get(transaction.id) ?? nowMs);
    else foreignSince.delete(transaction.id);
    const nonceGone = gone && nowMs - foreignSince.get(transaction.id)! >= policy.replaceAfterMs;
    const newest = transaction.attempts.at(-1)!;
    const known = !waiting || gone || (await isKnown(client, newest.hash));
    if (!waiting) sentAt.delete(transaction.id);
    const passedOver = waiting && nonce === latestNonce && this.#isPassedOver(transaction.id, newest);
    return { nowMs, finalBlock, receipt, nonceGone, known, passedOver };
  }

  #isPassedOver(id: OutboxId, newest: Attempt): boolean {
    const sent = this.#memory.sentAt.get(id);
    if (sent?.hash === newest.hash) return this.#facts.headBlock > sent.block;
    if (newest.sentMs !== null) this.#noteSent(id, newest);
    return false;
  }

  #noteSent(id: OutboxId, { hash }: Attempt): void {
    this.#memory.sentAt.set(id, { hash, block: this.#facts.headBlock });
  }

  async #findReceipt(transaction: OutboxTransaction): Promise<MinedReceipt | null> {
    for (const attempt of transaction.attempts.filter(({ nonce }) => nonce === transaction.nonce).reverse()) {
      const receipt = await receiptOf(this.#context.client, attempt.hash);
      if (receipt) return receipt;
    }
    return null;
  }

  /** True where the stored transaction changed. */
  async #take(transaction: OutboxTransaction, step: Step, seen: Observation): Promise<boolean> {
    const { store, checkpoint } = this.#context;
    const { id, data } = transaction;
    switch (step.kind) {
      case 'wait':
        return false;
      case 'broadcast':
        await this.broadcast(transaction);
        return true;
      case 'replace':
        return this.#replace(transaction, step.as);
      case 'mined':
        await store.mined(id, step.receipt, seen.nowMs);
        checkpoint('mined-stored');
        this.#say(transaction, 'mined', step.receipt.hash);
        return true;
      case 'orphaned':
        await store.orphaned(id, transaction.receipt!.hash, seen.nowMs);
        checkpoint('orphaned-stored');
        this.#say(transaction, 'orphaned', transaction.receipt!.hash, `block ${transaction.receipt!.blockNumber} was replaced`);
        return true;
      case 'settled':
        await this.#settle(transaction, step.outcome, seen);
        return true;
      case 'reopen':
        await store.reopened(id, { data, notBeforeMs: 0, rebuilt: false }, seen.nowMs);
        this.#say(transaction, 'intent', null, `a foreign transaction used nonce ${transaction.nonce}`);
        return true;
    }
  }

  async broadcast(transaction: OutboxTransaction): Promise<void> {
    const newest = transaction.attempts.at(-1)!;
    const refusal = await broadcast(this.#context, transaction);
    if (refusal !== null) return this.#giveNonceUp(transaction, newest, refusal);
    if (newest.sentMs === null) this.#noteSent(transaction.id, newest);
    if (transaction.state !== 'sent') this.#say(transaction, 'sent', newest.hash);
  }

  /** Later nonces wait behind bytes that the node does not take. It may take them in a moment; after a while an empty transaction uses the nonce up instead, so that whichever version anybody mines, it is one. */
  async #giveNonceUp(transaction: OutboxTransaction, newest: Attempt, refusal: string): Promise<void> {
    const { client, clock, policy, store, checkpoint } = this.#context;
    const { id, state, updatedMs } = transaction;
    const refusedForMs = clock.nowMs() - Math.max(newest.signedMs, updatedMs);
    if (newest.kind === 'cancel' || refusedForMs < policy.replaceAfterMs)
      throw new Problem('chain/refused-by-node', `${shownHost(client.rpcUrl)} refused transaction ${id}: ${refusal}.`, { id });
    const { maxFeePerGas, maxPriorityFeePerGas } = newest;
    const empty = await signAttempt(this.#context, transaction, 'cancel', newest.nonce, newest.gasLimit, { maxFeePerGas, maxPriorityFeePerGas });
    await store.addAttempt(id, empty);
    checkpoint('replacement-stored');
    this.#say(transaction, state, empty.hash, `the node refused it: ${refusal}; an empty transaction takes its nonce`);
  }

  async #replace(transaction: OutboxTransaction, as: 'call' | 'cancel'): Promise<boolean> {
    const { client, policy, store, checkpoint } = this.#context;
    const newest = transaction.attempts.at(-1)!;
    const fee = replacementFee(newest, await feeMarket(client), policy.maxFeePerGas);
    if (!fee) return false;
    await store.addAttempt(transaction.id, await signAttempt(this.#context, transaction, as, transaction.nonce!, newest.gasLimit, fee));
    checkpoint('replacement-stored');
    return true;
  }

  async #settle(transaction: OutboxTransaction, outcome: 'success' | 'reverted' | 'cancelled', seen: Observation): Promise<void> {
    const { client, store, checkpoint } = this.#context;
    const { hash, blockNumber } = transaction.receipt!;
    if (outcome === 'success') {
      await store.final(transaction.id, seen.nowMs);
      checkpoint('settled-stored');
      return this.#say(transaction, 'final', hash);
    }
    if (outcome === 'cancelled') {
      if (!expired(transaction, seen.nowMs)) return this.#refused(transaction, NOT_TAKEN);
      await store.failed(transaction.id, DEADLINE, seen.nowMs);
      checkpoint('settled-stored');
      return this.#say(transaction, 'failed', hash, 'its deadline passed; an empty transaction took its nonce');
    }
    const revertData = await revertDataAt(client, this.#relayer, transaction, blockNumber);
    if (revertData === 'unknown') return this.#refused(transaction, UNEXPLAINED);
    if (revertData !== 'none') return this.#refused(transaction, describeRevert(revertData));
    // Fine before its block: what it proves was changed in that block, before it. More gas would not help.
    if (this.#owners.builders.has(transaction.purpose)) return this.#refused(transaction, UNEXPLAINED);
    const noncesUsed = new Set(transaction.attempts.map(({ nonce }) => nonce)).size;
    if (transaction.gasLimit !== null || noncesUsed >= MAX_GAS_TRIES) return this.#refused(transaction, OUT_OF_GAS);
    await store.reopened(transaction.id, { data: transaction.data, notBeforeMs: 0, rebuilt: false }, seen.nowMs);
    this.#say(transaction, 'intent', hash, 'ran out of gas; estimated anew');
  }

  /** The contract refused it: its owner rebuilds it, puts it off, or lets it fail. */
  async #refused(transaction: OutboxTransaction, failure: TransactionFailure): Promise<void> {
    const { store, clock, checkpoint } = this.#context;
    const { id, data, purpose } = transaction;
    const hash = transaction.receipt?.hash ?? null;
    const why = failure.error ? `${failure.error.name}(${failure.error.args.join(', ')})` : `${failure.reason} ${failure.revertData}`;
    const answer = (await this.#owners.rebuilders.get(purpose)?.(transaction, failure)) ?? ({ kind: 'giveUp' } as const);
    const nowMs = clock.nowMs();
    if (answer.kind === 'giveUp') {
      await store.failed(id, failure, nowMs);
      checkpoint('settled-stored');
      return this.#say(transaction, 'failed', hash, `refused: ${why}`);
    }
    const change = answer.kind === 'replace' ? { data: answer.data, notBeforeMs: 0, rebuilt: true } : { data, notBeforeMs: answer.notBeforeMs, rebuilt: false };
    await store.reopened(id, change, nowMs);
    this.#say(transaction, 'intent', hash, `refused: ${why}; ${answer.kind === 'replace' ? 'rebuilt' : 'put off'}`);
  }

  /** Gives an intent its nonce and sends it. `quiet`: nothing of ours is on its way that could still change what the contract answers. False where it stays an intent. */
  async start(intent: OutboxTransaction, nonce: bigint, quiet: boolean): Promise<boolean> {
    const { client, policy, store, clock, checkpoint } = this.#context;
    if (expired(intent, clock.nowMs())) {
      await store.failed(intent.id, DEADLINE, clock.nowMs());
      this.#say(intent, 'failed', null, 'its deadline passed before it was sent');
      return false;
    }
    const data = (await this.#owners.builders.get(intent.purpose)?.build(intent)) ?? intent.data;
    const transaction = { ...intent, data };
    const answer = await estimate(client, this.#relayer, transaction, policy.maxGas);
    if ('failure' in answer) {
      if (quiet) await this.#refused(transaction, answer.failure);
      return false;
    }
    const wished = (answer.gas * (100n + policy.gasMarginPercent)) / 100n;
    const gas = transaction.gasLimit ?? (wished < policy.maxGas ? wished : policy.maxGas);
    const fee = firstFee(await feeMarket(client), policy.maxFeePerGas);
    await store.sign(transaction.id, data, await signAttempt(this.#context, transaction, 'call', nonce, gas, fee));
    checkpoint('signed-stored');
    const signed = await store.byId(transaction.id);
    this.#say(transaction, 'signed', signed.attempts.at(-1)!.hash);
    await this.broadcast(signed);
    return true;
  }

  /**
   * Transactions of ours wait behind a nonce that nobody holds: a foreign transaction of the relayer's key went with its block. An empty one fills the gap.
   * A gap at a nonce that a finished transaction of ours used means that the chain itself went back.
   */
  async fillGap(nonce: bigint): Promise<void> {
    const { store, clock, client } = this.#context;
    if (await store.nonceIsSettled(nonce)) {
      throw new Problem('chain/state-lost', `The chain no longer has transaction ${nonce} of ${this.#relayer}, which was final.`, {
        relayer: this.#relayer,
        nonce: String(nonce),
      });
    }
    const nowMs = clock.nowMs();
    const id = derivedId<OutboxId>(
      keccak_256(concat(utf8('cairn.gap'), uintBytes(client.chainId, 8), fromHex(this.#relayer), uintBytes(nonce, 8), uintBytes(nowMs, 8))),
    );
    await store.insert({ id, purpose: 'fill-gap', to: this.#relayer, data: '0x' }, nowMs);
    assert(await this.start(await store.byId(id), nonce, false), 'an empty transaction to oneself does not revert');
  }

  #say(transaction: OutboxTransaction, to: OutboxProgress['to'], hash: Hex | null, note?: string): void {
    const progress: OutboxProgress = {
      id: transaction.id,
      purpose: transaction.purpose,
      from: transaction.state,
      to,
      hash,
      ...(note === undefined ? {} : { note }),
    };
    this.changes.push(progress);
    this.#report(progress);
  }
}
