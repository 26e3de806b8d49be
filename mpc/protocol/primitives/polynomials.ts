import type { RandomBytes } from '#base';
import { G, O, timesPublic, type Point } from './points.ts';
import type { PartyId } from './parties.ts';
import { lagrange } from './parties.ts';
import { mod, randomNonZeroScalar, randomScalar } from './scalars.ts';

/** f(X) = sum_k a_k X^k, lowest coefficient first. */
export type Polynomial = readonly bigint[];

/** `coefficients` uniform coefficients, the highest of them not 0, so that the degree is what it says (D1); the lowest is `constant` where one is given (10.1, 11.1). */
export function randomPolynomial(coefficients: number, random: RandomBytes, constant?: bigint): Polynomial {
  return Array.from({ length: coefficients }, (_, k) => {
    if (k === 0 && constant !== undefined) return constant;
    return k === coefficients - 1 ? randomNonZeroScalar(random) : randomScalar(random);
  });
}

/** f(i) mod q by Horner's rule. */
export function evaluate(f: Polynomial, i: PartyId): bigint {
  let value = 0n;
  for (let k = f.length - 1; k >= 0; k--) value = mod(value * BigInt(i) + f[k]!);
  return value;
}

/** f(i) G = sum_k i^k A_k (D3): what a Feldman share must be. i and A are public, so variable time. */
export function evaluateInExponent(A: readonly Point[], i: PartyId): Point {
  let value = O;
  for (let k = A.length - 1; k >= 0; k--) value = timesPublic(value, BigInt(i)).add(A[k]!);
  return value;
}

/** sum_{i in S} lambda_i P_i: the value at 0 of the polynomial whose shares in the exponent are P_i; S in the order of `points`. */
export function interpolateInExponent(S: readonly PartyId[], points: readonly Point[]): Point {
  return S.reduce((total, i, index) => total.add(timesPublic(points[index]!, lagrange(i, S))), O);
}

/** Every a_k G. */
export function commitments(f: Polynomial): Point[] {
  return f.map((a) => (a === 0n ? O : G.multiply(a)));
}
