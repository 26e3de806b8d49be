import { fromHex, Problem, toHex, type Clock } from '#base';
import {
  confirm,
  doneDigest,
  drop,
  erased,
  gathered,
  nextNumber,
  NO_EPOCHS,
  prepared,
  received,
  resume,
  tested,
  type Aborted,
  type Duty,
  type Epoch,
  type EpochId,
  type Epochs,
  type PartyId,
  type Turn,
  type Verify,
} from '#mpc/protocol';
import { epochDataOf } from '../session/session.ts';
import type { EpochRecord, EpochRef, NodeStore } from '../store/store.ts';
import { call, signDigest, verifierOf, type Group } from './peers.ts';
import { value } from './talk.ts';

export const CONFIRMED = 'epoch/confirmed';
export const BUNDLE = 'epoch/bundle';

export interface EpochSwitchOptions {
  readonly group: Group;
  readonly store: NodeStore;
  readonly clock: Clock;
  /** An epoch signs from now on, by the confirmations of all. */
  readonly onPromoted: (record: EpochRecord) => void;
  /** A peer told us something that does not hold. */
  readonly onAlarm: (problem: Problem) => void;
  /** This node's own signature is under an epoch that it knows nothing of: its disk is an old one. */
  readonly onFatal: (problem: Problem) => void;
}

/**
 * The two-phase switch of every key (digest 10.3): the pure machine of the protocol decides, the store remembers, and confirmations and bundles go round until all have them. What a party has confirmed it
 * keeps, and the epoch before it too, until all n confirmations are here.
 */
export class EpochSwitch {
  readonly #options: EpochSwitchOptions;
  readonly #verify: Verify;
  /** By key id. What peers have confirmed is in memory only: they send it again. */
  readonly #states = new Map<string, Epochs>();
  /** One turn at a time, with its duties done in their order. */
  #turns: Promise<unknown> = Promise.resolve();

  constructor(options: EpochSwitchOptions) {
    this.#options = options;
    this.#verify = verifierOf(options.group);
    for (const keyId of new Set(options.store.epochs.map((record) => record.keyId))) this.#states.set(keyId, stateOf(options.store, options.group.own, keyId));
  }

  /** The least number that the next epoch of this key must have. */
  nextNumber(keyId: string): number {
    return nextNumber(this.#state(keyId));
  }

  /** The record, its pairs and its backup ARE in the store as PENDING. */
  async prepared(epoch: Epoch, own: PartyId, signerSets: readonly (readonly PartyId[])[]): Promise<void> {
    await this.#turn(toHex(epoch.keyId), (state) => prepared(state, epoch, own, signerSets));
  }

  async tested(keyId: string, epochId: EpochId, S: readonly PartyId[]): Promise<void> {
    await this.#turn(keyId, (state) => tested(state, epochId, S));
  }

  isWaiting({ keyId, epochId }: Epoch): boolean {
    return this.#state(toHex(keyId)).waiting.some(({ epoch }) => Buffer.compare(epoch.epochId, epochId) === 0);
  }

  /** Ends an attempt that this node has not confirmed, if it knows of it. */
  async drop(keyId: string, epochId: EpochId): Promise<void> {
    if (this.#state(keyId).waiting.some(({ epoch }) => Buffer.compare(epoch.epochId, epochId) === 0)) await this.#turn(keyId, (state) => drop(state, epochId));
  }

  /** Signs the confirmation, makes it durable, then sends it: from the write on neither epoch is dropped here. */
  async confirm(record: Epoch): Promise<void> {
    const { group, store, clock } = this.#options;
    const signature = signDigest(group.identity, doneDigest(record));
    const ref: EpochRef = { keyId: toHex(record.keyId), epochId: toHex(record.epochId) };
    await store.confirm(ref, toHex(signature), clock.nowMs());
    await this.#turn(ref.keyId, (state) => confirm(state, record.epochId, signature, this.#verify));
  }

  /** A confirmation of a peer: keyId 32 || message. */
  async heardConfirmation(from: PartyId, payload: Uint8Array): Promise<void> {
    await this.#heard(from, payload, (state, bytes) => received(state, from, bytes, this.#verify));
  }

  /** A bundle that a peer passed on: keyId 32 || bundle. By whom does not matter. */
  async heardBundle(from: PartyId, payload: Uint8Array): Promise<void> {
    await this.#heard(from, payload, (state, bytes) => gathered(state, bytes, this.#verify));
  }

  /** Whether an epoch waits for confirmations. */
  isWaitingForAny(): boolean {
    return [...this.#states.values()].some(({ waiting }) => waiting.length > 0);
  }

  /** Sends again what is due, after a start and every now and then. */
  async resume(): Promise<void> {
    for (const keyId of this.#states.keys()) await this.#turn(keyId, resume);
  }

  #state(keyId: string): Epochs {
    return this.#states.get(keyId) ?? NO_EPOCHS;
  }

  async #heard(from: PartyId, payload: Uint8Array, step: (state: Epochs, bytes: Uint8Array) => Turn | Aborted): Promise<void> {
    if (payload.length <= 32) throw new Problem('mpc/malformed-message', `Party ${from} names no epoch.`, { culprit: from });
    const keyId = toHex(payload.subarray(0, 32));
    // A key that this node knows nothing of: its own ceremony has not come so far.
    if (!this.#states.has(keyId)) return;
    try {
      await this.#turn(keyId, (state) => value(step(state, payload.slice(32))));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      // Nobody but this node can have signed for it, so no peer can make this up.
      if (error.code === 'mpc/state-behind') this.#options.onFatal(error);
      else this.#options.onAlarm(error);
      throw error;
    }
  }

  #turn(keyId: string, step: (state: Epochs) => Turn): Promise<void> {
    const turn = this.#turns.then(() => this.#take(keyId, step));
    this.#turns = turn.catch(() => undefined);
    return turn;
  }

  async #take(keyId: string, step: (state: Epochs) => Turn): Promise<void> {
    const before = this.#state(keyId);
    const { state, duties } = step(before);
    for (const duty of duties) await this.#do(keyId, before, state, duty);
    // The store has erased what was outranked, with the line that says so.
    const settled = state.erasing.reduce((after, epochId) => erased(after, epochId).state, state);
    this.#states.set(keyId, settled);
  }

  async #do(keyId: string, before: Epochs, after: Epochs, duty: Duty): Promise<void> {
    switch (duty.kind) {
      case 'write':
        return this.#write(keyId, before, after);
      case 'erase':
        return;
      case 'send-confirmation':
        return this.#send(keyId, CONFIRMED, 'all', duty.message);
      case 'send-bundle':
        return this.#send(keyId, BUNDLE, duty.to, duty.message);
    }
  }

  /** The store's own events for what a turn changed. PENDING and the own confirmation are written before their turns; what is left is the promotion. */
  async #write(keyId: string, before: Epochs, after: Epochs): Promise<void> {
    const { store, clock, onPromoted } = this.#options;
    const { active } = after;
    if (!active || active === before.active) return;
    const ref: EpochRef = { keyId, epochId: toHex(active.epoch.epochId) };
    const bundle = [...active.signatures!].map(([party, signature]) => ({ party, signature: toHex(signature) }));
    await store.promote(ref, bundle, clock.nowMs());
    onPromoted(store.epoch(ref));
  }

  /** Whoever is not there now is told again by `resume`. */
  #send(keyId: string, method: string, to: PartyId | 'all', message: Uint8Array): void {
    const { group } = this.#options;
    const payload = Buffer.concat([fromHex(keyId as `0x${string}`), message]);
    const receivers = to === 'all' ? [...group.peers.keys()] : [to].filter((party) => group.peers.has(party));
    for (const peer of receivers) {
      call(group, peer, method, payload, { timeoutMs: 5_000, resendForMs: 0 }).catch((error: unknown) => {
        if (!(error instanceof Problem)) throw error;
      });
    }
  }
}

/** What the store remembers of one key, as the machine of the protocol sees it. */
function stateOf(store: NodeStore, own: PartyId, keyId: string): Epochs {
  const records = store.epochs.filter((record) => record.keyId === keyId && record.status !== 'RETIRED');
  const active = records.filter(({ status }) => status !== 'PENDING').sort((a, b) => b.epoch - a.epoch)[0];
  const bundle = active?.bundle && new Map(active.bundle.map(({ party, signature }) => [party as PartyId, fromHex(signature)]));
  const waiting = records.filter(({ status, confirmed }) => status === 'PENDING' && confirmed !== undefined);
  return {
    ...NO_EPOCHS,
    active: active ? { epoch: epochDataOf(active).epoch, own, signatures: bundle ?? null } : null,
    waiting: waiting.map((record) => ({
      epoch: epochDataOf(record).epoch,
      own,
      confirmed: true,
      untested: [],
      signatures: new Map([[own, fromHex(record.confirmed!)]]),
    })),
  };
}
