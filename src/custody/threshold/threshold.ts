/** The client in front of the signer nodes: asks sets of them for signatures until one set has signed or one node has refused. It holds no share and decides nothing. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert, concat, derivedId, Problem, toHex, utf8, type Clock, type Hex, type ProblemCode, type RandomBytes } from '#base';
import { intentDigest, isSignatureBy, type Intent, type Role, type Signature } from '#custody/intents';
import { requestToJson } from '#custody/requests';
import { openLink, type Fingerprint, type Identity, type Link, type WireLimits } from '#mpc/node/wire';
import type { Custody, Outcome, SignatureRequestId } from '../types.ts';
import { bring, type PageSource } from './feeder.ts';
import { ASK, KEYS, keysFromJson, signatureFromJson, WATCH, watchFromJson, type WatchFacts } from './protocol.ts';
import { signerSets } from './sets.ts';

export type { WatchFacts };

export interface SignerNode {
  /** Party id, 1..n. */
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly fingerprint: Fingerprint;
}

export type ThresholdEvent =
  /** Fewer nodes than must sign can be reached; everything waits, and is told once until it goes on. */
  | { readonly kind: 'waiting'; readonly reachable: readonly number[]; readonly needed: number }
  | { readonly kind: 'going-on' }
  /** A node takes no further page of the book: what the platform wrote does not hold by that node's own replay. */
  | { readonly kind: 'feed-refused'; readonly node: number; readonly rule: string; readonly reason: string }
  | { readonly kind: 'attempt-failed'; readonly signers: readonly number[]; readonly problem: Problem };

export interface ThresholdCustodyOptions {
  readonly nodes: readonly SignerNode[];
  /** How many must sign. */
  readonly threshold: number;
  /** The coordinator's own: the nodes have it pinned as such. */
  readonly identity: Identity;
  readonly limits: WireLimits;
  /** For one attempt of one set of signers. */
  readonly attemptTimeoutMs: number;
  /** A node that could not be reached is left out for so long, as long as enough others are there. */
  readonly downForMs: number;
  /** Between two attempts when none succeeds. */
  readonly retryAfterMs: number;
  /** A refusal answers the same request for so long; asked later, the nodes judge anew. */
  readonly refusalHoldsMs: number;
  /** The book, which each node is brought before it is asked; absent where the nodes keep none. */
  readonly source?: PageSource;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly onEvent: (event: ThresholdEvent) => void;
}

export interface ThresholdCustody extends Custody {
  /** By party: what each node says of the timelock, undefined where it cannot be asked. */
  watch(): Promise<ReadonlyMap<number, WatchFacts | undefined>>;
  close(): void;
}

/** Answers that are a decision: whoever gave them is not asked again for the same thing, and no other is in its place. */
const REFUSALS: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'session/refused',
  'session/bad-request',
  'custody/bad-intent',
  'wire/not-allowed',
  'policy/refused',
]);
/** The node itself is not there: another set can be tried at once, without waiting for those who wait for it. */
const ABSENCES: ReadonlySet<ProblemCode> = new Set<ProblemCode>(['wire/unreachable', 'wire/no-answer', 'wire/wrong-identity', 'wire/bad-frame']);

/** Whoever asks for the state of the nodes wants it now. */
const PRESENCE_MS = 2_000;

interface Request {
  outcome: Outcome;
  endedMs: number | undefined;
}

export function openThresholdCustody(options: ThresholdCustodyOptions): ThresholdCustody {
  assert(options.nodes.length >= options.threshold && options.threshold >= 2, 'at least two of the nodes sign');
  return new SignerNodes(options);
}

class SignerNodes implements ThresholdCustody {
  readonly #options: ThresholdCustodyOptions;
  readonly #links: ReadonlyMap<number, Link>;
  readonly #requests = new Map<SignatureRequestId, Request>();
  readonly #addresses = new Map<Role, Hex>();
  /** When each node that could not be reached may be tried again. */
  readonly #downUntilMs = new Map<number, number>();
  readonly #closing = new AbortController();
  #isWaiting = false;
  #turn = 0;

  constructor(options: ThresholdCustodyOptions) {
    this.#options = options;
    const { identity, limits } = options;
    this.#links = new Map(
      options.nodes.map(({ id, host, port, fingerprint }) => [id, openLink({ identity, part: 'coordinator', host, port, fingerprint, limits })]),
    );
  }

  /** As at least `threshold` nodes say and none contradicts: one lying node can neither give an address nor change one. */
  async address(role: Role): Promise<Hex> {
    const known = this.#addresses.get(role);
    if (known) return known;
    const said = await Promise.all([...this.#links.keys()].map((id) => this.#addressAt(id, role)));
    const addresses = said.filter((address) => address !== undefined);
    const [first] = addresses;
    if (addresses.some((address) => address !== first))
      throw new Problem('custody/signers-disagree', `The nodes name different keys as ${role}: ${[...new Set(addresses)].join(', ')}.`, { role });
    if (!first || addresses.length < this.#options.threshold)
      throw new Problem('custody/no-answer', `${addresses.length} nodes say which key is the ${role}, and ${this.#options.threshold} must.`, { role });
    this.#addresses.set(role, first);
    return first;
  }

  async requestSignature(role: Role, intent: Intent): Promise<{ readonly id: SignatureRequestId }> {
    const digest = intentDigest(intent);
    const id = derivedId<SignatureRequestId>(
      createHash('sha256')
        .update(concat(utf8(`cairn.signature.${role}\0`), digest))
        .digest(),
    );
    const before = this.#requests.get(id);
    const { clock, refusalHoldsMs } = this.#options;
    const isStale = before?.outcome.status === 'refused' && clock.nowMs() - before.endedMs! >= refusalHoldsMs;
    if (before && !isStale) return { id };
    const request: Request = { outcome: { status: 'pending' }, endedMs: undefined };
    this.#requests.set(id, request);
    void this.#pursue(request, role, intent, digest);
    return { id };
  }

  async outcome(id: SignatureRequestId): Promise<Outcome> {
    const request = this.#requests.get(id);
    if (!request) throw new Problem('custody/unknown-request', `Nobody asked for signature ${id} since this process started.`);
    return request.outcome;
  }

  async health(): Promise<{ readonly ok: boolean; readonly detail: string }> {
    const { threshold, nodes } = this.#options;
    const answers = await Promise.all(nodes.map(({ id }) => this.#isThere(id)));
    const there = nodes.filter((_, i) => answers[i]).map(({ id }) => id);
    const names = there.length === 0 ? 'none' : there.join(', ');
    return { ok: there.length >= threshold, detail: `of ${nodes.length} signer nodes ${names} answer, and ${threshold} must sign` };
  }

  async watch(): Promise<ReadonlyMap<number, WatchFacts | undefined>> {
    const ask = async (link: Link): Promise<WatchFacts | undefined> => {
      try {
        return watchFromJson(await link.call(WATCH, new Uint8Array(), { timeoutMs: PRESENCE_MS, resendForMs: 0 }));
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        return undefined;
      }
    };
    return new Map(await Promise.all([...this.#links].map(async ([id, link]): Promise<[number, WatchFacts | undefined]> => [id, await ask(link)])));
  }

  close(): void {
    this.#closing.abort();
    for (const link of this.#links.values()) link.close();
  }

  async #isThere(id: number): Promise<boolean> {
    return this.#links
      .get(id)!
      .call(KEYS, new Uint8Array(), { timeoutMs: PRESENCE_MS, resendForMs: 0 })
      .then(
        () => true,
        (error: unknown) => {
          if (error instanceof Problem) return false;
          throw error;
        },
      );
  }

  async #addressAt(id: number, role: Role): Promise<Hex | undefined> {
    try {
      const answer = await this.#links.get(id)!.call(KEYS, new Uint8Array(), { timeoutMs: this.#options.attemptTimeoutMs, resendForMs: 0 });
      return keysFromJson(answer).find((key) => key.role === role)?.address;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return undefined;
    }
  }

  /** Set after set, each in a session of its own, until there is an answer. */
  async #pursue(request: Request, role: Role, intent: Intent, digest: Uint8Array): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const outcome = await this.#round(role, intent, digest).catch((error: unknown): Outcome => {
        if (error instanceof Problem) return { status: 'pending' };
        throw error;
      });
      if (outcome.status !== 'pending') {
        request.outcome = outcome;
        request.endedMs = this.#options.clock.nowMs();
        return;
      }
      await sleep(this.#options.retryAfterMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
    }
  }

  /** Tries each set that could sign now once. */
  async #round(role: Role, intent: Intent, digest: Uint8Array): Promise<Outcome> {
    const { threshold, nodes } = this.#options;
    const tried = new Set<string>();
    let areAbsent = true;
    for (;;) {
      const up = nodes.map(({ id }) => id).filter((id) => !this.#isDown(id));
      const signers = signerSets(up, threshold, this.#turn).find((set) => !tried.has(set.join()));
      if (!signers) {
        // Also where those who were not there count as up again by now: nobody was found who could sign.
        if (up.length < threshold || areAbsent) this.#tellWaiting(up);
        return { status: 'pending' };
      }
      tried.add(signers.join());
      const outcome = await this.#attempt(signers, role, intent, digest);
      if (!(outcome instanceof Problem)) return outcome;
      areAbsent &&= ABSENCES.has(outcome.code);
    }
  }

  /** An answer, or why there is none. */
  async #attempt(signers: readonly number[], role: Role, intent: Intent, digest: Uint8Array): Promise<Outcome | Problem> {
    const absent = (await Promise.all(signers.map((id) => this.#bring(id)))).find((problem) => problem !== undefined);
    if (absent) return this.#failed(signers, absent);
    // A fresh id for every attempt: what a node has started once it starts no second time.
    const payload = requestToJson({ requestId: toHex(this.#options.random(32)), intent, signers, path: [], evidence: undefined });
    const answers = signers.map((id) => this.#ask(id, payload));
    try {
      const signature = await firstDecisive(answers);
      if (!isSignatureBy(await this.address(role), digest, signature))
        throw new Problem('wire/bad-frame', `Nodes ${signers.join(', ')} answer with a signature that is none.`);
      this.#tellGoingOn();
      return { status: 'signed', signature };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (REFUSALS.has(error.code))
        return { status: 'refused', rule: typeof error.facts['rule'] === 'string' ? error.facts['rule'] : error.code, reason: error.detail };
      return this.#failed(signers, error);
    }
  }

  #failed(signers: readonly number[], problem: Problem): Problem {
    this.#turn++;
    this.#options.onEvent({ kind: 'attempt-failed', signers, problem });
    return problem;
  }

  /** Why the node is not there, where it is not: then nobody waits for it a second time. */
  async #bring(id: number): Promise<Problem | undefined> {
    const { source, attemptTimeoutMs, onEvent } = this.#options;
    if (!source) return undefined;
    try {
      const refusal = await bring(this.#links.get(id)!, source, { timeoutMs: attemptTimeoutMs, resendForMs: 0 });
      if (refusal) onEvent({ kind: 'feed-refused', node: id, ...refusal });
      return undefined;
    } catch (error) {
      if (!(error instanceof Problem) || !ABSENCES.has(error.code)) throw error;
      this.#noteAbsence(id);
      return error;
    }
  }

  #noteAbsence(id: number): void {
    const { downForMs, clock } = this.#options;
    this.#downUntilMs.set(id, clock.nowMs() + downForMs);
  }

  async #ask(id: number, payload: Uint8Array): Promise<Signature> {
    const { attemptTimeoutMs } = this.#options;
    try {
      return signatureFromJson(await this.#links.get(id)!.call(ASK, payload, { timeoutMs: attemptTimeoutMs, resendForMs: 0 }));
    } catch (error) {
      if (error instanceof Problem && ABSENCES.has(error.code)) this.#noteAbsence(id);
      throw error;
    }
  }

  #isDown(id: number): boolean {
    return (this.#downUntilMs.get(id) ?? -Infinity) > this.#options.clock.nowMs();
  }

  #tellWaiting(reachable: readonly number[]): void {
    const { threshold, onEvent } = this.#options;
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    onEvent({ kind: 'waiting', reachable, needed: threshold });
  }

  #tellGoingOn(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#options.onEvent({ kind: 'going-on' });
  }
}

/** The first signature, refusal or absence; where none comes, the failure of whoever was not merely told by a peer that it is over. */
async function firstDecisive(answers: readonly Promise<Signature>[]): Promise<Signature> {
  return new Promise((resolve, reject) => {
    const failures: unknown[] = [];
    for (const answer of answers) {
      answer.then(resolve, (error: unknown) => {
        failures.push(error);
        const isDecisive = !(error instanceof Problem) || REFUSALS.has(error.code) || ABSENCES.has(error.code);
        if (isDecisive) return reject(error);
        if (failures.length === answers.length) reject(failures.find((failure) => (failure as Problem).code !== 'session/ended-by-peer') ?? failures[0]);
      });
    }
  });
}
