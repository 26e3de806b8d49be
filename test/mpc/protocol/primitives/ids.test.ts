import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { context, epochId, id32, pairId, sessionId, setupSessionId, type Context, type SetupId } from '../../../../mpc/protocol/primitives/ids.ts';
import { partyId, sortedParties } from '../../../../mpc/protocol/primitives/parties.ts';
import { G, pointOf, timesG, timesPublic, xOfMultiples } from '../../../../mpc/protocol/primitives/points.ts';
import { invert, q, randomNonZeroScalar, scalarBytes } from '../../../../mpc/protocol/primitives/scalars.ts';
import { concat, uintBytes, utf8 } from '#base';

const some = (length = 32): Uint8Array => new Uint8Array(randomBytes(length));

/** SHA-256 of len32(part) || part of the tag and every part (2.1), written out. */
function digest(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of [utf8(tag), ...parts]) hash.update(uintBytes(part.length, 4)).update(part);
  return new Uint8Array(hash.digest());
}

const counted = (...items: readonly Uint8Array[]): Uint8Array => concat(uintBytes(items.length, 4), ...items);
const two = (value: number): Uint8Array => uintBytes(value, 2);

describe('the identities', () => {
  it('of an epoch and of its context are the hashes of 2.5, every fact in its place', () => {
    const [attempt, publicKey, chainCode, keyId] = [some(), some(65), some(), some()];
    const [publicShares, identities] = [
      [some(65), some(65), some(65)],
      [some(), some(), some()],
    ];
    const epoch = epochId({ attempt, epoch: 7, publicKey, publicShares, chainCode, identities });
    assert.deepEqual(epoch, digest('epoch/v1', attempt, uintBytes(7, 4), publicKey, counted(...publicShares), chainCode, counted(...identities)));
    assert.deepEqual(
      context({ keyId: id32(keyId), epochId: epoch, n: 3, t: 2, publicKey }),
      digest('ctx/v1', utf8('cairn-dkls23/1'), utf8('secp256k1'), keyId, epoch, two(3), two(2), counted(two(1), two(2), two(3)), publicKey),
    );
  });

  it('of a signing session is the hash of 2.6: key and epoch, signers, path, tau, m, request, and what each signer drew and decided by', () => {
    const [ctx, m, requestId] = [id32<Context>(some()), some(), some()];
    const slots = [0, 1].map(() => ({ nonce: some(), policyHash: some() }));
    assert.deepEqual(
      sessionId({ ctx, signers: sortedParties([3, 1], 3), path: [44, 2 ** 31 - 1], tweak: 5n, digest: m, requestId, slots }),
      digest(
        'sign-sid/v1',
        ctx,
        counted(two(1), two(3)),
        counted(uintBytes(44, 4), uintBytes(2 ** 31 - 1, 4)),
        scalarBytes(5n),
        m,
        requestId,
        counted(...slots.map(({ nonce, policyHash }) => concat(nonce, policyHash))),
      ),
    );
  });

  it('of a set-up and of one direction of a pair are the hashes of 4 and 2.6, and the two directions have different ones', () => {
    const [ctx, nonceI, nonceJ, sid, setupId] = [id32<Context>(some()), some(), some(), some(), id32<SetupId>(some())];
    const [first, second] = [partyId(1, 2), partyId(2, 2)];
    assert.deepEqual(setupSessionId(ctx, first, second, 9, nonceI, nonceJ), digest('setup-sid/v1', ctx, two(1), two(2), uintBytes(9, 4), nonceI, nonceJ));
    assert.throws(() => setupSessionId(ctx, second, first, 9, nonceI, nonceJ), /lower party/);
    assert.deepEqual(pairId(id32(sid), second, first, setupId), digest('pair/v1', sid, two(2), two(1), setupId));
    assert.notDeepEqual(pairId(id32(sid), first, second, setupId), pairId(id32(sid), second, first, setupId));
  });
});

describe('native multiplication', () => {
  it('by a secret gives the x that noble gives, also where it begins with zeros', () => {
    const random = (length: number): Uint8Array => some(length);
    const k = randomNonZeroScalar(random);
    // k P = j G for a P made to fit; among the first 400 multiples of G there are some whose x begins with a zero byte.
    const wanted = Array.from({ length: 400 }, (_, i) => timesPublic(G, BigInt(i + 1))).filter((point, i) => i < 20 || point.toBytes(false)[1] === 0);
    assert.ok(wanted.length > 20);
    const xs = xOfMultiples(
      k,
      wanted.map((point) => timesPublic(point, invert(k)).toBytes(false)),
    );
    assert.deepEqual(
      xs,
      wanted.map((point) => point.toBytes(false).slice(1, 33)),
    );
    assert.deepEqual(xOfMultiples(q - 1n, [timesG(9n).toBytes(false)])[0], timesG(9n).toBytes(false).slice(1, 33));
  });

  it('is offered no point that spells (0, 0)', () => {
    assert.equal(pointOf(concat(Uint8Array.of(4), new Uint8Array(64))), null);
  });
});
