import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { shake256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import { masked, shakes, weighed } from '../../../../mpc/protocol/kernel/kernel.ts';
import { mod, q } from '../../../../mpc/protocol/primitives/scalars.ts';
import { concat, uintBytes } from '#base';

const XI = 416;
const END = 2n ** 256n;

/** Where carries, borrows and reductions have their edges: limbs of 26 bits, q and 2^256 - q, and numbers full of ones. */
const EDGES = [0n, 1n, q - 1n, q, q + 1n, END - q, END - 1n, END >> 1n, (1n << 234n) - 1n, 1n << 234n, (1n << 26n) - 1n, END - (1n << 128n)];

/** Numbers below `end`, every second one an edge; the same of the same seed. */
function numbers(seed: number, count: number, end: bigint): bigint[] {
  const edges = EDGES.filter((edge) => edge < end);
  const bytes = shake256(Uint8Array.of(seed >> 24, seed >> 16, seed >> 8, seed), { dkLen: 33 * count });
  return Array.from({ length: count }, (_, index) => {
    const drawn = bytes.subarray(33 * index, 33 * index + 33);
    return drawn[0]! % 2 === 0 ? edges[drawn[1]! % edges.length]! : BigInt(`0x${Buffer.from(drawn.subarray(1)).toString('hex')}`) % end;
  });
}

/** By their hashes: a difference shown byte by byte takes minutes. */
function same(got: Uint8Array, wanted: Uint8Array): void {
  assert.equal(hash('sha256', got), hash('sha256', wanted));
}

const vector = (values: readonly bigint[]): Uint8Array => concat(...values.map((value) => uintBytes(value, 32)));
const bit = (bits: Uint8Array, j: number): bigint => BigInt((bits[j >> 3]! >> (j & 7)) & 1);

/** 6.2 and 6.3 by the letter. */
function expected(gadget: bigint[], pads: bigint[], theta: bigint[], beta: Uint8Array, at: bigint[], minusEta: bigint[]): { mu: bigint[]; sums: bigint[] } {
  const dd = pads.map((pad, index) => pad + bit(beta, index >> 2) * at[index]!);
  const mu = gadget.flatMap((_, j) =>
    [0, 1].map((k) => mod(dd[4 * j + 2 + k]! + theta[k]! * dd[4 * j]! + theta[2 + k]! * dd[4 * j + 1]! + bit(beta, j) * minusEta[k]!)),
  );
  return { mu, sums: [0, 1].map((i) => mod(gadget.reduce((total, g, j) => total + g * dd[4 * j + i]!, 0n))) };
}

describe('the kernel of the multiplication', function () {
  this.timeout(0);

  it('hashes as noble does, one block of every length and every length of output', () => {
    for (let size = 0; size < 136; size += 5)
      for (const [count, length] of [
        [2, 4],
        [6, 68],
        [416, 128],
      ] as const) {
        const template = new Uint8Array(randomBytes(size));
        const messages = Array.from({ length: count }, (_, i) => {
          const message = template.slice();
          if (size > 1) message.set([i >> 8, i], size - 2);
          return message;
        });
        const hashes = shakes(template, count, length, (bytes, at, i) => {
          if (size > 1) bytes.set([i >> 8, i], at + size - 2);
        });
        same(hashes, concat(...messages.map((message) => shake256(message, { dkLen: length }))));
      }
  });

  it('masks, weighs and sums as BigInt does, at every edge of its limbs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0 }), fc.uint8Array({ minLength: 52, maxLength: 52 }), (seed, beta) => {
        const draw = (index: number, count: number, end: bigint): bigint[] => numbers(seed ^ (index << 20), count, end);
        const [pads, others, inputs] = [draw(1, 4 * XI, END), draw(2, 4 * XI, END), draw(3, 4, q)];
        const [gadget, theta, minusEta] = [draw(4, XI, q), draw(5, 4, q), draw(6, 2, q)];
        const at = pads.map((pad, index) => mod(pad - others[index]! + inputs[index % 4]!));
        same(masked(vector(pads), vector(others), inputs), vector(at));
        for (const choice of [beta, null]) {
          const { mu, sums } = expected(gadget, pads, theta, choice ?? new Uint8Array(52), at, minusEta);
          const got = weighed(vector(gadget), vector(pads), theta, choice ? { beta: choice, at: vector(at), minusEta } : undefined);
          same(got.mu, vector(mu));
          assert.deepEqual(got.sums, sums);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('does not overflow where every number is as large as it can be', () => {
    const [pads, zeros, highest] = [Array<bigint>(4 * XI).fill(END - 1n), Array<bigint>(4 * XI).fill(0n), Array<bigint>(XI).fill(q - 1n)];
    const [theta, minusEta, beta] = [highest.slice(0, 4), highest.slice(0, 2), new Uint8Array(52).fill(255)];
    same(masked(vector(pads), vector(zeros), theta), vector(pads.map((pad) => mod(pad + q - 1n))));
    same(masked(vector(zeros), vector(pads), [0n, 0n, 0n, 0n]), vector(pads.map((pad) => mod(-pad))));
    const at = Array<bigint>(4 * XI).fill(q - 1n);
    const { mu, sums } = expected(highest, pads, theta, beta, at, minusEta);
    const got = weighed(vector(highest), vector(pads), theta, { beta, at: vector(at), minusEta });
    same(got.mu, vector(mu));
    assert.deepEqual(got.sums, sums);
    // Limbs of nothing but ones in every operand: the largest columns there are.
    const ones = Array<bigint>(XI).fill(END - 1n);
    assert.deepEqual(weighed(vector(ones), vector(pads), theta, { beta, at: vector(at), minusEta }).sums, expected(ones, pads, theta, beta, at, minusEta).sums);
  });

  it('keeps nothing of what it was given or made, and takes nothing of another length', () => {
    const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
    let memory: Uint8Array = new Uint8Array();
    const calls = (): unknown[] => {
      const [pads, scalars] = [random(128 * XI), [7n, 8n, 9n, 10n]];
      return [
        () => shakes(random(100), 416, 128, (bytes) => (memory = bytes)),
        () => masked(pads, random(128 * XI), scalars),
        () => weighed(random(32 * XI), pads, scalars, { beta: random(52), at: random(128 * XI), minusEta: [5n, 6n] }),
      ].map((call) => {
        call();
        return hash('sha256', memory);
      });
    };
    assert.equal(new Set([...calls(), ...calls()]).size, 1);

    const pads = random(128 * XI);
    assert.throws(() => masked(pads.subarray(1), pads, [0n, 0n, 0n, 0n]), /assertion failed/);
    assert.throws(() => masked(pads, pads, [0n, 0n, 0n]), /assertion failed/);
    assert.throws(() => shakes(new Uint8Array(136), 2, 4, () => undefined), /assertion failed/);
  });
});
