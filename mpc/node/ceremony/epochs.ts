import { concat, fromHex, Problem, toHex, type Clock } from '#base';
import {
  confirm,
  doneDigest,
  drop,
  encodeEpoch,
  erased,
  gathered,
  lastNumber,
  nextNumber,
  NO_EPOCHS,
  prepared,
  received,
  resume,
  tested,
  watched,
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
  /** The key is with others now, and nothing of it is left here. */
  readonly onLeft: () => void;
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
    this.#verify = verifierOf(options.group, () => identitiesIn(options.store));
    for (const keyId of new Set(options.store.epochs.map((record) => record.keyId))) this.#states.set(keyId, stateOf(options.store, options.group.own, keyId));
  }

  /** The least number that the next epoch of this key must have. */
  nextNumber(keyId: string): number {
    return nextNumber(this.#state(keyId));
  }

  /** The highest number that an honest party can name for it. */
  lastNumber(keyId: string): number {
    return lastNumber(this.#state(keyId));
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
    const signature = signDigest(this.#options.group.identity, doneDigest(record));
    await this.#turn(toHex(record.keyId), (state) => confirm(state, record.epochId, signature, this.#verify));
  }

  /** A confirmation of a peer: keyId 32 || message. */
  async heardConfirmation(from: PartyId, payload: Uint8Array): Promise<void> {
    await this.#heard(from, payload, (state, bytes) => received(state, from, bytes, this.#verify));
  }

  /** A bundle that a peer passed on: keyId 32 || bundle. By whom does not matter. */
  async heardBundle(from: PartyId, payload: Uint8Array): Promise<void> {
    // Of what was in use here already nothing follows, and its signers may be strangers since: a party that was restored or replaced.
    const isKnown = ({ status, bundle, ...record }: EpochRecord): boolean =>
      (status === 'ACTIVE' || status === 'RESTORED' || bundle !== undefined) && startsWith(payload.subarray(32), encodeEpoch(epochDataOf(record).epoch));
    if (this.#options.store.epochs.some(isKnown)) return;
    await this.#heard(from, payload, (state, bytes) => {
      const turn = gathered(state, bytes, this.#verify);
      // Peers pass on the bundle of the epoch that they hold. Before this node's first epoch of the key is in use, that is one of before it joined, whose signers may be strangers to it: it cannot be judged, and nothing follows from it.
      return turn.kind === 'abort' && !state.active ? { kind: 'turn', state, duties: [] } : turn;
    });
  }

  /**
   * This node is not in that epoch, as its operator says (digest 11.1): with the confirmations of all who are, judged by `verify`, everything that it holds of the key is erased. mpc/malformed-message where one of them is not valid, mpc/epoch-not-next
   * where the epoch is no later one of this key; then everything is as it was.
   */
  async leave(epoch: Epoch, confirmations: readonly Uint8Array[], verify: Verify): Promise<void> {
    const bundle = concat(encodeEpoch(epoch), ...confirmations);
    await this.#turn(toHex(epoch.keyId), (state) => {
      const watching = watched(state, epoch);
      const settled = value(gathered(watching.state, bundle, verify));
      return { ...settled, duties: [...watching.duties, ...settled.duties] };
    });
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
      // The bundle has a signature by this node's own key, for the identity that this node has in an epoch of its own store: no peer can make that up, whatever it writes into which slot.
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

  /** The store's own events for what a turn changed, after the machine's guards have let it: PENDING is written before its turn; the own confirmation and the promotion are what is left. */
  async #write(keyId: string, before: Epochs, after: Epochs): Promise<void> {
    const { store, clock, onPromoted, onLeft } = this.#options;
    for (const { epoch, own, confirmed } of before.waiting) {
      const signature = own !== null && !confirmed ? signaturesOf(after, epoch.epochId)?.get(own) : undefined;
      if (signature) await store.confirm({ keyId, epochId: toHex(epoch.epochId) }, toHex(signature), clock.nowMs());
    }
    const { active, left } = after;
    // Attempts first: a node that dies between two lines leaves again, from the epoch that it still has.
    if (left && left !== before.left) {
      const held = store.epochs.filter((record) => record.keyId === keyId && record.status !== 'RETIRED');
      for (const record of held.toSorted((a, b) => Number(b.status === 'PENDING') - Number(a.status === 'PENDING')))
        await store.erase(record, `left with epoch ${left.epoch.epoch}`, clock.nowMs());
      onLeft();
    }
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

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return Buffer.compare(bytes.subarray(0, start.length), start) === 0;
}

/** The confirmations of an epoch that waits or has become the active one. */
function signaturesOf({ active, waiting }: Epochs, epochId: EpochId): ReadonlyMap<PartyId, Uint8Array> | null | undefined {
  return [...waiting, ...(active ? [active] : [])].find(({ epoch }) => Buffer.compare(epoch.epochId, epochId) === 0)?.signatures;
}

/**
 * Of every epoch that this node ever stored, also of those that are over: the identities of its parties in id order. A refresh after a restore carries the old identity of the restored party on, as a name: epochId is made
 * of it, a bundle that names this party is how it finds out that its disk is an old one, and whose key stands behind the name the operators' pins say. A reshare, also to the same parties, writes the identities of today.
 */
export function identitiesIn(store: NodeStore): (readonly Uint8Array[])[] {
  return store.epochs.map((record) => epochDataOf(record).epoch.identities);
}

/** What the store remembers of one key, as the machine of the protocol sees it. */
function stateOf(store: NodeStore, own: PartyId, keyId: string): Epochs {
  const all = store.epochs.filter((record) => record.keyId === keyId);
  const records = all.filter(({ status }) => status !== 'RETIRED');
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
    // Of those that were dropped or are over, too: what was ever stored here is what later numbers are measured by.
    highest: Math.max(0, ...all.map(({ epoch }) => epoch)),
  };
}
