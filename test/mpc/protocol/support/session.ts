/** A signing session of several parties in one process, step by step, with a hand on every message. */
import {
  acceptSigning,
  combine,
  signRound1,
  signRound2,
  signRound3,
  type Aborted,
  type Inbox,
  type Outgoing,
  type PartyId,
  type Signed,
  type Slot,
} from '#mpc/protocol';
import { random, type Party } from './dealer.ts';

export interface SessionOptions {
  readonly signers: readonly Party[];
  readonly digest: Uint8Array;
  readonly path?: readonly number[];
}

/** What may be changed on its way: the bytes of a round from one party to another. */
export type Tamper = (round: 1 | 2 | 3, from: PartyId, to: PartyId, bytes: Uint8Array) => Uint8Array;

export type Ending = Signed | Aborted;

/** What each party ended with; a party that waits in vain for one that aborted has null. */
export type Endings = ReadonlyMap<PartyId, Ending | null>;

const honest: Tamper = (_round, _from, _to, bytes) => bytes;

/** Accepts at every signer, and gives every signer the slots of all. */
export function acceptAll({ signers, digest, path = [] }: SessionOptions): {
  readonly acceptances: readonly ReturnType<typeof acceptSigning>[];
  readonly slots: ReadonlyMap<PartyId, Slot>;
} {
  const requestId = random(32);
  const ids = signers.map(({ key }) => key.id);
  const acceptances = signers.map(({ key }) => acceptSigning({ key, signers: ids, path, digest, requestId }, random(32), random));
  return { acceptances, slots: new Map(acceptances.map(({ slot }, index) => [ids[index]!, slot])) };
}

/** Runs the whole session. A round in which somebody aborted goes on for those whose messages are all there. */
export function runSession(options: SessionOptions, tamper: Tamper = honest): Endings {
  const { acceptances, slots } = acceptAll(options);
  const ids = options.signers.map(({ key }) => key.id);
  const endings = new Map<PartyId, Ending | null>(ids.map((id) => [id, null]));

  const first = new Map(options.signers.map(({ key, pairs }, index) => [key.id, signRound1(acceptances[index]!.acceptance, slots, pairs, random)]));
  const second = advance(first, (state, inbox) => signRound2(state, inbox, random), deliver(1, first, tamper), endings);
  const third = advance(second, (state, inbox) => signRound3(state, inbox, random), deliver(2, second, tamper), endings);
  const released = new Map(
    [...third].map(([id, release]) => [id, { ...release, messages: ids.filter((to) => to !== id).map((to) => ({ to, bytes: release.bytes })) }]),
  );
  for (const [id, { next }] of released) {
    const inbox = deliver(3, released, tamper)(id);
    if (inbox.size === ids.length - 1) endings.set(id, combine(next, inbox));
  }
  return endings;
}

function deliver(round: 1 | 2 | 3, steps: ReadonlyMap<PartyId, { readonly messages: readonly Outgoing[] }>, tamper: Tamper): (to: PartyId) => Inbox {
  return (to) =>
    new Map(
      [...steps].flatMap(([from, { messages }]) =>
        messages.filter((message) => message.to === to).map(({ bytes }) => [from, tamper(round, from, to, bytes.slice())] as const),
      ),
    );
}

function advance<Step extends { readonly next: unknown }, Next extends { readonly kind: string }>(
  steps: ReadonlyMap<PartyId, Step>,
  round: (state: Step['next'], inbox: Inbox) => Next | Aborted,
  inboxOf: (to: PartyId) => Inbox,
  endings: Map<PartyId, Ending | null>,
): Map<PartyId, Next> {
  const advanced = new Map<PartyId, Next>();
  for (const [id, { next }] of steps) {
    const inbox = inboxOf(id);
    if (inbox.size !== endings.size - 1) continue;
    const outcome = round(next, inbox);
    if (outcome.kind === 'abort') endings.set(id, outcome as Aborted);
    else advanced.set(id, outcome as Next);
  }
  return advanced;
}

export interface Recorded {
  readonly endings: Endings;
  /** By round, sender and receiver: "2 1 3". */
  readonly messages: ReadonlyMap<string, Uint8Array>;
}

/** An honest session and all that was sent in it. */
export function recordSession(options: SessionOptions): Recorded {
  const messages = new Map<string, Uint8Array>();
  const endings = runSession(options, (round, from, to, bytes) => {
    messages.set(`${round} ${from} ${to}`, bytes.slice());
    return bytes;
  });
  return { endings, messages };
}
