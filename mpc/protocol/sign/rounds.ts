/**
 * Signing (digest section 7; eprint 2023/765 protocol 3.6): three rounds among t signers. What a round leaves for the next is taken once; an abort ends the session and says what must be durable before
 * anything else is sent. There is no way into the middle: a presignature is a second use of {R, phi, v} waiting to happen, and with late tweaks it is weaker than interactive signing (8).
 */
import type { Problem, RandomBytes } from '#base';
import { abort, attempt, Once, type Aborted } from '../primitives/abort.ts';
import { equal, wipe } from '../primitives/constantTime.ts';
import { H, list, u16 } from '../primitives/hash.ts';
import { pairId, type SessionId, type Slot } from '../primitives/ids.ts';
import { HASH_BYTES } from '../primitives/parameters.ts';
import { lagrange, type PartyId } from '../primitives/parties.ts';
import { G, pointOf, pointsBytes, sum, timesG, timesGBytes, timesPublic, xOfMultiples, type Point } from '../primitives/points.ts';
import { bigEndian, drawn, mod, q, randomNonZeroScalar, randomScalar } from '../primitives/scalars.ts';
import { checkInbox, type Inbox } from '../keys/rounds.ts';
import { checkExtension } from '../ot/extension.ts';
import type { Pair } from '../ot/pair.ts';
import { alice2, bob1, bob3, type BobState, type Two } from '../ot/rvole.ts';
import type { Columns } from '../ot/columns.ts';
import { zeroShare } from '../ot/zeroShares.ts';
import { decodeRound1, decodeRound2, encodeRound1, encodeRound2, encodeRound3, type Round1Message, type Round2Message } from './messages.ts';
import { openSession, type Accepted, type Session } from './session.ts';

/** One message for one signer. */
export interface Outgoing {
  readonly to: PartyId;
  readonly bytes: Uint8Array;
}

/** Messages to send, and what the next round takes. */
export interface SigningStep<Next> {
  readonly kind: 'send';
  readonly sid: SessionId;
  readonly messages: readonly Outgoing[];
  readonly next: Once<Next>;
}

/** (u_i, w_i), the same for every signer or the combiner alone. RELEASED(sid, digest) is durable, and limits are debited, before it is sent: with it the others may finish without this signer (14). */
export interface Release<Next> {
  readonly kind: 'release';
  readonly sid: SessionId;
  readonly digest: Uint8Array;
  readonly bytes: Uint8Array;
  readonly next: Once<Next>;
}

/** Everything of a session that one round hands to the next, in RAM only. */
interface Chosen {
  readonly session: Session;
  readonly pairs: ReadonlyMap<PartyId, Pair>;
  readonly r: bigint;
  readonly phi: bigint;
  readonly R: Uint8Array;
  readonly salt: Uint8Array;
  readonly com: Uint8Array;
  /** As Bob towards each peer. */
  readonly bob: ReadonlyMap<PartyId, BobState>;
}

export type AfterRound1 = Chosen;

export interface AfterRound2 extends Chosen {
  readonly sk: bigint;
  readonly pk: Point;
  /** As Alice towards each peer: (cu, cv). */
  readonly c: ReadonlyMap<PartyId, Two>;
  /** com of every peer. */
  readonly coms: ReadonlyMap<PartyId, Uint8Array>;
  readonly echo: Uint8Array;
}

/** r = x(R) mod q and the parity of y(R). */
export interface NonceR {
  readonly r: bigint;
  readonly parity: 0 | 1;
}

export interface AfterRound3 {
  readonly session: Session;
  readonly nonce: NonceR;
  readonly u: bigint;
  readonly w: bigint;
}

/** com_i = H("sign-com/v1"; sid, i, R_i, salt_i): one commitment for everybody. */
function commitment(sid: SessionId, i: PartyId, R: Uint8Array, salt: Uint8Array): Uint8Array {
  return H('sign-com/v1', sid, u16(i), R, salt);
}

/**
 * R1, from an acceptance, which is void afterwards. Refuses (throws) mpc/step-already-taken, mpc/not-the-accepted-session and mpc/pair-not-usable; `pairs` holds this party's state with every other signer.
 */
export function signRound1(
  acceptance: Once<Accepted>,
  slots: ReadonlyMap<PartyId, Slot>,
  pairs: ReadonlyMap<PartyId, Pair>,
  random: RandomBytes,
): SigningStep<AfterRound1> {
  const session = openSession(acceptance, slots);
  const { sid, ctx, peers, key } = session;
  const i = key.id;
  const mine = new Map<PartyId, Pair>();
  for (const j of peers) {
    const pair = pairs.get(j);
    if (!pair) throw abort('mpc/pair-not-usable', null, `There is no set-up with party ${j}.`);
    pair.mustServe(ctx, i, j);
    mine.set(j, pair);
  }

  const r = randomNonZeroScalar(random);
  const phi = randomNonZeroScalar(random);
  const R = timesGBytes(r); // R_i = r_i G
  const salt = drawn(HASH_BYTES, random);
  const com = commitment(sid, i, R, salt);
  const bob = new Map<PartyId, BobState>();
  const messages = peers.map((j) => {
    const { secrets } = mine.get(j)!;
    const { message, state } = bob1(pairId(sid, j, i, secrets.setupId), secrets, random); // s = pid(j, i); chi_{i,j} = state.b
    bob.set(j, state);
    return { to: j, bytes: encodeRound1({ sid, setupId: secrets.setupId, com, ot: message }) };
  });
  const chosen: AfterRound1 = { session, pairs: mine, r, phi, R, salt, com, bob };
  return { kind: 'send', sid, messages, next: new Once(chosen, 'The second round of this session') };
}

/**
 * R2, on every peer's R1. Lengths first; then sid and setupId of all, in clear; only then what depends on Delta, and nothing is made for anybody before the OT checks of all have passed (2.6, 12). A failed
 * OT check poisons the pair.
 */
export function signRound2(state: Once<AfterRound1>, inbox: Inbox, random: RandomBytes): SigningStep<AfterRound2> | Aborted {
  return attempt(() => {
    const chosen = state.take(({ session: { peers } }) => checkInbox(inbox, peers, 'First messages'));
    const { session, pairs, r, phi, R, salt, com, bob } = chosen;
    const { sid, key, peers, signers, tweak } = session;
    const i = key.id;

    const received = new Map<PartyId, Round1Message>(peers.map((j) => [j, decodeRound1(inbox.get(j)!, j)]));
    for (const [j, { sid: theirs, setupId }] of received) {
      if (!equal(theirs, sid)) throw abort('mpc/session-differs', null, `Party ${j} is in another session than party ${i}.`);
      if (!equal(setupId, pairs.get(j)!.secrets.setupId))
        throw abort('mpc/session-differs', null, `Party ${j} uses another set-up of its pair with party ${i}.`);
    }
    for (const pair of pairs.values()) pair.mustBeWhole();
    const columns = new Map<PartyId, Columns>();
    for (const [j, { ot }] of received) {
      const pair = pairs.get(j)!;
      const q = checkExtension(asAlice(sid, pair), pair.secrets, ot);
      if (!q) throw poisoned(pair, 'mpc/ot-check-failed', `The OT extension of party ${j} failed its check.`);
      columns.set(j, q);
    }

    // sk_i = lambda_i (x_i + tau) + zeta_i: a fresh additive share of the derived key, so that no long-term secret is multiplied here (15).
    const seeds = new Map(peers.map((j) => [j, pairs.get(j)!.secrets.zeroSeed]));
    const sk = mod(lagrange(i, signers) * (bigEndian(key.share) + tweak) + zeroShare(i, seeds, sid));
    const pkBytes = timesGBytes(sk); // pk_i = sk_i G
    const coms = new Map([...received].map(([j, message]) => [j, message.com]));
    const echo = H(
      'sign-echo/v1',
      sid,
      list(
        signers.map((k) => (k === i ? com : coms.get(k)!)),
        HASH_BYTES,
      ),
    ); // E_i
    const c = new Map<PartyId, Two>();
    const messages = peers.map((j) => {
      const pair = pairs.get(j)!;
      const { message, c: cj } = alice2(asAlice(sid, pair), pair.secrets.delta, columns.get(j)!, received.get(j)!.ot, { u: r, v: sk }, random);
      c.set(j, cj);
      const [Gu, Gv] = [timesGBytes(cj.u), timesGBytes(cj.v)]; // Gu_{i,j} = cu G, Gv_{i,j} = cv G
      const psi = mod(phi - bob.get(j)!.b); // psi_{i,j} = phi_i - chi_{i,j}
      return { to: j, bytes: encodeRound2({ R, salt, pk: pkBytes, Gu, Gv, psi, rvole: message, echo }) };
    });
    const next: AfterRound2 = { ...chosen, sk, pk: pointOf(pkBytes)!, c, coms, echo };
    return { kind: 'send', sid, messages, next: new Once(next, 'The third round of this session') };
  });
}

/** s where this party is Alice: pid(i, j). */
function asAlice(sid: SessionId, { secrets: { own, peer, setupId } }: Pair): ReturnType<typeof pairId> {
  return pairId(sid, own, peer, setupId);
}

/** Poisons in RAM at once; the caller makes it durable before it sends or reports anything. */
function poisoned(pair: Pair, code: 'mpc/ot-check-failed' | 'mpc/rvole-check-failed' | 'mpc/product-check-failed', detail: string): Problem {
  pair.poison();
  return abort(code, pair.secrets.peer, detail);
}

/** R3, on every peer's R2: all checks of section 7 in their order, nothing released before all peers passed. A failed check 2, 3 or 4 poisons the pair. */
export function signRound3(state: Once<AfterRound2>, inbox: Inbox, random: RandomBytes): Release<AfterRound3> | Aborted {
  return attempt(() => {
    const { session, pairs, r, phi, R, bob, sk, pk, c, coms, echo } = state.take(({ session: { peers } }) => checkInbox(inbox, peers, 'Second messages'));
    const { sid, key, peers, publicKey, digest } = session;
    const received = new Map<PartyId, Round2Message>(peers.map((j) => [j, decodeRound2(inbox.get(j)!, j)]));
    for (const pair of pairs.values()) pair.mustBeWhole();

    const alone = peers.length === 1 ? peers[0]! : null;
    const d = new Map<PartyId, Two>();
    for (const [j, message] of received) {
      if (!equal(message.echo, echo)) throw abort('mpc/echo-differs', alone, `Party ${j} saw other commitments than party ${key.id}.`); // 1
      if (!equal(commitment(sid, j, message.RBytes, message.salt), coms.get(j)!))
        throw abort('mpc/bad-opening', j, `Party ${j} opened another nonce point than it had committed to.`);
      d.set(j, multiplied(sid, pairs.get(j)!, bob.get(j)!, message, random));
    }
    const X = pointOf(publicKey)!;
    if (!sum([pk, ...[...received.values()].map((message) => message.pk)]).equals(X))
      // 5: sum_k pk_k == X + tau G
      throw abort('mpc/key-sum-differs', alone, 'The public shares of the signers do not add up to the public key.');

    const nonce = usableR(sum([pointOf(R)!, ...[...received.values()].map((message) => message.R)])); // R = sum_k R_k
    const both = (what: 'u' | 'v'): bigint => peers.reduce((total, j) => total + c.get(j)![what] + d.get(j)![what], 0n); // sum_j (c_{i,j} + d_{i,j})
    const PSI = [...received.values()].reduce((total, { psi }) => total + psi, phi); // PSI = phi_i + sum_{j != i} psi_{j,i}
    const u = mod(r * PSI + both('u'));
    const v = mod(sk * PSI + both('v'));
    const w = mod(bigEndian(digest) * phi + nonce.r * v); // w_i = m phi_i + r v_i
    const next: AfterRound3 = { session, nonce, u, w };
    return { kind: 'release', sid, digest, bytes: encodeRound3({ u, w }), next: new Once(next, 'The end of this session') };
  });
}

/** R of a signature that can be used: not O, r not 0, and x(R) below q, because Ethereum has no recovery id for the rest. An honest run meets the rest once in 2^127. */
export function usableR(R: Point): NonceR {
  if (R.is0()) throw abort('mpc/overflowing-signature', null, 'The nonce point is the identity.');
  const { x, y } = R.toAffine();
  if (x >= q || x === 0n) throw abort('mpc/overflowing-signature', null, 'The x of the nonce point is not in [1, q).');
  return { r: x, parity: (y & 1n) === 1n ? 1 : 0 };
}

/** Checks 2, 3 and 4 of one peer: (du, dv), which its committed R_j and its pk_j, and nothing else, were multiplied into. */
function multiplied(sid: SessionId, pair: Pair, state: BobState, { rvole, R, pk, Gu, Gv }: Round2Message, random: RandomBytes): Two {
  const { own, peer, setupId } = pair.secrets;
  const d = bob3(pairId(sid, peer, own, setupId), state, rvole); // 2
  wipe(state.beta, state.gamma);
  if (!d) throw poisoned(pair, 'mpc/rvole-check-failed', `The multiplication of party ${peer} failed its check.`);
  // 3: chi R_j == du G + Gu, 4: chi pk_j == dv G + Gv. OpenSSL's ladder multiplies by the secret chi in constant time but gives x alone, and x alone would pass an input of -r_j (7.3). So both sides are
  // moved by chi D, D = dG for a random d drawn after the message came: if T' = -T were moved to the same x, then 2 chi D = -(T + T') (impossible for T' = chi R, but with probability 1/q over d).
  const offset = randomScalar(random);
  const D = timesPublic(G, offset);
  const left = [R.add(D), pk.add(D)];
  const right = [timesG(mod(d.u + state.b * offset)).add(Gu), timesG(mod(d.v + state.b * offset)).add(Gv)];
  if ([...left, ...right].some((point) => point.is0())) throw poisoned(pair, 'mpc/product-check-failed', `The products of party ${peer} are the identity.`);
  const [leftR, leftPk, rightR, rightPk] = pointsBytes([...left, ...right]);
  const [xR, xPk] = xOfMultiples(state.b, [leftR!, leftPk!]);
  if (!equal(xR!, rightR!.subarray(1, 33))) throw poisoned(pair, 'mpc/product-check-failed', `Party ${peer} multiplied by something else than its nonce.`);
  if (!equal(xPk!, rightPk!.subarray(1, 33))) throw poisoned(pair, 'mpc/product-check-failed', `Party ${peer} multiplied by something else than its share.`);
  return d;
}
