import { assert, fromHex, isHex, Problem, toHex, type Hex } from '#base';
import { addressOf, ROLES, type Role } from '#custody/intents';
import {
  contextOf,
  decodeEpoch,
  decodePair,
  decodeRecord,
  encodeEpoch,
  type Abort,
  type Context,
  type Epoch,
  type KeyRecord,
  type Pair,
  type PartyId,
} from '#mpc/protocol';
import type { EpochRecord, EpochRef, NodeStore } from '../store/store.ts';
import { Pairs } from './pairs.ts';

/** What the store keeps of an epoch beside its share (EpochMade.data): which key it is to us, and the epoch as the protocol spells it. */
export interface EpochData {
  readonly role: Role;
  readonly epoch: Epoch;
  /** Who generated the key: its key id is a hash of it, and stays when a reshare gives the key to others. */
  readonly founders: Founders;
}

/** The threshold and the identities, in id order, of a key's generation. */
export interface Founders {
  readonly t: number;
  readonly identities: readonly Uint8Array[];
}

/** Of a key that its parties generate: they themselves. */
export function foundersOf({ t, identities }: Epoch): Founders {
  return { t, identities };
}

/** `founders` is absent in what was written before keys could go to other parties: then they are the parties of the epoch. */
type EpochDataJson = { readonly role: Role; readonly epoch: Hex; readonly founders?: { readonly t: number; readonly identities: readonly Hex[] } };

export function epochDataToJson({ role, epoch, founders }: EpochData): Required<EpochDataJson> {
  return { role, epoch: toHex(encodeEpoch(epoch)), founders: { t: founders.t, identities: founders.identities.map((identity) => toHex(identity)) } };
}

/** What was read before: an epoch is looked up at every request, and its points take a millisecond to read. */
const READ = new WeakMap<object, EpochData>();

/** The journal is sealed, so what comes back from it is what was put into it. */
export function epochDataOf({ data }: Pick<EpochRecord, 'data'>): EpochData {
  const before = READ.get(data as object);
  if (before) return before;
  const { role, epoch: hex, founders } = data as EpochDataJson;
  const epoch = isHex(hex) ? decodeEpoch(fromHex(hex)) : null;
  assert(epoch && ROLES.includes(role), 'the store gives back the epoch that was put into it');
  const read: EpochData = { role, epoch, founders: founders ? { t: founders.t, identities: founders.identities.map(fromHex) } : foundersOf(epoch) };
  READ.set(data as object, read);
  return read;
}

/** One epoch of one key with everything that signs with it. One object an epoch: its pairs and their queues are shared by all sessions. */
export interface Key {
  readonly role: Role;
  readonly ref: EpochRef;
  readonly record: KeyRecord;
  readonly ctx: Context;
  readonly address: Hex;
  readonly pairs: Pairs;
  /** The state of the pair with this peer; node/wrong-state where nothing of it is left. */
  pair(peer: PartyId): Pair;
  /** Retires this pair: its state in memory is overwritten, and every session that has it ends before its next look at it. All pairs, and then the share, where no peer is named. */
  wipe(peer?: PartyId): void;
}

/** Writes a poisoning down, durably. */
export type Poison = (key: Key, peer: PartyId, abort: Abort, sid: Hex | undefined) => Promise<void>;

/** The keys of this node in memory, opened when they are first used. A pair is read again after it was set up anew, because its generation is another one. */
export class KeyRing {
  readonly #store: NodeStore;
  readonly #poison: Poison;
  readonly #keys = new Map<Hex, Key>();

  constructor(store: NodeStore, poison: Poison) {
    this.#store = store;
    this.#poison = poison;
  }

  /** The epochs of this node that are not over, newest last. */
  epochs(): readonly EpochRecord[] {
    return this.#store.epochs.filter(({ status }) => status !== 'RETIRED').sort((a, b) => a.epoch - b.epoch);
  }

  /** The key that signs for this role; node/unknown-key where there is none (yet). */
  active(role: Role): Key {
    const found = this.epochs().findLast((record) => record.status === 'ACTIVE' && epochDataOf(record).role === role);
    if (!found) throw new Problem('node/unknown-key', `This node has no key in use as ${role}.`, { role });
    return this.at(found);
  }

  /** The epoch of this role that new shares are made from: the one in use, or a share that came back from a backup. node/unknown-key. */
  current(role: Role): Key {
    const found = this.epochs().findLast((record) => record.status !== 'PENDING' && epochDataOf(record).role === role);
    if (!found) throw new Problem('node/unknown-key', `This node has no share of the ${role} key.`, { role });
    return this.at(found);
  }

  /**
   * The epochs of this role that a refresh may begin from, newest first: `current`; and, of a backup that was made between a confirmation and the bundle, the one before it too, because only the others know which of the two is in use.
   */
  origins(role: Role): readonly Key[] {
    const current = this.current(role);
    const restored = this.epochs().filter((record) => record.status === 'RESTORED' && record.keyId === current.ref.keyId);
    return this.#store.epoch(current.ref).status === 'RESTORED' ? restored.toReversed().map((record) => this.at(record)) : [current];
  }

  /** node/unknown-key, node/wrong-state where nothing of the epoch is left. */
  at({ keyId, epochId }: EpochRef): Key {
    const record = this.#store.epoch({ keyId, epochId });
    if (record.status === 'RETIRED') {
      this.prune();
      throw new Problem('node/wrong-state', `Epoch ${record.epoch} of key ${keyId} is over.`, { keyId, epochId });
    }
    let key = this.#keys.get(epochId);
    if (!key) this.#keys.set(epochId, (key = this.#open(record)));
    return key;
  }

  /** Whether x_i G == X_i of the share as the store has it: asked when the shares of a session did not add up to the key (digest 12). */
  isWhole({ ref }: Key): boolean {
    const stored = this.#store.share(ref);
    const record = decodeRecord(stored);
    for (const secret of [stored, record?.share]) secret?.fill(0);
    return record !== null;
  }

  /** Overwrites what the store has erased: epochs that are over, and pairs of which nothing is left. */
  prune(): void {
    for (const [epochId, key] of this.#keys) {
      const { status, pairs } = this.#store.epoch(key.ref);
      if (status === 'RETIRED') {
        key.wipe();
        this.#keys.delete(epochId);
      } else for (const { peer, file } of pairs.values()) if (!file) key.wipe(peer as PartyId);
    }
  }

  #open(epoch: EpochRecord): Key {
    const ref: EpochRef = { keyId: epoch.keyId, epochId: epoch.epochId };
    const { role } = epochDataOf(epoch);
    const stored = this.#store.share(ref);
    const record = decodeRecord(stored);
    stored.fill(0);
    assert(record, 'x_i G == X_i of the stored share');
    const opened = new Map<PartyId, Pair>();
    const key: Key = {
      role,
      ref,
      record,
      ctx: contextOf(record),
      address: addressOf(record.publicKey),
      pairs: new Pairs({ poison: (peer, abort, sid) => this.#poison(key, peer, abort, sid) }),
      pair: (peer) => {
        const { pairs } = this.#store.epoch(ref);
        const before = opened.get(peer);
        if (before && before.secrets.generation === pairs.get(peer)?.generation) return before;
        key.wipe(peer);
        const bytes = this.#store.pairSecrets(ref, peer);
        const pair = decodePair(bytes);
        bytes.fill(0);
        opened.set(peer, pair);
        return pair;
      },
      wipe: (peer) => {
        for (const [id, pair] of opened) {
          if (peer !== undefined && id !== peer) continue;
          pair.retire();
          opened.delete(id);
        }
        // Last: a session in flight asks its pairs before it takes the share, so none computes with a share of zeros, which would look like cheating to its peers.
        if (peer === undefined) record.share.fill(0);
      },
    };
    return key;
  }
}
