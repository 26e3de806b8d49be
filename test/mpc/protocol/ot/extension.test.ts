import assert from 'node:assert/strict';
import fc from 'fast-check';
import { rowsOf } from '../../../../mpc/protocol/ot/columns.ts';
import { checkExtension, extend, EXTENSION_BYTES, pads } from '../../../../mpc/protocol/ot/extension.ts';
import { hashColumn, weights } from '../../../../mpc/protocol/ot/gf128.ts';
import { id32, type PairId } from '../../../../mpc/protocol/primitives/ids.ts';
import { dealKey, dealPair, random } from '../support/dealer.ts';
import * as reference from '../support/reference.ts';
import { concat, uintBytes } from '#base';

const { keys } = dealKey(2, 2);

const bytesOfPads = (pads: readonly bigint[][]): Uint8Array => concat(...pads.flat().map((value) => uintBytes(value, 32)));

/** One direction of a fresh pair: Bob's keys, Alice's, and a session. */
function direction(): { readonly s: PairId; readonly bob: { k0: Uint8Array; k1: Uint8Array }; readonly alice: { delta: Uint8Array; kDelta: Uint8Array } } {
  const [bob, alice] = dealPair(keys[0]!, keys[1]!);
  return { s: id32(random(32)), bob: bob.secrets, alice: alice.secrets };
}

describe('the OT extension', function () {
  this.timeout(0);

  it('sends what the digest says, byte by byte', () => {
    const { s, bob } = direction();
    const x = random(68);
    assert.deepEqual(
      extend(s, bob, () => x),
      {
        message: reference.extension(s, bob.k0, bob.k1, reference.littleEndian(x)),
        beta: x.slice(0, 52),
        gamma: bytesOfPads(reference.pads(s, reference.columnsOfBob(s, bob.k0))),
      },
    );
  });

  it('gives Bob one pad of each row, the one that his bit names, and Alice both', () => {
    const { s, bob, alice } = direction();
    const { message, beta, gamma } = extend(s, bob, random);
    assert.equal(message.length, EXTENSION_BYTES);
    const columns = checkExtension(s, alice, message);
    assert.ok(columns);
    const { alpha0, alpha1 } = pads(s, alice.delta, columns);
    const ofAlice = reference.columnsOfAlice(s, reference.littleEndian(alice.delta), alice.kDelta, message);
    assert.deepEqual(alpha0, bytesOfPads(reference.pads(s, ofAlice)));
    assert.deepEqual(alpha1, bytesOfPads(reference.pads(s, ofAlice, reference.littleEndian(alice.delta))));
    const row = (of: Uint8Array, j: number): Uint8Array => of.subarray(128 * j, 128 * j + 128);
    for (let j = 0; j < 416; j++) {
      const bit = (beta[j >> 3]! >> (j & 7)) & 1;
      assert.deepEqual(row(gamma, j), row(bit ? alpha1 : alpha0, j));
      assert.notDeepEqual(row(gamma, j), row(bit ? alpha0 : alpha1, j));
    }
  });

  it('T-05 a forged column passes its check exactly if its bit of Delta is 0, so every verdict is a bit of Delta', () => {
    const { s, bob, alice } = direction();
    const x = reference.littleEndian(random(68));
    const verdicts = Array.from({ length: 40 }, (_, i) => {
      const forged = reference.extension(s, bob.k0, bob.k1, x, new Map([[i, reference.littleEndian(random(68))]]));
      return checkExtension(s, alice, forged) !== null;
    });
    assert.deepEqual(
      verdicts,
      verdicts.map((_, i) => ((alice.delta[i >> 3]! >> (i & 7)) & 1) === 0),
    );
  });

  it('T-05 an error in the check bits alone, or in one bit of the last row, is found as any other', () => {
    const { s, bob, alice } = direction();
    const chosen = [...Array(128).keys()].filter((i) => (alice.delta[i >> 3]! >> (i & 7)) & 1);
    for (const error of [1n << 543n, 1n << 416n, 1n << 415n, 1n << 384n, 1n])
      assert.equal(checkExtension(s, alice, reference.extension(s, bob.k0, bob.k1, 5n, new Map([[chosen[0]!, error]]))), null);
  });

  it('refuses a flipped bit anywhere, another session and the other direction', () => {
    const { s, bob, alice } = direction();
    const { message } = extend(s, bob, random);
    for (const at of [0, 67, 68, 8_703, 8_704, 8_719, 8_720, 8_751]) {
      const changed = message.slice();
      changed[at]! ^= 0x10;
      assert.equal(checkExtension(s, alice, changed), null, `byte ${at}`);
    }
    assert.equal(checkExtension(id32(random(32)), alice, message), null);
    assert.equal(checkExtension(s, direction().alice, message), null);
  });

  it("shows x xor x' when one session is run twice with the same keys, which is why N_i must be fresh (6.5)", () => {
    const { s, bob } = direction();
    const [x, y] = [random(68), random(68)];
    const [one, two] = [extend(s, bob, () => x).message, extend(s, bob, () => y).message];
    for (let k = 0; k < 68; k++) assert.equal(one[k]! ^ two[k]!, x[k]! ^ y[k]!);
    const other = extend(id32(random(32)), bob, () => y).message;
    assert.ok([...Array(68).keys()].some((k) => (one[k]! ^ other[k]!) !== (x[k]! ^ y[k]!)));
  });
});

describe('the bits of the extension', function () {
  this.timeout(0);

  it('are hashed over F128 as schoolbook multiplication does it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.uint8Array({ minLength: 68, maxLength: 68 }), (chi, v) => {
        const out = new Uint32Array(4);
        hashColumn(weights(chi), new Uint32Array(v.slice().buffer), 0, out, 0);
        const elements = [0, 1, 2, 3].map((m) => reference.littleEndian(chi.slice(16 * m, 16 * m + 16)));
        assert.equal(reference.littleEndian(new Uint8Array(out.buffer)), reference.h(reference.littleEndian(v), elements));
      }),
      { numRuns: 30 },
    );
  });

  it('are transposed bit by bit', () => {
    const bytes = random(128 * 68);
    const rows = rowsOf(new Uint32Array(bytes.slice().buffer));
    for (let i = 0; i < 128; i++)
      for (let j = 0; j < 544; j++) assert.equal((rows[4 * j + (i >> 5)]! >>> (i & 31)) & 1, (bytes[68 * i + (j >> 3)]! >> (j & 7)) & 1);
  });
});
