import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { Problem, utf8 } from '#base';
import { bodyOf, decodeStatement, encodeStatement, fingerprintOf, identityOf, makeStatement } from '#mpc/node/wire';

function seed(name: string): Uint8Array {
  return createHash('sha256').update(name).digest();
}

const isRefusal = (error: unknown): boolean => error instanceof Problem && error.code === 'wire/bad-statement';

describe('signed statements', () => {
  const [author, other] = [identityOf(seed('author')), identityOf(seed('other'))];
  const expected = { topic: 'dkg/done', author: author.fingerprint };
  const bytes = encodeStatement(makeStatement(author, 'dkg/done', utf8('it is done')));

  it('are believed of their author, on their topic', () => {
    assert.equal(Buffer.from(bodyOf(decodeStatement(bytes), expected)).toString(), 'it is done');
    assert.throws(() => bodyOf(decodeStatement(bytes), { ...expected, topic: 'refresh/done' }), isRefusal);
    assert.throws(() => bodyOf(decodeStatement(bytes), { ...expected, author: other.fingerprint }), isRefusal);
  });

  it('are refused with any bit changed, and at any length but their own', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = bytes.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => bodyOf(decodeStatement(changed), expected), isRefusal, `bit ${bit}`);
    }
    for (let length = 0; length < bytes.length; length++) assert.throws(() => bodyOf(decodeStatement(bytes.slice(0, length)), expected), isRefusal);
    assert.throws(() => bodyOf(decodeStatement(Uint8Array.of(...bytes, 0)), expected), isRefusal);
  });

  it('cannot move a byte between topic and body', () => {
    const moved = { ...makeStatement(author, 'dkg/don', utf8('eit is done')), topic: 'dkg/done', body: utf8('it is done') };
    assert.throws(() => bodyOf(moved, expected), isRefusal);
  });

  it('are by ed25519 keys only', () => {
    const foreign = { ...makeStatement(author, 'dkg/done', utf8('x')), author: utf8('x'.repeat(44)) };
    assert.throws(() => bodyOf(foreign, { topic: 'dkg/done', author: fingerprintOf(foreign.author) }), isRefusal);
  });
});
