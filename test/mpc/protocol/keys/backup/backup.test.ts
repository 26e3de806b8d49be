import assert from 'node:assert/strict';
import fc from 'fast-check';
import { admitRestored, deriveKeyPair, openBackup, sealBackup, signRound1, acceptSigning, type KeyRecord, type PartyId } from '#mpc/protocol';
import { concat, fromHex, utf8 } from '#base';
import { openBase, sealBase } from '../../../../../mpc/protocol/keys/backup/hpke.ts';
import { H } from '../../../../../mpc/protocol/primitives/hash.ts';
import { recordsOf, runDkg, runRefresh } from '../../support/ceremony.ts';
import { dealPair, random } from '../../support/dealer.ts';

/** RFC 9180 appendix A.2.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base mode, sequence number 0. */
const RFC = {
  info: fromHex('0x4f6465206f6e2061204772656369616e2055726e'),
  ikmE: fromHex('0x909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b'),
  pkEm: fromHex('0x1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a'),
  skEm: fromHex('0xf4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600'),
  ikmR: fromHex('0x1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df'),
  pkRm: fromHex('0x4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a'),
  skRm: fromHex('0x8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb'),
  plaintext: fromHex('0x4265617574792069732074727574682c20747275746820626561757479'),
  aad: fromHex('0x436f756e742d30'),
  ciphertext: fromHex('0x1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28'),
};

describe('HPKE, RFC 9180', () => {
  it('is the published vector of appendix A.2.1', () => {
    assert.deepEqual(deriveKeyPair(RFC.ikmE), { secretKey: RFC.skEm, publicKey: RFC.pkEm });
    assert.deepEqual(deriveKeyPair(RFC.ikmR), { secretKey: RFC.skRm, publicKey: RFC.pkRm });
    const sealed = sealBase(RFC.pkRm, RFC.info, RFC.aad, RFC.plaintext, RFC.ikmE);
    assert.deepEqual(sealed, { enc: RFC.pkEm, ciphertext: RFC.ciphertext });
    assert.deepEqual(openBase(sealed, RFC.skRm, RFC.info, RFC.aad), RFC.plaintext);
  });

  it('opens for the same key, info, associated data and bytes only, and gives nothing otherwise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 40 }), fc.nat(), (plaintext, aad, at) => {
        const { secretKey, publicKey } = deriveKeyPair(random(32));
        const sealed = sealBase(publicKey, RFC.info, aad, plaintext, random(32));
        assert.deepEqual(openBase(sealed, secretKey, RFC.info, aad), plaintext);
        const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, index) => (index === at % bytes.length ? byte ^ (1 << (at % 8)) : byte));
        assert.equal(openBase({ ...sealed, ciphertext: flip(sealed.ciphertext) }, secretKey, RFC.info, aad), undefined);
        assert.equal(openBase({ ...sealed, ciphertext: sealed.ciphertext.slice(0, at % sealed.ciphertext.length) }, secretKey, RFC.info, aad), undefined);
        assert.equal(openBase({ ...sealed, enc: flip(sealed.enc) }, secretKey, RFC.info, aad), undefined);
        assert.equal(openBase(sealed, deriveKeyPair(random(32)).secretKey, RFC.info, aad), undefined);
        assert.equal(openBase(sealed, secretKey, concat(RFC.info, Uint8Array.of(0)), aad), undefined);
        assert.equal(openBase(sealed, secretKey, RFC.info, concat(aad, Uint8Array.of(0))), undefined);
      }),
      { numRuns: 30 },
    );
  });

  it('refuses keys of small order, with which everybody would know the secret', () => {
    assert.throws(() => sealBase(new Uint8Array(32), RFC.info, RFC.aad, RFC.plaintext, random(32)));
    assert.equal(openBase({ enc: new Uint8Array(32), ciphertext: RFC.ciphertext }, RFC.skRm, RFC.info, RFC.aad), undefined);
  });
});

describe('the backup of a node', () => {
  const records = recordsOf(runDkg(2, 3)) as [KeyRecord, KeyRecord, KeyRecord];
  const [record, second] = records;
  const recovery = deriveKeyPair(random(32));
  const policyHash = random(32);
  const backup = sealBackup(record, policyHash, recovery.publicKey, random);
  const expected = { keyId: record.keyId, id: record.id };

  it('T-14 gives the share back, with everything public of the epoch and the policy hash, as RESTORED', () => {
    assert.deepEqual(openBackup(backup, recovery.secretKey, expected), { status: 'RESTORED', record, policyHash });
  });

  it('T-14 is refused in any other form than it was made in', () => {
    for (let at = 0; at < backup.length; at++) {
      const bytes = backup.slice();
      bytes[at]! ^= 1 << (at % 8);
      assert.throws(() => openBackup(bytes, recovery.secretKey, expected), /mpc\/bad-backup/, `byte ${at}`);
    }
    for (const bytes of [backup.slice(0, -1), concat(backup, Uint8Array.of(0)), new Uint8Array(), backup.slice(0, 99)])
      assert.throws(() => openBackup(bytes, recovery.secretKey, expected), /mpc\/bad-backup/);
  }).timeout(30_000);

  it('opens with the recovery key of exactly this node, for exactly this party and key', () => {
    assert.throws(() => openBackup(backup, deriveKeyPair(random(32)).secretKey, expected), /mpc\/bad-backup/);
    assert.throws(() => openBackup(backup, recovery.secretKey, { ...expected, id: second.id }), /mpc\/bad-backup/);
    assert.throws(() => openBackup(backup, recovery.secretKey, { ...expected, keyId: random(32) as KeyRecord['keyId'] }), /mpc\/bad-backup/);
    assert.throws(() => sealBackup(record, policyHash, new Uint8Array(32), random), /mpc\/bad-parameters/);
    assert.throws(() => sealBackup(record, random(31), recovery.publicKey, random), /mpc\/bad-parameters/);
  });

  it('notices a share that is not that of its public share: x_i G is checked', () => {
    const swapped = sealBackup({ ...record, share: second.share }, policyHash, recovery.publicKey, random);
    assert.throws(() => openBackup(swapped, recovery.secretKey, expected), /mpc\/bad-backup/);
  });

  it('T-14 holds no OT seed, Delta, zero seed or anything else of a pair, and not the share in clear', () => {
    const [pair] = dealPair(record, second);
    const plaintext = openBase(
      { enc: backup.slice(67, 99), ciphertext: backup.slice(99) },
      recovery.secretKey,
      utf8('cairn node backup/v1'),
      H('backup-aad/v1', backup.slice(0, 67)),
    )!;
    assert.ok(contains(plaintext, record.share), 'the scan is able to find what is there');
    for (const secret of [pair.secrets.delta, pair.secrets.zeroSeed, pair.secrets.k0.slice(0, 32), pair.secrets.kDelta.slice(0, 32)])
      assert.ok(!contains(plaintext, secret));
    // Every byte of it is accounted for: policy hash, id, share, and the epoch as it is encoded.
    assert.equal(plaintext.length, 32 + 2 + 32 + (1 + 2 + 2 + 4 + 3 * 32 + 65 + 3 * (65 + 32)));
    assert.ok(!contains(backup, record.share) && !contains(backup, record.chainCode));
  });

  it('T-14 cannot sign before section 4 was run afresh, and is let in by peers in the same epoch only', () => {
    const { record: restored } = openBackup(backup, recovery.secretKey, expected);
    const { slot, acceptance } = acceptSigning({ key: restored, signers: [1, 2], path: [], digest: random(32), requestId: random(32) }, policyHash, random);
    const outcome = (): unknown => signRound1(acceptance, new Map([1, 2].map((id) => [id as PartyId, slot])), new Map(), random);
    assert.throws(() => {
      const result = outcome() as { kind: string; abort?: { problem: Error } };
      if (result.kind === 'abort') throw result.abort!.problem;
    }, /mpc\/pair-not-usable/);
    const next = recordsOf(runRefresh(records));
    admitRestored(record, restored.epochId);
    assert.throws(() => admitRestored(next[1]!, restored.epochId), /mpc\/restored-epoch-stale/);
  });
});

function contains(bytes: Uint8Array, part: Uint8Array): boolean {
  return Buffer.from(bytes).includes(Buffer.from(part));
}
