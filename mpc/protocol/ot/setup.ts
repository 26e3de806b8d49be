/**
 * The set-up of one pair in one epoch (digest section 4): zero-sharing seeds and base OTs in both directions, as one run of three simultaneous messages. Nothing of it is ever resumed: a run that does not
 * end is started again with fresh nonces. Every message here is secret on the wire (2.4). It is slow (half a second), so callers run it in a worker, at key generation, refresh and after a poisoning.
 */
import { concat, Problem, type RandomBytes } from '#base';
import { abort, attempt, Once, type Aborted } from '../primitives/abort.ts';
import { equal } from '../primitives/constantTime.ts';
import { H } from '../primitives/hash.ts';
import { id32, setupSessionId, type Context, type SetupId, type SetupSessionId } from '../primitives/ids.ts';
import { COMPRESSED_BYTES, HASH_BYTES } from '../primitives/parameters.ts';
import type { PartyId } from '../primitives/parties.ts';
import { drawn } from '../primitives/scalars.ts';
import { Reader } from '../primitives/wire.ts';
import { choose, offer, PHIS_BYTES, receiverKeys, senderKeys, type Choice, type Offer } from './baseOt.ts';
import { Pair } from './pair.ts';
import { seedCommitment, zeroSeed } from './zeroShares.ts';

export interface SetupParameters {
  readonly ctx: Context;
  readonly own: PartyId;
  readonly peer: PartyId;
  /** Counts the runs of this pair in this epoch. */
  readonly generation: number;
}

/** The second message: com 32 || A 33 || phi_{i,0} || phi_{i,1} for every i. */
export interface SetupExchange {
  readonly commitment: Uint8Array;
  readonly A: Uint8Array;
  readonly phis: Uint8Array;
}

/** The third message: v 32 || salt 32. */
export interface SetupOpening {
  readonly v: Uint8Array;
  readonly salt: Uint8Array;
}

export const SETUP_NONCE_BYTES = HASH_BYTES;
export const SETUP_EXCHANGE_BYTES = HASH_BYTES + COMPRESSED_BYTES + PHIS_BYTES;
export const SETUP_OPENING_BYTES = 2 * HASH_BYTES;

export function encodeSetupExchange({ commitment, A, phis }: SetupExchange): Uint8Array {
  return concat(commitment, A, phis);
}

export function decodeSetupExchange(bytes: Uint8Array, from: PartyId): SetupExchange {
  const read = new Reader(bytes, SETUP_EXCHANGE_BYTES, from, 'The set-up exchange');
  const exchange = { commitment: read.bytes(HASH_BYTES), A: read.bytes(COMPRESSED_BYTES), phis: read.bytes(PHIS_BYTES) };
  read.end();
  return exchange;
}

export function encodeSetupOpening({ v, salt }: SetupOpening): Uint8Array {
  return concat(v, salt);
}

export function decodeSetupOpening(bytes: Uint8Array, from: PartyId): SetupOpening {
  const read = new Reader(bytes, SETUP_OPENING_BYTES, from, 'The set-up opening');
  const opening = { v: read.bytes(HASH_BYTES), salt: read.bytes(HASH_BYTES) };
  read.end();
  return opening;
}

/** The nonce for the peer is out, or the next message is; `next` is good for one step. */
export interface SetupStep<Next> {
  readonly kind: 'send';
  readonly bytes: Uint8Array;
  readonly next: Once<Next>;
}

export interface SetupBegun extends SetupParameters {
  readonly nonce: Uint8Array;
}

export interface SetupChosen extends SetupParameters {
  readonly sid: SetupSessionId;
  readonly opening: SetupOpening;
  readonly offer: Offer;
  readonly choice: Choice;
  /** Own second message, for the transcript. */
  readonly sent: Uint8Array;
}

export interface SetupExchanged extends SetupParameters {
  readonly sid: SetupSessionId;
  readonly opening: SetupOpening;
  readonly theirCommitment: Uint8Array;
  readonly delta: Uint8Array;
  readonly kDelta: Uint8Array;
  readonly k0: Uint8Array;
  readonly k1: Uint8Array;
  readonly sent: Uint8Array;
  readonly received: Uint8Array;
}

export interface SetupDone {
  readonly kind: 'done';
  readonly pair: Pair;
}

/** The first message: N_own, 32 fresh bytes, which make sid_setup new for this party whatever the peer sends. */
export function beginSetup(parameters: SetupParameters, random: RandomBytes): SetupStep<SetupBegun> {
  if (parameters.own === parameters.peer) throw new Problem('mpc/bad-parameters', `Party ${parameters.own} has no set-up with itself.`);
  const nonce = drawn(HASH_BYTES, random);
  return { kind: 'send', bytes: nonce, next: new Once({ ...parameters, nonce }, 'The exchange of this set-up') };
}

/** Both parties' values with the lower party's first. */
function inOrder<T>({ own, peer }: SetupParameters, mine: T, theirs: T): readonly [T, T] {
  return own < peer ? [mine, theirs] : [theirs, mine];
}

/** On the peer's nonce: draws everything of this run, and sends the commitment, the offer as Bob and the choice as Alice, which do not depend on each other. */
export function exchangeSetup(begun: Once<SetupBegun>, peerNonce: Uint8Array, random: RandomBytes): SetupStep<SetupChosen> | Aborted {
  return attempt(() => {
    const { nonce, ...parameters } = begun.take();
    const { ctx, own, peer, generation } = parameters;
    const read = new Reader(peerNonce, SETUP_NONCE_BYTES, peer, 'The set-up nonce');
    const theirNonce = read.bytes(HASH_BYTES);
    read.end();
    const sid = setupSessionId(ctx, ...inOrder(parameters, own, peer), generation, ...inOrder(parameters, nonce, theirNonce));
    const opening: SetupOpening = { v: drawn(HASH_BYTES, random), salt: drawn(HASH_BYTES, random) };
    const made = offer(random);
    const choice = choose({ sid, alice: own, bob: peer }, random);
    const commitment = seedCommitment(sid, own, peer, opening.v, opening.salt);
    const bytes = encodeSetupExchange({ commitment, A: made.A, phis: choice.phis });
    const chosen: SetupChosen = { ...parameters, sid, opening, offer: made, choice, sent: bytes };
    return { kind: 'send', bytes, next: new Once(chosen, 'The opening of this set-up') };
  });
}

/** On the peer's exchange: the keys of both directions; opens the own contribution to the zero seed. */
export function openSetup(chosen: Once<SetupChosen>, exchange: Uint8Array): SetupStep<SetupExchanged> | Aborted {
  return attempt(() => {
    const { offer: made, choice, ...rest } = chosen.take();
    const { sid, own, peer, opening } = rest;
    const theirs = decodeSetupExchange(exchange, peer);
    const kDelta = receiverKeys({ sid, alice: own, bob: peer }, choice, theirs.A);
    const [k0, k1] = senderKeys({ sid, alice: peer, bob: own }, made, theirs.phis);
    const exchanged: SetupExchanged = { ...rest, theirCommitment: theirs.commitment, delta: choice.delta, kDelta, k0, k1, received: new Uint8Array(exchange) };
    return { kind: 'send', bytes: encodeSetupOpening(opening), next: new Once(exchanged, 'The end of this set-up') };
  });
}

/** On the peer's opening: the pair's state, named by its whole transcript. The caller makes it durable before it tells anybody that it has it. */
export function finishSetup(exchanged: Once<SetupExchanged>, opening: Uint8Array): SetupDone | Aborted {
  return attempt(() => {
    const { sid, opening: mine, theirCommitment, sent, received, ...rest } = exchanged.take();
    const { own, peer } = rest;
    const theirs = decodeSetupOpening(opening, peer);
    if (!equal(seedCommitment(sid, peer, own, theirs.v, theirs.salt), theirCommitment))
      throw abort('mpc/bad-opening', peer, `Party ${peer} opened another zero seed than it had committed to.`);
    const seed = zeroSeed(sid, ...inOrder(rest, own, peer), ...inOrder(rest, mine.v, theirs.v));
    // setupId = H("setup-id/v1"; full transcript) (2.6): the nonces are in sid_setup, the two other rounds follow, the lower party first.
    const openings = inOrder(rest, encodeSetupOpening(mine), opening);
    const setupId = id32<SetupId>(H('setup-id/v1', sid, ...inOrder(rest, sent, received), ...openings));
    return { kind: 'done', pair: new Pair({ ...rest, setupId, zeroSeed: seed }) };
  });
}
