import { Problem, type Hex } from '#base';
import type { Abort, PartyId } from '#mpc/protocol';

/** At most so many sessions run with one peer at once: what a cheating peer could learn before its first failure is known is bounded by it (digest 12). */
export const MAX_SESSIONS_PER_PAIR = 16;
/** One session as its pairs see it. */
export interface PairSession {
  /** Its sid, once there is one. */
  readonly sid: () => Hex | undefined;
  readonly signal: AbortSignal;
  /** Ends it without another look at what its peers sent. */
  readonly end: (problem: Problem) => void;
}

interface Pair {
  readonly sessions: Set<PairSession>;
  /** The verdict that is being passed, and after it those that wait: one at a time. */
  queue: Promise<unknown>;
  poison: Poisoning | undefined;
}

interface Poisoning {
  readonly problem: Problem;
  /** Resolves when it is on the disk. */
  readonly durable: Promise<void>;
}

export interface PairsOptions {
  /** Durable (fsync) when it resolves: only then may anything leave this node. */
  readonly poison: (peer: PartyId, abort: Abort, sid: Hex | undefined) => Promise<void>;
}

/**
 * Between this node and each peer, for one key: which sessions run, and one serial queue of verdicts (digest 12). A failed check tells the peer one bit of Delta and so does a
 * passed one, so after the first failure no other check of the pair is evaluated, let alone reported.
 */
export class Pairs {
  readonly #options: PairsOptions;
  readonly #pairs = new Map<PartyId, Pair>();

  constructor(options: PairsOptions) {
    this.#options = options;
  }

  /** Counts the session with each peer until `leave`; session/too-many, node/pair-poisoned. */
  enter(peers: readonly PartyId[], session: PairSession): { leave(): void } {
    const pairs = peers.map((peer) => this.#pair(peer));
    for (const [i, peer] of peers.entries()) {
      const { poison } = pairs[i]!;
      if (poison) throw poison.problem;
      if (pairs[i]!.sessions.size >= MAX_SESSIONS_PER_PAIR)
        throw new Problem('session/too-many', `${MAX_SESSIONS_PER_PAIR} sessions run with party ${peer}.`, { peer });
    }
    for (const pair of pairs) pair.sessions.add(session);
    return { leave: () => pairs.forEach((pair) => pair.sessions.delete(session)) };
  }

  /**
   * Evaluates what the peers sent, when nothing else of these pairs is being evaluated and none of them is poisoned. `evaluate` is synchronous: between its look at Delta and the POISON
   * on the disk nothing of the pair can run. An abort comes back after its durable effect, or the reason why nothing was evaluated is thrown.
   */
  async verdict<Result extends object>(
    peers: readonly PartyId[],
    session: PairSession,
    evaluate: () => Result | { readonly kind: 'abort'; readonly abort: Abort },
  ): Promise<Result> {
    const pairs = peers.toSorted((a, b) => a - b).map((peer) => this.#pair(peer));
    const before = pairs.map(({ queue }) => queue);
    const mine = Promise.all(before).then(() => this.#pass(pairs, session, evaluate));
    const settled = mine.then(
      () => undefined,
      () => undefined,
    );
    for (const pair of pairs) pair.queue = settled;
    return mine;
  }

  /** node/pair-poisoned from the moment a check against one of these peers has failed, before it is on the disk: asked once more before anything of a session leaves. */
  demandWhole(peers: readonly PartyId[]): void {
    const poison = peers.map((peer) => this.#pair(peer).poison).find((found) => found !== undefined);
    if (poison) throw poison.problem;
  }

  /** Every POISON against these peers is on the disk: before a session that ends by one tells its peers so, which is a verdict as well (digest 12). */
  async settled(peers: readonly PartyId[]): Promise<void> {
    for (const peer of peers) await this.#pair(peer).poison?.durable;
  }

  /** After an operator's approval and a whole new set-up (digest 12). */
  heal(peer: PartyId): void {
    this.#pair(peer).poison = undefined;
  }

  /** How many sessions run with this peer. */
  running(peer: PartyId): number {
    return this.#pairs.get(peer)?.sessions.size ?? 0;
  }

  async #pass<Result extends object>(
    pairs: readonly Pair[],
    session: PairSession,
    evaluate: () => Result | { readonly kind: 'abort'; readonly abort: Abort },
  ): Promise<Result> {
    const poison = pairs.find((pair) => pair.poison)?.poison;
    if (poison) throw poison.problem;
    if (session.signal.aborted) throw session.signal.reason;
    const outcome = evaluate();
    if (!('kind' in outcome) || outcome.kind !== 'abort') return outcome as Result;
    const { abort } = outcome as { readonly abort: Abort };
    if (abort.effect === 'poison-pair') await this.#poison(abort, session);
    throw abort.problem;
  }

  async #poison(abort: Abort, session: PairSession): Promise<void> {
    const peer = abort.culprit!;
    const pair = this.#pair(peer);
    const problem = new Problem('node/pair-poisoned', `A check against party ${peer} failed; no session with it goes on.`, { peer, code: abort.problem.code });
    const durable = this.#options.poison(peer, abort, session.sid());
    pair.poison = { problem, durable };
    await durable;
    // Only now: what the sessions tell their peers leaves after the POISON is on the disk.
    for (const each of pair.sessions) each.end(problem);
  }

  #pair(peer: PartyId): Pair {
    let pair = this.#pairs.get(peer);
    if (!pair) this.#pairs.set(peer, (pair = { sessions: new Set(), queue: Promise.resolve(), poison: undefined }));
    return pair;
  }
}
