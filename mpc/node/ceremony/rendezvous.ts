import { setTimeout as sleep } from 'node:timers/promises';
import { concat, Problem, toHex, uintBytes, utf8, type Hex, type RandomBytes } from '#base';
import type { PartyId } from '#mpc/protocol';
import { sha256 } from '../heads/heads.ts';
import { call, type Group } from './peers.ts';

export const MEET = 'ceremony/meet';

/** What the operators of all nodes in it were told to hold, each by itself. */
export interface Meeting {
  /** Kind, key, epoch, parties, threshold and identities as JSON: nodes that were told different things never meet. */
  readonly facts: string;
  readonly with: readonly PartyId[];
  /** The least number (of an epoch, of a set-up) that this node can go on with; the highest that any of them names is taken. */
  readonly atLeast: number;
  /** The highest that an honest one can name. Numbers are finite, and the last of them would leave none for the next refresh, nor for the reshare that puts out who named it. */
  readonly atMost: number;
  /**
   * Of a node that may have missed numbers, because it joins the key or came back from a backup: as many parties as it takes to have an honest one among them. What so many name or exceed is no liar's doing, and the highest may be as far
   * above it as an honest party comes that confirmed the most that one liar could name, and names one more.
   */
  readonly witnesses?: number | undefined;
}

export interface Met {
  /** The same at every node that met, new every time. */
  readonly id: Hex;
  readonly number: number;
}

const DRAW_BYTES = 32;
const PRESENCE_BYTES = DRAW_BYTES + 4;
const POLL_MS = 100;
/** How far an honest party may be above another one that did not confirm the same: MAX_STEP of the switch (mpc/protocol), and one. */
const MOST_AHEAD = 2 ** 16 + 1;

interface Present {
  isOver: boolean;
  /** Why this node does not go on: somebody named a number that no honest party names. */
  refused: Problem | undefined;
  readonly atMost: number;
  readonly witnesses: number | undefined;
  readonly own: Uint8Array;
  readonly peers: readonly PartyId[];
  readonly theirs: Map<PartyId, Uint8Array>;
}

/** Where the nodes of a ceremony find each other: each is told by its own operator, in any order and at any time, and they begin when all are there. */
export class Rendezvous {
  readonly #group: Group;
  readonly #random: RandomBytes;
  readonly #present = new Map<Hex, Present>();

  constructor(group: Group, random: RandomBytes) {
    this.#group = group;
    this.#random = random;
  }

  /** A peer asks whether this node waits for the same meeting: facts 32 || presence 36. The answer is this node's presence, or nothing. */
  asked(from: PartyId, payload: Uint8Array): Uint8Array {
    if (payload.length !== 32 + PRESENCE_BYTES)
      throw new Problem('mpc/malformed-message', `A meeting is named by ${32 + PRESENCE_BYTES} bytes, not ${payload.length}.`);
    const present = this.#present.get(toHex(payload.subarray(0, 32)));
    // A third party knows the facts of a meeting of two as well, and has no say in it.
    if (!present?.peers.includes(from)) return new Uint8Array();
    const theirs = payload.slice(32);
    // This node has gone on. Whoever went on with it asks again for what he missed; whoever comes anew (after a crash, say) waits for the next meeting instead of beginning the last one alone.
    if (present.isOver && !sameBytes(present.theirs.get(from), theirs)) return new Uint8Array();
    this.#hear(present, from, theirs);
    return present.own;
  }

  /** Resolves when all are there, and ends unmet where `signal` says so; session/wrong-ceremony when they are not by then, mpc/malformed-message where one of them names a number above all that it can name honestly. */
  async meet({ facts, with: peers, atLeast, atMost, witnesses }: Meeting, patienceMs: number, signal?: AbortSignal): Promise<Met> {
    const named = sha256(utf8(`cairn/meeting/v1\n${facts}`));
    const key = toHex(named);
    if (this.#present.get(key)?.isOver === false) throw new Problem('session/wrong-ceremony', 'This node waits for the same ceremony already.');
    // A fresh draw of every node makes the meeting new, whatever the others send again.
    const own = concat(this.#random(DRAW_BYTES), uintBytes(atLeast, 4));
    const present: Present = { isOver: false, refused: undefined, atMost, witnesses, own, peers, theirs: new Map() };
    this.#present.set(key, present);
    try {
      const startedMs = performance.now();
      for (;;) {
        if (present.refused) throw present.refused;
        if (signal?.aborted) throw new Problem('session/wrong-ceremony', 'The others came to another meeting of this ceremony.');
        const absent = peers.filter((peer) => !present.theirs.has(peer));
        if (absent.length === 0) return this.#met(named, present);
        if (performance.now() - startedMs > patienceMs)
          throw new Problem('session/wrong-ceremony', `Parties ${absent.join(', ')} did not come to the same ceremony within ${patienceMs} ms.`, { absent });
        await Promise.all(absent.map((peer) => this.#call(peer, concat(named, own), present)));
        await sleep(POLL_MS);
      }
    } finally {
      present.isOver = true;
      // Those who were slower still ask for a moment after the first has gone on.
      setTimeout(() => this.#present.get(key) === present && this.#present.delete(key), 20 * POLL_MS).unref();
    }
  }

  async #call(peer: PartyId, payload: Uint8Array, present: Present): Promise<void> {
    const answer = await call(this.#group, peer, MEET, payload, { timeoutMs: 2_000, resendForMs: 0 }).catch((error: unknown) => {
      // A node that is not up yet is waited for.
      if (error instanceof Problem) return new Uint8Array();
      throw error;
    });
    if (answer.length === PRESENCE_BYTES) this.#hear(present, peer, answer);
  }

  #hear(present: Present, from: PartyId, presence: Uint8Array): void {
    if (present.witnesses === undefined && numberOf(presence) > present.atMost) present.refused ??= tooHigh(from, numberOf(presence), present.atMost);
    else present.theirs.set(from, presence);
  }

  #met(named: Uint8Array, { own, theirs, atMost, witnesses }: Present): Met {
    const presences = new Map(theirs).set(this.#group.own, own);
    const byNumber = [...presences].map(([party, presence]) => ({ party, number: numberOf(presence) })).sort((a, b) => b.number - a.number);
    const [highest] = byNumber as [(typeof byNumber)[number]];
    const bound = witnesses === undefined ? atMost : Math.max(atMost, byNumber[witnesses - 1]!.number + MOST_AHEAD);
    if (highest.party !== this.#group.own && highest.number > bound) throw tooHigh(highest.party, highest.number, bound);
    const inOrder = [...presences].sort(([a], [b]) => a - b).map(([, presence]) => presence);
    return { id: toHex(sha256(utf8('cairn/met/v1\n'), named, ...inOrder)), number: highest.number };
  }
}

function tooHigh(from: PartyId, number: number, atMost: number): Problem {
  const detail = `Party ${from} names the number ${number}; at most ${atMost} can be meant.`;
  return new Problem('mpc/malformed-message', detail, { culprit: from, effect: 'count', number, atMost });
}

function numberOf(presence: Uint8Array): number {
  return Buffer.from(presence).readUInt32BE(DRAW_BYTES);
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}
