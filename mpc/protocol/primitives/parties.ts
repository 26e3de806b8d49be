import { assert, Problem } from '#base';
import { list, u16 } from './hash.ts';
import { invert, mod } from './scalars.ts';

/** 1..n, fixed at key generation; u16 BE where encoded (2.2). Also the party's Shamir node, so never 0 and far below q. */
export type PartyId = number & { readonly __party: 'id' };

/** How many there are and how many must sign: t - 1 of them may be corrupt. */
export interface Threshold {
  readonly n: number;
  readonly t: number;
}

/** t >= 2, for with t = 1 one node is the key; n <= 255, which is far more than anyone deploys. */
export function checkThreshold({ n, t }: Threshold): void {
  if (!Number.isInteger(n) || !Number.isInteger(t) || t < 2 || t > n || n > 255)
    throw new Problem('mpc/bad-parameters', `${t} of ${n} is no threshold: 2 <= t <= n <= 255.`);
}

/** A party id of 1..n; mpc/bad-parameters where it is not (0 is the key itself, a larger one nobody's). */
export function partyId(value: number, n: number): PartyId {
  if (!Number.isInteger(value) || value < 1 || value > n) throw new Problem('mpc/bad-parameters', `${value} is no party of 1..${n}.`);
  return value as PartyId;
}

export function allParties(n: number): PartyId[] {
  return Array.from({ length: n }, (_, index) => partyId(index + 1, n));
}

/** The ids in order, each of 1..n and each once; mpc/bad-parameters otherwise. */
export function sortedParties(ids: readonly number[], n: number): PartyId[] {
  const sorted = ids.map((id) => partyId(id, n)).sort((a, b) => a - b);
  if (new Set(sorted).size !== sorted.length) throw new Problem('mpc/bad-parameters', `A party is named twice in ${ids.join(', ')}.`);
  return sorted;
}

/** The signers S of one session: exactly t distinct parties, in order, `own` among them. */
export function signerSet(ids: readonly number[], { n, t }: Threshold, own: PartyId): PartyId[] {
  const sorted = sortedParties(ids, n);
  if (sorted.length !== t) throw new Problem('mpc/bad-parameters', `${sorted.length} signers are named; exactly ${t} sign.`);
  if (!sorted.includes(own)) throw new Problem('mpc/bad-parameters', `Party ${own} is not among the signers ${sorted.join(', ')}.`);
  return sorted;
}

/** S as one part of a hash. */
export function partiesPart(ids: readonly PartyId[]): Uint8Array {
  return list(ids.map(u16), 2);
}

/** lambda_i = prod_{j in S, j != i} j / (j - i) mod q (7): the weight of x_i at 0 when exactly S interpolate. */
export function lagrange(i: PartyId, S: readonly PartyId[]): bigint {
  assert(S.includes(i) && new Set(S).size === S.length, 'a Lagrange coefficient is of one of distinct parties');
  let numerator = 1n;
  let denominator = 1n;
  for (const j of S) {
    if (j === i) continue;
    numerator = mod(numerator * BigInt(j));
    denominator = mod(denominator * BigInt(j - i));
  }
  return mod(numerator * invert(denominator));
}
