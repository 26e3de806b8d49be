import { concat, fromHex, Problem, toHex, type Hex, type RandomBytes } from '#base';
import { acceptSigning, signRound1, type KeyRecord, type Pair, type PartyId, type Slot } from '#mpc/protocol';
import { readConfig } from '../command/folder.ts';
import { providerOf } from '../command/provider.ts';
import { nodeName } from '../process/process.ts';
import { END, KeyRing, SAY, type Key } from '../session/session.ts';
import { NodeStore } from '../store/store.ts';
import { listen, openPins, fingerprintOf, publicKeyInfo, WIRE_LIMITS, type Link, type Listener } from '../wire/wire.ts';
import type { Rehearsal } from './rehearsal.ts';
import type { Role } from '#custody/intents';

/** A message that a node sent to the party whose place the impostor has taken. */
interface Heard {
  readonly from: PartyId;
  readonly method: string;
  readonly payload: Uint8Array;
}

/**
 * Somebody who has captured a party of a rehearsal: its identity, its share and its pairs, while its own process is down. It speaks as that party and may say anything, so that what the other
 * nodes do about it can be seen.
 */
export class Impostor {
  readonly party: PartyId;
  readonly key: Key;
  readonly heard: Heard[] = [];
  readonly #store: NodeStore;
  readonly #random: RandomBytes;
  #listener: Listener | undefined;
  readonly #links = new Map<number, Link>();

  private constructor(party: PartyId, key: Key, store: NodeStore, random: RandomBytes) {
    this.party = party;
    this.key = key;
    this.#store = store;
    this.#random = random;
  }

  /** Takes the place of a party whose process was stopped. */
  static async take(rehearsal: Rehearsal, party: number, role: Role, random: RandomBytes): Promise<Impostor> {
    const { folder, port } = rehearsal.node(party);
    const config = await readConfig(folder);
    const store = await NodeStore.open({
      folder,
      node: nodeName(party),
      provider: await providerOf(config),
      random,
      isConfirmation: () => false,
      isTestDigest: () => false,
    });
    const key = new KeyRing(store, async () => undefined).active(role);
    const impostor = new Impostor(party as PartyId, key, store, random);
    const identity = await rehearsal.identityOf(party);
    impostor.#listener = await listen({
      identity,
      pins: openPins({
        own: identity.fingerprint,
        peers: new Map(config.peers.map((peer) => [peer.party, fingerprintOf(publicKeyInfo(fromHex(peer.identity)))])),
        coordinators: [],
        operators: [],
      }),
      host: '127.0.0.1',
      port,
      limits: WIRE_LIMITS,
      onEvent: () => undefined,
      answer: async (caller, method, payload) => {
        if (caller.part === 'peer') impostor.heard.push({ from: caller.id as PartyId, method, payload: payload.slice() });
        return new Uint8Array();
      },
    });
    for (const peer of config.peers) impostor.#links.set(peer.party, await rehearsal.link(peer.party, identity, 'peer'));
    return impostor;
  }

  get record(): KeyRecord {
    return this.key.record;
  }

  pair(peer: number): Pair {
    return this.key.pair(peer as PartyId);
  }

  call(peer: number, method: string, payload: Uint8Array): Promise<Uint8Array> {
    return this.#links.get(peer)!.call(method, payload, { timeoutMs: 10_000, resendForMs: 0 });
  }

  /** A message of a round of a conversation. */
  say(peer: number, conversation: Hex, round: number, message: Uint8Array): Promise<Uint8Array> {
    return this.call(peer, SAY, concat(fromHex(conversation), Uint8Array.of(round), message));
  }

  /** Waits for what a peer says in a round, of any conversation that is not in `known`. */
  async hears(peer: number, round: number, known: ReadonlySet<Hex> = new Set()): Promise<{ readonly conversation: Hex; readonly message: Uint8Array }> {
    for (;;) {
      for (const { from, method, payload } of this.heard) {
        const conversation = toHex(payload.subarray(0, 32));
        if (method === SAY && from === peer && payload[32] === round && !known.has(conversation)) return { conversation, message: payload.slice(33) };
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** The code with which a peer ended a conversation. */
  async hearsEnd(peer: number, conversation: Hex): Promise<string> {
    for (;;) {
      const end = this.heard.find(({ from, method, payload }) => method === END && from === peer && toHex(payload.subarray(0, 32)) === conversation);
      if (end) return Buffer.from(end.payload.subarray(32)).toString('latin1');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** An honest first round towards one peer, for a slot that this peer sent: what to say in rounds 0 and 1. */
  begin(peer: number, digest: Uint8Array, requestId: Hex, theirs: Uint8Array): { readonly slot: Uint8Array; readonly round1: Uint8Array } {
    const { slot, acceptance } = acceptSigning(
      { key: this.record, signers: [this.party, peer], path: [], digest, requestId: fromHex(requestId) },
      new Uint8Array(32),
      this.#random,
    );
    const slots = new Map<PartyId, Slot>([
      [this.party, slot],
      [peer as PartyId, { nonce: theirs.slice(0, 32), policyHash: theirs.slice(32) }],
    ]);
    const step = signRound1(acceptance, slots, new Map([[peer as PartyId, this.pair(peer)]]), this.#random);
    const message = step.messages[0];
    if (!message) throw new Problem('session/bad-request', 'There is a message for every peer.');
    return { slot: concat(slot.nonce, slot.policyHash), round1: message.bytes };
  }

  async leave(): Promise<void> {
    for (const link of this.#links.values()) link.close();
    await this.#listener?.close();
    await this.#store.close();
  }
}

/** A first round whose OT extension fails its check for every Delta: the last byte of T is another one. */
export function spoiled(round1: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(round1);
  bytes[bytes.length - 1]! ^= 1;
  return bytes;
}
