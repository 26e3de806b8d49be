import { concat, fromHex, Problem, uintBytes } from '#base';
import type { Aborted, Inbox, PartyId } from '#mpc/protocol';
import type { Conversation } from '../session/session.ts';
import { bodyOf, decodeStatement, encodeStatement, makeStatement } from '../wire/wire.ts';
import type { Group } from './peers.ts';

const TOPIC = 'cairn/ceremony';

/** What was received in a ceremony, each over its author's signature: the evidence where somebody told different things to different peers. */
export interface Evidence {
  readonly from: PartyId;
  readonly round: number;
  readonly statement: Uint8Array;
}

/** The rounds of a ceremony: every message is signed by its author for this ceremony and round, and whoever is addressed alone is so on his own channel. */
export class Talk {
  readonly #group: Group;
  readonly #conversation: Conversation;
  readonly #peers: readonly PartyId[];
  readonly #roundMs: number;
  readonly evidence: Evidence[] = [];

  constructor(group: Group, conversation: Conversation, peers: readonly PartyId[], roundMs: number) {
    this.#group = group;
    this.#conversation = conversation;
    this.#peers = peers;
    this.#roundMs = roundMs;
  }

  /** Sends the same to everybody, and gives what everybody sent. */
  all(round: number, message: Uint8Array): Promise<Inbox> {
    return this.each(round, new Map(this.#peers.map((peer) => [peer, message])));
  }

  /** Sends each peer its own, and gives what each sent. */
  async each(round: number, messages: ReadonlyMap<PartyId, Uint8Array>): Promise<Inbox> {
    for (const peer of this.#peers) this.#send(peer, round, messages.get(peer)!);
    const heard = await this.#conversation.gather(round, this.#roundMs);
    return new Map([...heard].map(([from, statement]) => [from, this.#open(from, round, statement)]));
  }

  #send(to: PartyId, round: number, message: Uint8Array): void {
    this.#conversation.send(to, round, encodeStatement(makeStatement(this.#group.identity, TOPIC, this.#place(round, message))));
  }

  /** The conversation and the round are under the signature, so that no message can be shown as one of another. */
  #place(round: number, message: Uint8Array): Uint8Array {
    return concat(fromHex(this.#conversation.id), uintBytes(round, 1), message);
  }

  #open(from: PartyId, round: number, bytes: Uint8Array): Uint8Array {
    this.evidence.push({ from, round, statement: bytes });
    const body = bodyOf(decodeStatement(bytes), { topic: TOPIC, author: this.#group.peers.get(from)!.fingerprint });
    const place = this.#place(round, new Uint8Array());
    if (Buffer.compare(body.subarray(0, place.length), place) !== 0)
      throw new Problem('mpc/malformed-message', `Party ${from} signed a message of another ceremony or round.`, { culprit: from, effect: 'count' });
    return body.slice(place.length);
  }
}

/** What a step gives, or the Problem that its abort is. */
export function value<Result extends object>(outcome: Result | Aborted): Exclude<Result, Aborted> {
  if ('kind' in outcome && outcome.kind === 'abort') throw outcome.abort.problem;
  return outcome as Exclude<Result, Aborted>;
}
