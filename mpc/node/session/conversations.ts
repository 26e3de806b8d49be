import { createHash } from 'node:crypto';
import { concat, fromHex, Problem, PROBLEMS, toHex, uintBytes, utf8, type Hex } from '#base';
import type { PartyId } from '#mpc/protocol';

/** Tells a peer one thing of a conversation; resolves when the peer has it. Sends the same bytes again while the channel is lost and there is time. */
export type Tell = (peer: PartyId, method: typeof SAY | typeof END, payload: Uint8Array) => Promise<void>;

export const SAY = 'talk/say';
export const END = 'talk/end';

export interface ConversationLimits {
  /** What a peer may leave with us for conversations that we have not opened (it may be quicker than our own decision). */
  readonly maxEarlyMessagesPerPeer: number;
  readonly maxEarlyBytesPerPeer: number;
  /** Conversations whose end is remembered, so that a late message is known for what it is. */
  readonly maxRemembered: number;
}

export const CONVERSATION_LIMITS: ConversationLimits = { maxEarlyMessagesPerPeer: 256, maxEarlyBytesPerPeer: 4 << 20, maxRemembered: 16_384 };

/**
 * The rounds of one run of a protocol between this node and some peers: one message a peer and round. What it is about is in its id, which every party
 * computes for itself, so that nobody can be talked into another one.
 */
export interface Conversation {
  readonly id: Hex;
  /** Aborted with the Problem that ended it. */
  readonly signal: AbortSignal;
  send(to: PartyId, round: number, message: Uint8Array): void;
  /** The messages of all peers in this round, or the Problem that ended the conversation; session/timed-out names who was silent. */
  gather(round: number, timeoutMs: number): Promise<ReadonlyMap<PartyId, Uint8Array>>;
  /** Ends it for a reason, which the peers are told by its code, or because it is over. What was received is forgotten. */
  end(problem?: Problem): void;
}

interface Early {
  readonly from: PartyId;
  readonly payload: Uint8Array;
}

const ID_BYTES = 32;

export class Conversations {
  readonly #tell: Tell;
  readonly #limits: ConversationLimits;
  readonly #open = new Map<Hex, OpenConversation>();
  readonly #early = new Map<Hex, Early[]>();
  readonly #over = new Set<Hex>();

  constructor(tell: Tell, limits: ConversationLimits = CONVERSATION_LIMITS) {
    this.#tell = tell;
    this.#limits = limits;
  }

  /** session/started-before where it was opened before: no conversation is ever held twice. */
  open(id: Hex, peers: readonly PartyId[], rounds: number): Conversation {
    if (this.#open.has(id) || this.#over.has(id)) throw new Problem('session/started-before', `The conversation ${id} was held before.`, { conversation: id });
    const conversation = new OpenConversation(id, peers, rounds, this.#tell, () => {
      this.#open.delete(id);
      this.#remember(id);
    });
    this.#open.set(id, conversation);
    const early = this.#early.get(id) ?? [];
    this.#early.delete(id);
    for (const { from, payload } of early) {
      try {
        conversation.hear(from, payload);
      } catch (error) {
        // Whoever sent it has its answer already; the conversation itself has ended where it had to.
        if (!(error instanceof Problem)) throw error;
      }
    }
    return conversation;
  }

  wasHeld(id: Hex): boolean {
    return this.#open.has(id) || this.#over.has(id);
  }

  /** A message of a peer, as its own channel brought it. */
  said(from: PartyId, payload: Uint8Array): void {
    const id = idOf(payload);
    const open = this.#open.get(id);
    if (open) open.hear(from, payload.subarray(ID_BYTES));
    else if (!this.#over.has(id)) this.#keep(id, { from, payload: payload.slice(ID_BYTES) });
  }

  /** A peer ends a conversation, with the code of its reason. */
  ended(from: PartyId, payload: Uint8Array): void {
    const said = Buffer.from(payload.subarray(ID_BYTES)).toString('latin1');
    // Only codes that there are: what a peer says stands in transcripts and on terminals.
    this.#open.get(idOf(payload))?.endedBy(from, Object.hasOwn(PROBLEMS, said) ? said : 'without a known reason');
  }

  /** Ends everything that is open, telling the peers. */
  close(problem: Problem): void {
    for (const conversation of this.#open.values()) conversation.end(problem);
    this.#early.clear();
  }

  #remember(id: Hex): void {
    this.#over.add(id);
    if (this.#over.size <= this.#limits.maxRemembered) return;
    const [oldest] = this.#over;
    this.#over.delete(oldest!);
  }

  /** A peer that floods us pushes out its own oldest messages and nobody else's. */
  #keep(id: Hex, early: Early): void {
    const ofId = this.#early.get(id) ?? [];
    if (ofId.some((other) => other.from === early.from && sameBytes(other.payload, early.payload))) return;
    this.#early.set(id, [...ofId, early]);
    let [messages, bytes] = [0, 0];
    for (const [key, kept] of [...this.#early].toReversed()) {
      const left = kept.toReversed().filter(({ from, payload }) => {
        if (from !== early.from) return true;
        messages++;
        bytes += payload.length;
        return messages <= this.#limits.maxEarlyMessagesPerPeer && bytes <= this.#limits.maxEarlyBytesPerPeer;
      });
      if (left.length === 0) this.#early.delete(key);
      else this.#early.set(key, left.toReversed());
    }
  }
}

function idOf(payload: Uint8Array): Hex {
  if (payload.length < ID_BYTES + 1)
    throw new Problem('mpc/malformed-message', `A message of ${payload.length} bytes names no conversation.`, { effect: 'count' });
  return toHex(payload.subarray(0, ID_BYTES));
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

class OpenConversation implements Conversation {
  readonly id: Hex;
  readonly #peers: readonly PartyId[];
  readonly #rounds: number;
  readonly #tell: Tell;
  readonly #onEnd: () => void;
  readonly #ending = new AbortController();
  /** By round, then by sender. */
  readonly #heard: Map<PartyId, Uint8Array>[];
  readonly #waiting = new Map<number, () => void>();

  constructor(id: Hex, peers: readonly PartyId[], rounds: number, tell: Tell, onEnd: () => void) {
    this.id = id;
    this.#peers = peers;
    this.#rounds = rounds;
    this.#tell = tell;
    this.#onEnd = onEnd;
    this.#heard = Array.from({ length: rounds }, () => new Map<PartyId, Uint8Array>());
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  send(to: PartyId, round: number, message: Uint8Array): void {
    if (this.signal.aborted) return;
    const payload = concat(fromHex(this.id), uintBytes(round, 1), message);
    this.#tell(to, SAY, payload).catch((error: unknown) =>
      this.end(error instanceof Problem ? error : new Problem('wire/failed', `Peer ${to} could not be told of round ${round}.`, { peer: to }, error)),
    );
  }

  async gather(round: number, timeoutMs: number): Promise<ReadonlyMap<PartyId, Uint8Array>> {
    const heard = this.#heard[round]!;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        if (this.signal.aborted) return reject(this.signal.reason as Problem);
        if (heard.size === this.#peers.length) return resolve();
        this.#waiting.set(round, resolve);
        this.signal.addEventListener('abort', () => reject(this.signal.reason as Problem), { once: true });
        timer = setTimeout(() => {
          const silent = this.#peers.filter((peer) => !heard.has(peer));
          reject(new Problem('session/timed-out', `Nothing of round ${round} came from ${silent.join(', ')} within ${timeoutMs} ms.`, { round, silent }));
        }, timeoutMs);
      });
      return heard;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(round);
    }
  }

  /** round u8 || message. A second message for one (round, sender) is the same bytes or an equivocation (digest 14). */
  hear(from: PartyId, payload: Uint8Array): void {
    if (!this.#peers.includes(from))
      throw new Problem('mpc/malformed-message', `Party ${from} has no part in this conversation.`, { culprit: from, effect: 'count' });
    const round = payload[0]!;
    if (round >= this.#rounds)
      throw new Problem('mpc/malformed-message', `There is no round ${round} in this conversation.`, { culprit: from, effect: 'count' });
    const message = payload.slice(1);
    const before = this.#heard[round]!.get(from);
    if (before && !sameBytes(before, message)) {
      const evidence = [before, message].map((bytes) => createHash('sha256').update(bytes).digest('hex'));
      const facts = { culprit: from, effect: 'keep-evidence', round, evidence };
      const problem = new Problem('mpc/equivocation', `Party ${from} sent two different messages for round ${round}.`, facts);
      this.end(problem);
      throw problem;
    }
    this.#heard[round]!.set(from, message);
    if (this.#heard[round]!.size === this.#peers.length) this.#waiting.get(round)?.();
  }

  endedBy(from: PartyId, code: string): void {
    if (!this.#peers.includes(from)) return;
    this.#finish(new Problem('session/ended-by-peer', `Party ${from} ended the session (${code}).`, { peer: from, code }));
  }

  end(problem?: Problem): void {
    if (this.signal.aborted) return;
    this.#finish(problem ?? new Problem('session/started-before', 'The session is over.'));
    if (!problem) return;
    const payload = concat(fromHex(this.id), utf8(problem.code));
    // Whoever cannot be told finds out by its own time-out.
    for (const peer of this.#peers) this.#tell(peer, END, payload).catch(() => undefined);
  }

  #finish(problem: Problem): void {
    if (this.signal.aborted) return;
    this.#ending.abort(problem);
    for (const heard of this.#heard) heard.clear();
    this.#onEnd();
  }
}
