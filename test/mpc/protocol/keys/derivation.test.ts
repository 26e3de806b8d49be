import assert from 'node:assert/strict';
import { decodeBase58, encodeBase58, getBytes, HDNodeWallet, sha256 } from 'ethers';
import fc from 'fast-check';
import { acceptSigning, derive, parsePath, type KeyRecord } from '#mpc/protocol';
import { concat, toHex, uintBytes } from '#base';
import { compressedBytes, compressedPointOf, pointBytes, pointOf, timesG } from '../../../../mpc/protocol/primitives/points.ts';
import { mod, scalarOf } from '../../../../mpc/protocol/primitives/scalars.ts';
import { openSession } from '../../../../mpc/protocol/sign/session.ts';
import { recordsOf, runDkg } from '../support/ceremony.ts';
import { random } from '../support/dealer.ts';

/** The non-hardened steps of the test vectors of BIP-32: parent, index, child. */
const VECTORS = [
  // Vector 1: m/0H -> m/0H/1; m/0H/1/2H -> m/0H/1/2H/2 -> m/0H/1/2H/2/1000000000
  [
    'xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw',
    1,
    'xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ',
  ],
  [
    'xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5',
    2,
    'xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZACTj37sR62cfN7fe5JnJ7dh8zL4fiyLHV',
  ],
  [
    'xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZACTj37sR62cfN7fe5JnJ7dh8zL4fiyLHV',
    1000000000,
    'xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy',
  ],
  // Vector 2: m -> m/0; m/0/2147483647H -> /1; m/0/2147483647H/1/2147483646H -> /2
  [
    'xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB',
    0,
    'xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH',
  ],
  [
    'xpub6ASAVgeehLbnwdqV6UKMHVzgqAG8Gr6riv3Fxxpj8ksbH9ebxaEyBLZ85ySDhKiLDBrQSARLq1uNRts8RuJiHjaDMBU4Zn9h8LZNnBC5y4a',
    1,
    'xpub6DF8uhdarytz3FWdA8TvFSvvAh8dP3283MY7p2V4SeE2wyWmG5mg5EwVvmdMVCQcoNJxGoWaU9DCWh89LojfZ537wTfunKau47EL2dhHKon',
  ],
  [
    'xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL',
    2,
    'xpub6FnCn6nSzZAw5Tw7cgR9bi15UV96gLZhjDstkXXxvCLsUXBGXPdSnLFbdpq8p9HmGsApME5hQTZ3emM2rnY5agb9rXpVGyy3bdW6EEgAtqt',
  ],
] as const;

interface Extended {
  readonly publicKey: Uint8Array;
  readonly chainCode: Uint8Array;
}

/** version 4 || depth 1 || fingerprint 4 || index 4 || chain code 32 || key 33 || checksum 4 (BIP-32). */
function extended(xpub: string): Extended {
  const bytes = uintBytes(decodeBase58(xpub), 82);
  return { chainCode: bytes.slice(13, 45), publicKey: pointBytes(compressedPointOf(bytes.slice(45, 78))!) };
}

describe('derivation', () => {
  it('T-16 passes every non-hardened step of the public vectors of BIP-32', () => {
    for (const [parent, index, child] of VECTORS) {
      const { publicKey, chainCode } = derive(extended(parent), [index]);
      assert.deepEqual({ publicKey, chainCode }, extended(child));
    }
    const [, two, three] = VECTORS;
    const whole = derive(extended(two[0]), [two[1], three[1]]);
    assert.deepEqual({ publicKey: whole.publicKey, chainCode: whole.chainCode }, extended(three[2]));
  });

  it('T-16 derives what another library derives, and what the tweaked shares make', () => {
    const [one, two] = recordsOf(runDkg(2, 2)) as [KeyRecord, KeyRecord];
    const path = fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(path, (steps) => {
        const { tweak, publicKey, chainCode } = derive(one, steps);
        const theirs = HDNodeWallet.fromExtendedKey(xpubOf(one)).derivePath(steps.join('/'));
        assert.equal(toHex(compressedBytes(pointOf(publicKey)!)), theirs.publicKey);
        assert.equal(toHex(chainCode), theirs.chainCode);
        // lambda_1 = 2, lambda_2 = -1: the weights sum to 1, so each party adds tau to its own share.
        const x = mod(2n * (scalarOf(one.share)! + tweak) - (scalarOf(two.share)! + tweak));
        assert.deepEqual(pointBytes(timesG(x)), publicKey);
      }),
      { numRuns: 20 },
    );
  });

  it('leaves the root as it is for the empty path', () => {
    const [record] = recordsOf(runDkg(2, 2));
    assert.deepEqual(derive(record!, []), { tweak: 0n, publicKey: record!.publicKey, chainCode: record!.chainCode });
  });

  it('refuses hardened steps, however they are written, and what is no path', () => {
    const [record] = recordsOf(runDkg(2, 2));
    for (const path of ["m/0'", 'm/44h/0', 'm/1/2H', 'm/2147483648']) assert.throws(() => parsePath(path), /mpc\/hardened-path/, path);
    for (const path of [[2 ** 31], [0, 2 ** 32 - 1]]) assert.throws(() => derive(record!, path), /mpc\/hardened-path/);
    for (const path of ['', 'm/', '0/1', 'M/0', 'm/-1', 'm/01', 'm/1.5', 'm/0x1', 'm//1', 'm/4294967296', "m/0''", 'm/9999999999'])
      assert.throws(() => parsePath(path), /mpc\/bad-path/, path);
    for (const path of [[-1], [0.5], [Number.NaN], [2 ** 32], Array.from({ length: 256 }, () => 0)])
      assert.throws(() => derive(record!, path), /mpc\/bad-path/);
    assert.deepEqual(parsePath('m'), []);
    assert.deepEqual(parsePath('m/44/60/0'), [44, 60, 0]);
  });

  it('T-16 binds path, tweak and key of a signature into its session: another path is another sid', () => {
    const [record] = recordsOf(runDkg(2, 3));
    const requestId = random(32);
    const digest = random(32);
    const nonce = random(32);
    const sidOf = (path: readonly number[]): Uint8Array => {
      const { slot, acceptance } = acceptSigning({ key: record!, signers: [1, 2], path, digest, requestId }, new Uint8Array(32), () => nonce);
      return openSession(acceptance, new Map([1, 2].map((id) => [id as KeyRecord['id'], slot]))).sid;
    };
    assert.deepEqual(sidOf([1, 2]), sidOf([1, 2]));
    const sids = [[], [0], [1], [1, 2], [2, 1], [1, 2, 0]].map((path) => Buffer.from(sidOf(path)).toString('hex'));
    assert.equal(new Set(sids).size, sids.length);
    assert.throws(() => sidOf([2 ** 31]), /mpc\/hardened-path/);
  });
});

/** The xpub of a root: what another library reads. */
function xpubOf({ publicKey, chainCode }: Extended): string {
  const bytes = concat(uintBytes(0x0488b21e, 4), new Uint8Array(9), chainCode, compressedBytes(pointOf(publicKey)!));
  return encodeBase58(concat(bytes, getBytes(sha256(sha256(bytes))).slice(0, 4)));
}
