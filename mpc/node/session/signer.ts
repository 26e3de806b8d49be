import { assert, concat, fromHex, Problem, toHex, utf8, type Clock, type Hex, type RandomBytes } from '#base';
import { fromRecovered, intentToJson, type Signature } from '#custody/intents';
import type { SignRequest } from '#custody/requests';
import {
  acceptSigning,
  combine,
  signRound1,
  signRound2,
  signRound3,
  signerSet,
  testDigest,
  type Aborted,
  type Accepted,
  type Once,
  type PartyId,
  type Slot,
} from '#mpc/protocol';
import type { AuditEntry, AuditLog } from '../audit/audit.ts';
import { sha256, type Head } from '../heads/heads.ts';
import type { NodeStore } from '../store/store.ts';
import type { Conversation, Conversations } from './conversations.ts';
import type { Judge, Verdict } from './judge.ts';
import type { Key, KeyRing } from './keyRing.ts';
import type { PairSession } from './pairs.ts';
import { RefusedLines } from './refusedLines.ts';

export interface SigningTimeouts {
  /** For the slots of all signers: the slowest of them decides first. */
  readonly decisionMs: number;
  /** For each round of the protocol. */
  readonly roundMs: number;
}

export const SIGNING_TIMEOUTS: SigningTimeouts = { decisionMs: 15_000, roundMs: 10_000 };

export interface SignerOptions {
  readonly store: NodeStore;
  readonly audit: AuditLog;
  readonly ring: KeyRing;
  readonly conversations: Conversations;
  readonly judge: Judge;
  readonly timeouts: SigningTimeouts;
  /** Refuses while a peer has not said what it remembers of this node: until then nobody knows whether this disk is an old one. */
  readonly demandReady: (peers: readonly PartyId[]) => void;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** The disk failed: nothing more may leave this node, and the process ends. */
  readonly onFatal: (problem: Problem) => void;
  readonly onEvent: (event: SigningEvent) => void;
}

export type SigningEvent =
  | { readonly kind: 'signed'; readonly sid: Hex; readonly signers: readonly PartyId[]; readonly purpose: 'intent' | 'test'; readonly tookMs: number }
  | { readonly kind: 'refused'; readonly rule: string; readonly reason: string }
  | { readonly kind: 'failed'; readonly signers: readonly PartyId[]; readonly problem: Problem }
  | { readonly kind: 'alarm'; readonly problem: Problem };

/** What a session is for: an order, judged; or a test signature, whose digest says nothing but that it is one. */
interface Purpose {
  readonly kind: 'intent' | 'test';
  readonly digest: Uint8Array;
  readonly path: readonly number[];
  readonly requestId: Uint8Array;
  /** What is asked before N_i is drawn: the policy hash of the own slot, and when the line that says so is on the disk, where it stands. */
  decide(): Promise<{ readonly policyHash: Uint8Array; readonly noted: Promise<Head> }>;
  /** RELEASED, durably. */
  release(sid: Hex, peers: readonly PartyId[], audit: Head): Promise<void>;
  /** The session is over, whatever became of it. */
  over?(): void;
}

/** The rounds of a conversation about a signature. */
const [SLOT, ROUND_1, ROUND_2, ROUND_3] = [0, 1, 2, 3];
const ROUNDS = 4;
const HASH_BYTES = 32;
const NO_POLICY = new Uint8Array(HASH_BYTES);
/** Refusals that stand in the audit log by themselves, with what was asked. */
const NOTED = new WeakSet<Problem>();

interface Failed {
  readonly key: Key;
  readonly S: readonly PartyId[];
  readonly conversation: Conversation;
  readonly requestId: Hex;
}

/** This node's part in signatures (digest 2.6, 7, 12, 14). Each session decides first, runs once, and leaves nothing on the disk but what was released or poisoned. */
export class Signer {
  readonly #options: SignerOptions;
  /** Answers to a request that is asked again while it runs, because its channel was lost. */
  readonly #running = new Map<Hex, Promise<Signature>>();

  readonly #lines: RefusedLines;

  constructor(options: SignerOptions) {
    this.#options = options;
    this.#lines = new RefusedLines(() => options.clock.nowMs());
  }

  /** How many sessions run now. */
  get running(): number {
    return this.#running.size;
  }

  /** What a coordinator asks for. session/refused with the rule, session/not-yet, or why no signature came of it. */
  ask(request: SignRequest, requester: string): Promise<Signature> {
    const { store, judge, clock, ring } = this.#options;
    const key = ring.active(request.role);
    let accepted: Extract<Verdict, { accepted: true }> | undefined;
    return this.#once(key, request.signers, {
      kind: 'intent',
      digest: request.digest,
      path: request.path,
      requestId: fromHex(request.requestId),
      decide: async () => {
        const text = intentToJson(request.intent);
        const asked: AuditEntry = {
          kind: 'asked',
          atMs: clock.nowMs(),
          data: { requestId: request.requestId, requester, signers: [...request.signers], intent: JSON.parse(text) },
        };
        const isWritten = this.#lines.take(requester, text.length);
        if (isWritten) this.#noteUnwritten(requester);
        if (isWritten) void this.#note(asked);
        const verdict = await judge.judge(request, requester);
        if (!verdict.accepted) {
          const data = { requestId: request.requestId, rule: verdict.rule, reason: verdict.reason };
          if (isWritten) await this.#note({ kind: 'refused', atMs: clock.nowMs(), data });
          else this.#lines.leaveOut(requester, request.digest);
          this.#options.onEvent({ kind: 'refused', rule: verdict.rule, reason: verdict.reason });
          const code = verdict.retry === 'never' ? 'session/refused' : 'session/not-yet';
          const refusal = new Problem(code, verdict.reason, { rule: verdict.rule, party: key.record.id });
          NOTED.add(refusal);
          throw refusal;
        }
        if (isWritten) this.#lines.giveBack(requester, text.length);
        else void this.#note(asked);
        accepted = verdict;
        const data = { requestId: request.requestId, digest: toHex(request.digest), policy: verdict.policyHash };
        return { policyHash: fromHex(verdict.policyHash), noted: this.#note({ kind: 'decided', atMs: clock.nowMs(), data }) };
      },
      release: async (sid, peers, head) => {
        assert(accepted, 'nothing is released that was not accepted');
        const { facts, approvals, policyHash, place } = accepted;
        await place?.bind();
        const intent = JSON.parse(intentToJson(request.intent));
        await store.release({ ...key.ref, sid, peers, audit: head, facts, approvals, intent, policyHash }, clock.nowMs());
      },
      over: () => accepted?.place?.free(),
    });
  }

  /** A test signature of the set S, over m = H("test-sign/v1"; ctx, S): allowed while the epoch is PENDING (digest D4). All of S are told the same id. */
  test(key: Key, S: readonly number[], requestId: Uint8Array): Promise<Signature> {
    const { store, clock } = this.#options;
    const digest = testDigest(key.record, signerSet(S, key.record, key.record.id));
    return this.#once(key, S, {
      kind: 'test',
      digest,
      path: [],
      requestId,
      decide: async () => {
        const data = { key: key.ref.keyId, epoch: key.ref.epochId, signers: [...S], test: toHex(digest) };
        return { policyHash: NO_POLICY, noted: this.#note({ kind: 'decided', atMs: clock.nowMs(), data }) };
      },
      release: (sid, peers, audit) => store.releaseTest({ ...key.ref, sid, peers, audit, digest: toHex(digest) }, clock.nowMs()),
    });
  }

  #once(key: Key, signers: readonly number[], purpose: Purpose): Promise<Signature> {
    const S = signerSet(signers, key.record, key.record.id);
    const id = tupleId(key, S, purpose);
    const running = this.#running.get(id);
    if (running) return running;
    const started = this.#session(id, key, S, purpose).finally(() => this.#running.delete(id));
    this.#running.set(id, started);
    return started;
  }

  async #session(id: Hex, key: Key, S: readonly PartyId[], purpose: Purpose): Promise<Signature> {
    const { conversations, store, clock } = this.#options;
    const peers = S.filter((party) => party !== key.record.id);
    const startedMs = clock.nowMs();
    const conversation = conversations.open(id, peers, ROUNDS);
    let sid: Hex | undefined;
    const session: PairSession = { sid: () => sid, signal: conversation.signal, end: (problem) => conversation.end(problem) };
    let seat: { leave(): void } | undefined;
    let slot: Slot | undefined;
    try {
      this.#options.demandReady(peers);
      store.demandUsable(key.ref, peers, purpose.kind === 'intent' ? 'sign' : 'test');
      const { policyHash, noted } = await purpose.decide();
      seat = key.pairs.enter(peers, session);
      const { digest, path, requestId } = purpose;
      const { slot: drawn, acceptance } = acceptSigning({ key: key.record, signers: S, path, digest, requestId }, policyHash, this.#options.random);
      slot = drawn;
      const signed = await this.#rounds({ key, peers, purpose, conversation, session, slot: drawn, acceptance, noted, setSid: (value) => (sid = value) });
      conversation.end();
      this.#options.onEvent({ kind: 'signed', sid: sid!, signers: S, purpose: purpose.kind, tookMs: clock.nowMs() - startedMs });
      void this.#note({ kind: 'signed', atMs: clock.nowMs(), data: { sid: sid!, digest: toHex(digest), purpose: purpose.kind } });
      return signed;
    } catch (error) {
      // After the verdict, whichever it was, is on the disk. A bug of our own is none, and leaves the mark where it is.
      if (sid !== undefined && error instanceof Problem && error.code !== 'node/disk-failed')
        store.evaluated(sid, clock.nowMs()).catch((problem: unknown) => this.#options.onFatal(problem as Problem));
      // Before anybody hears of it: what was forgotten in a restart would be so many more that a peer may spoil.
      if (sid !== undefined && error instanceof Problem && error.facts['effect'] === 'count-failure')
        await store.countInvalid({ ...key.ref, sid, peers }, clock.nowMs()).catch((problem: unknown) => this.#options.onFatal(problem as Problem));
      if (error instanceof Problem && error.code === 'node/pair-poisoned') await key.pairs.settled(peers);
      throw this.#failed(error, { key, S, conversation, requestId: toHex(purpose.requestId) });
    } finally {
      seat?.leave();
      purpose.over?.();
      // N_i was for this session, whatever became of it.
      slot?.nonce.fill(0);
    }
  }

  async #rounds(run: {
    readonly key: Key;
    readonly peers: readonly PartyId[];
    readonly purpose: Purpose;
    readonly conversation: Conversation;
    readonly session: PairSession;
    readonly slot: Slot;
    readonly acceptance: Once<Accepted>;
    readonly noted: Promise<Head>;
    readonly setSid: (sid: Hex) => void;
  }): Promise<Signature> {
    const { key, peers, purpose, conversation, session, slot, acceptance } = run;
    const { random, timeouts, store, clock } = this.#options;
    // Each signer's N_i goes to each other one on its own channel (2.6): no coordinator carries it, and none can give it out twice.
    for (const peer of peers) conversation.send(peer, SLOT, concat(slot.nonce, slot.policyHash));
    const theirs = await conversation.gather(SLOT, timeouts.decisionMs);
    const slots = new Map<PartyId, Slot>([...theirs].map(([peer, bytes]) => [peer, slotOf(peer, bytes)]));
    slots.set(key.record.id, slot);

    const pairs = new Map(peers.map((peer) => [peer, key.pair(peer)]));
    // The acceptance is void from here, whatever comes: one N_i gives at most one sid.
    const first = signRound1(acceptance, slots, pairs, random);
    run.setSid(toHex(first.sid));
    const marked = store.evaluating({ ...key.ref, sid: toHex(first.sid), peers }, clock.nowMs());
    for (const { to, bytes } of first.messages) conversation.send(to, ROUND_1, bytes);

    // The mark is on the disk before the first check is evaluated; it gets there while the first messages do.
    const [opened] = await Promise.all([conversation.gather(ROUND_1, timeouts.roundMs), marked]);
    const second = await key.pairs.verdict(peers, session, () => signRound2(first.next, opened, random));
    key.pairs.demandWhole(peers);
    for (const { to, bytes } of second.messages) conversation.send(to, ROUND_2, bytes);

    const multiplied = await conversation.gather(ROUND_2, timeouts.roundMs);
    const third = await key.pairs.verdict(peers, session, () => signRound3(second.next, multiplied, random));
    assert(Buffer.compare(third.digest, purpose.digest) === 0, 'what is released is what was decided');
    const head = await run.noted;
    key.pairs.demandWhole(peers);
    // RELEASED is on the disk, the limits are debited, and what was decided stands in the audit log, before w_i leaves (14).
    await purpose.release(toHex(third.sid), peers, head);
    // A check that failed while the disk worked aborts this session too, and its last message stays here.
    key.pairs.demandWhole(peers);
    conversation.signal.throwIfAborted();
    for (const peer of peers) conversation.send(peer, ROUND_3, third.bytes);

    const last = await conversation.gather(ROUND_3, timeouts.roundMs);
    const signed = combine(third.next, last);
    if (signed.kind === 'abort') throw signed.abort.problem;
    return fromRecovered(concat(Uint8Array.of(signed.recovery), signed.compact));
  }

  /** What an abort retires and tells, after it has ended the session; the Problem that the asker gets. */
  #failed(error: unknown, { key, S, conversation, requestId }: Failed): unknown {
    const { onFatal, onEvent, clock, ring } = this.#options;
    if (!(error instanceof Problem)) {
      conversation.end(new Problem('wire/failed', 'The node failed by a bug of its own.'));
      return error;
    }
    if (error.code === 'node/disk-failed') {
      onFatal(error);
      return error;
    }
    const { effect, culprit } = error.facts as { readonly effect?: Aborted['abort']['effect']; readonly culprit?: PartyId | null };
    if (effect === 'self-test' && !ring.isWhole(key))
      onFatal(new Problem('node/store-tampered', 'The share in memory is not the one of the key.', { ...key.ref }));
    if (effect !== undefined && effect !== 'none') onEvent({ kind: 'alarm', problem: error });
    if (effect !== 'poison-pair') conversation.end(error);
    if (!NOTED.has(error))
      void this.#note({
        kind: 'refused',
        atMs: clock.nowMs(),
        data: {
          session: conversation.id,
          requestId,
          code: error.code,
          rule: typeof error.facts['rule'] === 'string' ? error.facts['rule'] : null,
          reason: error.detail,
          culprit: culprit ?? null,
        },
      });
    onEvent({ kind: 'failed', signers: S, problem: error });
    return error;
  }

  /** What was refused while there was no room for it. */
  #noteUnwritten(requester: string): void {
    const unwritten = this.#lines.unwritten(requester);
    if (unwritten)
      void this.#note({ kind: 'refused', atMs: this.#options.clock.nowMs(), data: { requester, unwritten: unwritten.count, digest: unwritten.digest } });
  }

  /** A line of the audit log; lines are written in the order of the calls. Where nobody waits for it, a disk that fails is still fatal. */
  #note(entry: AuditEntry): Promise<Head> {
    const noted = this.#options.audit.append(entry);
    noted.catch((problem: unknown) => this.#options.onFatal(problem as Problem));
    return noted;
  }
}

/** What all of S were asked for, without what they drew: the id of their conversation, which each computes for itself, so that signers who were asked for different things never meet. */
function tupleId({ ctx }: Key, S: readonly PartyId[], { kind, digest, path, requestId }: Purpose): Hex {
  const text = JSON.stringify({ kind, ctx: toHex(ctx), S, path, digest: toHex(digest), requestId: toHex(requestId) });
  return toHex(sha256(utf8(`cairn/session-tuple/v1\n${text}`)));
}

function slotOf(peer: PartyId, bytes: Uint8Array): Slot {
  if (bytes.length !== 2 * HASH_BYTES)
    throw new Problem('mpc/malformed-message', `The slot of party ${peer} has ${bytes.length} bytes.`, { culprit: peer, effect: 'count' });
  return { nonce: bytes.slice(0, HASH_BYTES), policyHash: bytes.slice(HASH_BYTES) };
}
