/**
 * Commit-reveal Feldman sharing, the part that key generation (3), refresh (10.1) and reshare (11.1) have in common: everybody commits before anybody opens, so that nobody chooses its
 * polynomial by the others'; exactly as many coefficients as the threshold says; every share is checked against them; and one digest over all of it finds whoever told two parties two things.
 */
import { concat } from '#base';
import { abort } from '../primitives/abort.ts';
import { equal } from '../primitives/constantTime.ts';
import { H, list, u16 } from '../primitives/hash.ts';
import { HASH_BYTES, POINT_BYTES, SCALAR_BYTES } from '../primitives/parameters.ts';
import type { PartyId } from '../primitives/parties.ts';
import { O, pointsBytes, timesG, type Point } from '../primitives/points.ts';
import { evaluateInExponent } from '../primitives/polynomials.ts';
import { scalarBytes } from '../primitives/scalars.ts';
import { frame, unframe, type Inbox } from './rounds.ts';

export interface Dealing {
  readonly name: 'dkg' | 'refresh' | 'reshare';
  readonly sid: Uint8Array;
  /** In id order. */
  readonly dealers: readonly PartyId[];
  /** How many coefficients an opening shows: a longer vector would silently raise the threshold, a shorter one lower it. */
  readonly coefficients: number;
  /** Byte lengths of what follows them; the salt is the last. */
  readonly rest: readonly number[];
}

export interface Opening {
  /** A_{i,k} in order of k. */
  readonly A: readonly Point[];
  readonly rest: readonly Uint8Array[];
  /** As it was sent: what is hashed is the received bytes. */
  readonly body: Uint8Array;
}

export function openingOf(A: readonly Point[], rest: readonly Uint8Array[]): Opening {
  return { A, rest, body: concat(...pointsBytes(A), ...rest) };
}

/** C_i = H("dkg-com/v1"; sid, i, A_i vector, the rest, salt_i) (D1), and alike for refresh and reshare. */
export function commitmentTo({ name, sid, coefficients }: Dealing, dealer: PartyId, { body, rest }: Opening): Uint8Array {
  const points = Array.from({ length: coefficients }, (_, k) => body.subarray(k * POINT_BYTES, (k + 1) * POINT_BYTES));
  return H(`${name}-com/v1`, sid, u16(dealer), list(points, POINT_BYTES), ...rest);
}

export function commitmentMessage(dealing: Dealing, dealer: PartyId, commitment: Uint8Array): Uint8Array {
  return frame({ kind: `${dealing.name}/commitment`, sid: dealing.sid, from: dealer }, commitment);
}

export function readCommitments({ name, sid }: Dealing, inbox: Inbox): Map<PartyId, Uint8Array> {
  return new Map([...inbox].map(([from, bytes]) => [from, unframe(bytes, { kind: `${name}/commitment`, sid, from }, HASH_BYTES).bytes(HASH_BYTES)]));
}

export function openingMessage(dealing: Dealing, dealer: PartyId, opening: Opening): Uint8Array {
  return frame({ kind: `${dealing.name}/opening`, sid: dealing.sid, from: dealer }, opening.body);
}

/** Reads every opening: exactly the coefficients, none of them O (which has no encoding), and C_j opens (D3); mpc/bad-opening names who opened something else. */
export function readOpenings(dealing: Dealing, commitments: ReadonlyMap<PartyId, Uint8Array>, inbox: Inbox): Map<PartyId, Opening> {
  const { name, sid, coefficients, rest } = dealing;
  const bodyBytes = rest.reduce((total, length) => total + length, coefficients * POINT_BYTES);
  return new Map(
    [...inbox].map(([from, bytes]) => {
      const place = { kind: `${name}/opening`, sid, from } as const;
      const reader = unframe(bytes, place, bodyBytes);
      const A = Array.from({ length: coefficients }, () => reader.point());
      const strings = rest.map((length) => reader.bytes(length));
      reader.end();
      const opening: Opening = { A, rest: strings, body: bytes.slice(bytes.length - bodyBytes) };
      if (!equal(commitmentTo(dealing, from, opening), commitments.get(from) ?? new Uint8Array()))
        throw abort('mpc/bad-opening', from, `Party ${from} opened something else than it had committed to.`);
      return [from, opening];
    }),
  );
}

/** s_{i->j} = f_i(j), for the eyes of P_j alone (D2). */
export function shareMessage({ name, sid }: Dealing, from: PartyId, to: PartyId, s: bigint, ...more: readonly Uint8Array[]): Uint8Array {
  return frame({ kind: `${name}/share`, sid, from, to }, scalarBytes(s), ...more);
}

export interface ReceivedShare {
  readonly s: bigint;
  readonly more: Uint8Array;
}

/** Reads the shares dealt to `own`, each below q, and `moreBytes` that follow each. */
export function readShares({ name, sid }: Dealing, own: PartyId, inbox: Inbox, moreBytes = 0): Map<PartyId, ReceivedShare> {
  return new Map(
    [...inbox].map(([from, bytes]) => {
      const reader = unframe(bytes, { kind: `${name}/share`, sid, from, to: own }, SCALAR_BYTES + moreBytes);
      const s = reader.scalar();
      const more = reader.bytes(moreBytes);
      reader.end();
      return [from, { s, more }];
    }),
  );
}

/** s_{j->i} G == sum_k i^k A_{j,k} (D3), `A` from k = 0 on; mpc/bad-share names the dealer. */
export function checkShare(dealer: PartyId, A: readonly Point[], own: PartyId, s: bigint): void {
  if (!timesG(s).equals(evaluateInExponent(A, own)))
    throw abort('mpc/bad-share', dealer, `The share of party ${dealer} for party ${own} is not on its polynomial.`);
}

/** sum_m A_{m,k} for every k: the commitments to the sum of all polynomials. */
export function sumOfVectors(vectors: readonly (readonly Point[])[]): Point[] {
  return vectors[0]!.map((_, k) => vectors.reduce((total, A) => total.add(A[k]!), O));
}

/** E_i = H("dkg-echo/v1"; sid, C_1..C_n, openings in id order) (D3). */
export function echoOf({ name, sid, dealers }: Dealing, commitments: ReadonlyMap<PartyId, Uint8Array>, openings: ReadonlyMap<PartyId, Opening>): Uint8Array {
  const bodies = dealers.map((dealer) => openings.get(dealer)!.body);
  return H(
    `${name}-echo/v1`,
    sid,
    list(
      dealers.map((dealer) => commitments.get(dealer)!),
      HASH_BYTES,
    ),
    list(bodies, bodies[0]!.length),
  );
}

/** E_j == E_i for every j (D4), else somebody equivocated, and nobody can say who: it may be a dealer, or whoever echoes. */
export function checkEcho(own: Uint8Array, from: PartyId, echo: Uint8Array): void {
  if (!equal(own, echo)) throw abort('mpc/echo-differs', null, `Party ${from} was shown other commitments or openings, or says so.`);
}
