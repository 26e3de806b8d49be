import { fromHex, isHex, Problem, utf8, type Hex, type ProblemCode } from '#base';
import { ROLES } from '#custody/intents';
import { requestFromJson } from '#custody/requests';
import { partyId, type PartyId } from '#mpc/protocol';
import type { NodeBook } from '../book/book.ts';
import { BUNDLE, CONFIRMED, MEET, type Ceremonies, type EpochSwitch, type Group, type Rendezvous } from '../ceremony/ceremony.ts';
import { END, epochDataOf, SAY, type Conversations, type KeyRing, type Signer } from '../session/session.ts';
import type { NodeStore } from '../store/store.ts';
import { Buckets, type Answer, type Caller, type Part, type RefusalLimit } from '../wire/wire.ts';
import { CANCEL, CANCELLED, type Watcher } from '../watch/watch.ts';
import type { Desk } from './desk.ts';
import { BODIES, REMEMBERED, TELL_HEADS, type PeerHeads } from './peerHeads.ts';

export interface Parts {
  readonly group: Group;
  readonly store: NodeStore;
  readonly ring: KeyRing;
  readonly signer: Signer;
  readonly conversations: Conversations;
  readonly rendezvous: Rendezvous;
  readonly epochs: EpochSwitch;
  readonly ceremonies: Ceremonies;
  readonly heads: PeerHeads;
  readonly desk: Desk;
  readonly book: NodeBook | undefined;
  readonly watcher: Watcher | undefined;
  readonly nowMs: () => number;
  readonly refusals: RefusalLimit;
  /** A call was refused: in the log, and where no session came of it in the audit log too, durably, before the refusal is told. */
  readonly onRefused: (caller: Caller, method: string, problem: Problem) => Promise<void>;
  /** So is a call of a peer that was refused more of them than are written down: it is only counted. */
  readonly onUnwritten: (caller: Caller) => void;
  /** A peer sent, over its own channel, what no honest node sends (digest 12: abort, count, alarm). */
  readonly onMalformed: (peer: PartyId, problem: Problem) => void;
}

interface Route {
  /** Who may ask for it; everybody else gets wire/not-allowed, whatever is in the call. */
  readonly parts: readonly Part[];
  readonly answer: (parts: Parts, payload: Uint8Array, caller: Caller) => Promise<Uint8Array>;
}

const NOTHING = new Uint8Array();
const PEERS: readonly Part[] = ['peer'];
const OPERATORS: readonly Part[] = ['operator'];
const COORDINATORS: readonly Part[] = ['coordinator'];

export const TEST = 'test/ask';
export const MEMORY = 'store/memory';

/** Everything that can be asked of a node, and by whom. A coordinator carries requests and pages; it has no say in anything else. */
const ROUTES: Readonly<Record<string, Route>> = {
  [SAY]: { parts: PEERS, answer: async ({ conversations }, payload, caller) => (conversations.said(peerOf(caller), payload), NOTHING) },
  [END]: { parts: PEERS, answer: async ({ conversations }, payload, caller) => (conversations.ended(peerOf(caller), payload), NOTHING) },
  [MEET]: { parts: PEERS, answer: async ({ rendezvous }, payload, caller) => rendezvous.asked(peerOf(caller), payload) },
  [CONFIRMED]: { parts: PEERS, answer: async ({ epochs }, payload, caller) => (await epochs.heardConfirmation(peerOf(caller), payload), NOTHING) },
  [BUNDLE]: { parts: PEERS, answer: async ({ epochs }, payload, caller) => (await epochs.heardBundle(peerOf(caller), payload), NOTHING) },
  [TELL_HEADS]: { parts: PEERS, answer: async ({ heads }, payload, caller) => (await heads.heard(peerOf(caller), payload), NOTHING) },
  [REMEMBERED]: { parts: PEERS, answer: async ({ heads }, _payload, caller) => heads.rememberedOf(peerOf(caller)) },
  [BODIES]: { parts: PEERS, answer: async ({ heads }, payload) => heads.bodies(payload) },
  [TEST]: { parts: PEERS, answer: testAsked },
  [MEMORY]: { parts: PEERS, answer: async ({ store }) => json(memoryOf(store)) },

  [CANCEL]: { parts: PEERS, answer: async ({ watcher }, payload, caller) => (await own(watcher).asked(peerOf(caller), payload), NOTHING) },
  [CANCELLED]: { parts: PEERS, answer: async ({ watcher }, payload) => (await own(watcher).heard(payload), NOTHING) },

  'sign/ask': {
    parts: COORDINATORS,
    answer: async ({ signer, desk }, payload, caller) => json({ signature: await signer.ask(requestFromJson(payload), desk.nameOf(caller)) }),
  },
  'keys/list': { parts: ['coordinator', 'operator'], answer: async ({ ring }) => json(keysOf(ring)) },
  'book/next': { parts: COORDINATORS, answer: async ({ book }) => json({ nextSeq: String(own(book).nextSeq()) }) },
  'watch/status': { parts: ['coordinator', 'operator'], answer: async ({ watcher }) => json(own(watcher).status()) },
  'book/absorb': {
    parts: COORDINATORS,
    answer: async ({ book, nowMs }, payload) => {
      const taken = await own(book).absorb(payload, nowMs());
      return json(taken.ok ? { seq: String(taken.seq) } : { rule: taken.rule, reason: taken.reason });
    },
  },

  'node/status': { parts: OPERATORS, answer: async ({ desk }) => json(desk.status()) },
  'node/backups': { parts: OPERATORS, answer: async ({ desk }) => json(desk.backups()) },
  'key/anchor': { parts: OPERATORS, answer: async ({ desk }, payload) => json(desk.anchor(objectOf(payload))) },
  'key/leave': { parts: OPERATORS, answer: async ({ desk }, payload) => json(await desk.leave(objectOf(payload))) },
  'policy/show': { parts: OPERATORS, answer: async ({ desk }) => json(desk.policy()) },
  'policy/change': { parts: OPERATORS, answer: async ({ desk }, payload) => json(await desk.changePolicy(objectOf(payload))) },
  'ceremony/begin': { parts: OPERATORS, answer: async ({ desk }, payload, caller) => json(desk.begin(objectOf(payload), caller)) },
  'ceremony/progress': { parts: OPERATORS, answer: async ({ desk }, payload) => json(desk.progress(objectOf(payload))) },
};

/** Refusals that no session was begun for: nothing was judged, and an honest caller hardly ever meets one. */
export const REFUSED_EARLY: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'custody/bad-intent',
  'session/bad-request',
  'session/started-before',
  'wire/not-allowed',
  'mpc/bad-parameters',
  'node/unknown-key',
]);

/** What a peer is blamed for whoever else it names: it came over its own channel. */
const MALFORMED: ReadonlySet<ProblemCode> = new Set<ProblemCode>(['mpc/malformed-message', 'mpc/equivocation', 'session/bad-request', 'wire/bad-statement']);

/** Calls of peers whose refusals are written down: they would move something. */
const WRITTEN: ReadonlySet<string> = new Set([CANCEL, CANCELLED]);

/**
 * Whether this refusal is one that no honest caller meets often, so that it has only so many of them. Peers are not turned away: the bundles that they pass on must be heard (digest 10.3), their frames are small, and each
 * malformed one is counted and told as it is.
 */
export function isCounted({ part }: Caller, code: ProblemCode): boolean {
  return part !== 'peer' && REFUSED_EARLY.has(code);
}

/** Guards in their order: the caller was not refused too often, there is such a call, and it is this caller's to make. */
export function answerOf(parts: Parts): Answer {
  // A peer is heard whatever it was refused before; but lines with an fsync each, and test signatures, it has no more of than an honest one could need.
  const [lines, tests] = [new Buckets(parts.nowMs), new Buckets(parts.nowMs)];
  return async (caller, method, payload) => {
    parts.refusals.demandRoom(caller);
    const route = Object.hasOwn(ROUTES, method) ? ROUTES[method] : undefined;
    try {
      if (!route) throw new Problem('wire/not-allowed', `There is no call ${method}.`);
      if (!route.parts.includes(caller.part)) throw new Problem('wire/not-allowed', `A ${caller.part} may not call ${method}.`, { part: caller.part, method });
      if (method === TEST && !tests.take(caller)) throw new Problem('session/too-many', 'A peer asks for more test signatures than a group needs.');
      return await route.answer(parts, payload, caller);
    } catch (error) {
      if (error instanceof Problem && isCounted(caller, error.code)) parts.refusals.count(caller);
      if (error instanceof Problem && (caller.part !== 'peer' || WRITTEN.has(method) || error.code === 'wire/not-allowed')) {
        if (caller.part !== 'peer' || lines.take(caller)) await parts.onRefused(caller, method, error);
        else parts.onUnwritten(caller);
      }
      if (error instanceof Problem && caller.part === 'peer' && MALFORMED.has(error.code)) parts.onMalformed(peerOf(caller), error);
      throw error;
    }
  };
}

function peerOf(caller: Caller): PartyId {
  if (caller.part !== 'peer') throw new Problem('wire/not-allowed', 'Only a peer speaks in the rounds of the protocol.');
  return caller.id as PartyId;
}

/** The book, and what comes with one. */
function own<T extends object>(part: T | undefined): T {
  if (!part) throw new Problem('wire/not-allowed', 'This node has no book.');
  return part;
}

function keysOf(ring: KeyRing): unknown {
  const roles = ROLES.filter((role) => ring.epochs().some((record) => record.status === 'ACTIVE' && epochDataOf(record).role === role));
  return roles.map((role) => {
    const { address, record } = ring.active(role);
    return { role, address, t: record.t, n: record.n, epoch: record.epoch };
  });
}

/** A peer asks for a test signature, which says nothing but that it is one: JSON {keyId, epochId, signers, requestId}. */
async function testAsked({ signer, ring, group }: Parts, payload: Uint8Array, caller: Caller): Promise<Uint8Array> {
  const { keyId, epochId, signers, requestId } = objectOf(payload);
  if (!isHash(keyId) || !isHash(epochId) || !isHash(requestId) || !Array.isArray(signers))
    throw new Problem('session/bad-request', 'It names no key, epoch, signers and request.');
  const n = group.peers.size + 1;
  const S = signers.map((id: unknown) => partyId(Number(id), n));
  if (!S.includes(peerOf(caller))) throw new Problem('session/bad-request', 'Who asks for a test signature is among its signers.');
  await signer.test(ring.at({ keyId, epochId }), S, fromHex(requestId));
  return NOTHING;
}

/** What a restored node has lost and this one has not (digest 11.3): what was released within the last day, and every poisoning. Bigints as decimal strings. */
function memoryOf({ counters, poisonings }: NodeStore): unknown {
  const spent = counters.spent.map(({ digest, atMs, debits }) => ({
    digest,
    atMs,
    debits: debits.map((debit) => ({ ...debit, amount: String(debit.amount) })),
  }));
  return { spent, poisonings };
}

function isHash(value: unknown): value is Hex {
  return typeof value === 'string' && isHex(value, 32);
}

function json(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value));
}

function objectOf(payload: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch {
    throw new Problem('session/bad-request', 'The call is no JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Problem('session/bad-request', 'The call is no object.');
  return value as Record<string, unknown>;
}
