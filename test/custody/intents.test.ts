import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { encodeAbiParameters, encodeFunctionData, hashTypedData as viemHash, keccak256, parseAbi, serializeTransaction } from 'viem';
import fc from 'fast-check';
import { concat, fromHex, toHex, uintBytes, utf8, type BookId, type Hex, type WindowId } from '#base';
import {
  addressOf,
  fromRecovered,
  instructionId,
  intentDigest,
  isSignatureBy,
  listHash,
  paymentWord,
  roleOf,
  timelockCancelTransaction,
  type Intent,
  sweepNonce,
  sweepSalt,
  UNASSIGNED_REFERENCE,
  type AuthorisationIntent,
  type TimelockCancelIntent,
} from '#custody/intents';

interface SignedVector {
  readonly intent: Record<string, unknown>;
  readonly digest: Hex;
  readonly signature: Hex;
}

const VECTORS = JSON.parse(readFileSync(new URL('../vectors/eip712.json', import.meta.url), 'utf8')) as {
  readonly signer: Hex;
  readonly instructionId: Hex;
  readonly words: readonly Hex[];
  readonly intents: readonly SignedVector[];
};
const A = (n: number): Hex => `0x${n.toString(16).padStart(40, '0')}`;
const B = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`;
const INSTRUCTION = {
  book: '018f0000-0000-7000-8000-00000000b00c' as BookId,
  window: '018f0000-0000-7000-8000-000000000050' as WindowId,
  index: 3,
  token: A(9),
  listHash: B(77),
  count: 255,
  total: 2n ** 128n - 1n,
  notAfterS: 1_760_086_400,
};
const INSTRUCTION_INTENT: Intent = { kind: 'instruction', chainId: 31337n, vault: A(1), instruction: INSTRUCTION };

const AUTHORISATION: AuthorisationIntent = {
  kind: 'authorisation',
  chainId: 31337n,
  vault: A(1),
  token: A(2),
  name: 'Some €',
  version: '2',
  holder: 'poster',
  from: A(3),
  value: 2n ** 256n - 1n,
  validBeforeS: 1_760_086_400,
  index: 4,
};

describe('intents', () => {
  it('hash as another library hashes the same typed data', () => {
    const anchorDomain = { name: 'CairnLedgerAnchor', version: '1', chainId: 31337, verifyingContract: A(1) } as const;
    const vaultDomain = { ...anchorDomain, name: 'CairnSettlementVault' } as const;
    const bytes32 = <const Name extends string>(name: Name) => ({ name, type: 'bytes32' }) as const;
    assert.equal(
      toHex(intentDigest({ kind: 'anchor', chainId: 31337n, anchor: A(1), previous: B(2), leaf: B(3) })),
      viemHash({
        domain: anchorDomain,
        types: { Anchor: [bytes32('previous'), bytes32('leaf')] },
        primaryType: 'Anchor',
        message: { previous: B(2), leaf: B(3) },
      }),
    );
    assert.equal(
      toHex(intentDigest(INSTRUCTION_INTENT)),
      viemHash({
        domain: vaultDomain,
        types: {
          Instruction: [
            { name: 'book', type: 'bytes16' },
            { name: 'window', type: 'bytes16' },
            { name: 'index', type: 'uint16' },
            { name: 'token', type: 'address' },
            bytes32('listHash'),
            { name: 'count', type: 'uint8' },
            { name: 'total', type: 'uint128' },
            { name: 'notAfter', type: 'uint64' },
          ],
        },
        primaryType: 'Instruction',
        message: {
          book: `0x${INSTRUCTION.book.replaceAll('-', '')}`,
          window: `0x${INSTRUCTION.window.replaceAll('-', '')}`,
          index: 3,
          token: A(9),
          listHash: B(77),
          count: 255,
          total: INSTRUCTION.total,
          notAfter: BigInt(INSTRUCTION.notAfterS),
        },
      }),
    );
    assert.equal(
      toHex(intentDigest({ kind: 'cancel', chainId: 31337n, vault: A(1), instruction: B(4), index: 5 })),
      viemHash({
        domain: vaultDomain,
        types: { Cancel: [bytes32('instruction'), { name: 'index', type: 'uint8' }] },
        primaryType: 'Cancel',
        message: { instruction: B(4), index: 5 },
      }),
    );
    const uint = <const Name extends string>(name: Name) => ({ name, type: 'uint256' }) as const;
    const address = <const Name extends string>(name: Name) => ({ name, type: 'address' }) as const;
    assert.equal(
      toHex(intentDigest({ kind: 'governance', chainId: 31337n, safe: A(1), to: A(2), value: 3n, data: '0x0405', nonce: 6n })),
      viemHash({
        domain: { chainId: 31337, verifyingContract: A(1) },
        types: {
          SafeTx: [
            address('to'),
            uint('value'),
            { name: 'data', type: 'bytes' },
            { name: 'operation', type: 'uint8' },
            uint('safeTxGas'),
            uint('baseGas'),
            uint('gasPrice'),
            address('gasToken'),
            address('refundReceiver'),
            uint('nonce'),
          ],
        },
        primaryType: 'SafeTx',
        message: {
          to: A(2),
          value: 3n,
          data: '0x0405',
          operation: 0,
          safeTxGas: 0n,
          baseGas: 0n,
          gasPrice: 0n,
          gasToken: A(0),
          refundReceiver: A(0),
          nonce: 6n,
        },
      }),
    );
  });

  it('to cancel an operation are a transaction of the owner’s own account, as another library writes it', () => {
    const intent: TimelockCancelIntent = {
      kind: 'timelockCancel',
      chainId: 31337n,
      timelock: A(1),
      operation: B(2),
      nonce: 3n,
      gas: 90000n,
      maxFeePerGas: 5n,
      maxPriorityFeePerGas: 4n,
    };
    const data = encodeFunctionData({ abi: parseAbi(['function cancel(bytes32 id)']), args: [B(2)] });
    const fees = { maxFeePerGas: 5n, maxPriorityFeePerGas: 4n };
    assert.equal(
      toHex(intentDigest(intent)),
      keccak256(serializeTransaction({ type: 'eip1559', chainId: 31337, nonce: 3, gas: 90_000n, ...fees, to: A(1), data })),
    );
    assert.deepEqual(timelockCancelTransaction(intent), { chainId: 31337n, nonce: 3n, gas: 90_000n, ...fees, to: A(1), value: 0n, data });
    assert.throws(() => intentDigest({ ...intent, operation: '0x02' }), /assertion failed/);
    assert.throws(() => intentDigest({ ...intent, timelock: '0x02' }), /assertion failed/);
    const others = (['nonce', 'gas', 'maxFeePerGas', 'maxPriorityFeePerGas', 'chainId'] as const).map((member) => ({ ...intent, [member]: 7n }));
    const digests = [intent, ...others, { ...intent, operation: B(3) }, { ...intent, timelock: A(3) }].map((one) => toHex(intentDigest(one)));
    assert.equal(new Set(digests).size, digests.length);
  });

  it('to authorise what lies at a key’s address are the token’s own typed data, as another library hashes them', () => {
    const uint = <const Name extends string>(name: Name) => ({ name, type: 'uint256' }) as const;
    const [reference, salt] = [
      toHex(concat(new Uint8Array(16), utf8('cairn.unassigned'))),
      keccak256(concat(utf8('cairn.sweep'), uintBytes(31337n, 32), ...[A(1), A(2), A(3)].map(fromHex), uintBytes(4n, 8))),
    ];
    assert.equal(sweepSalt(AUTHORISATION), salt);
    assert.equal(UNASSIGNED_REFERENCE, reference);
    const nonce = keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'bytes32' }], [reference, salt]));
    assert.equal(sweepNonce(AUTHORISATION), nonce);
    assert.equal(
      toHex(intentDigest(AUTHORISATION)),
      viemHash({
        domain: { name: 'Some €', version: '2', chainId: 31337, verifyingContract: A(2) },
        types: {
          ReceiveWithAuthorization: [
            { name: 'from', type: 'address' },
            { name: 'to', type: 'address' },
            uint('value'),
            uint('validAfter'),
            uint('validBefore'),
            { name: 'nonce', type: 'bytes32' },
          ],
        },
        primaryType: 'ReceiveWithAuthorization',
        message: { from: A(3), to: A(1), value: 2n ** 256n - 1n, validAfter: 0n, validBefore: 1_760_086_400n, nonce },
      }),
    );
  });

  it('to authorise have one nonce a place in the order of one address, whatever they move until when', () => {
    const nonces = [{}, { index: 5 }, { from: A(9) }, { token: A(9) }, { vault: A(9) }, { chainId: 1n }].map((one) => sweepNonce({ ...AUTHORISATION, ...one }));
    assert.equal(new Set(nonces).size, nonces.length);
    assert.equal(sweepNonce({ ...AUTHORISATION, value: 1n, validBeforeS: 7, name: 'x', version: 'y', holder: 'owner' } as AuthorisationIntent), nonces[0]);
  });

  it('belong to one role each', () => {
    const kinds = VECTORS.intents.map(({ intent }) => [intent.kind, roleOf(intent as unknown as Intent)]);
    assert.deepEqual(kinds, [
      ['anchor', 'poster'],
      ['instruction', 'vault'],
      ['cancel', 'vault'],
      ['governance', 'owner'],
      ['timelockCancel', 'owner'],
      ['authorisation', 'vault'],
    ]);
  });

  it('have another digest on another chain, another contract and for another list', () => {
    const digests = [
      INSTRUCTION_INTENT,
      { ...INSTRUCTION_INTENT, chainId: 1n },
      { ...INSTRUCTION_INTENT, vault: A(2) },
      { ...INSTRUCTION_INTENT, instruction: { ...INSTRUCTION, listHash: B(78) } },
      { ...INSTRUCTION_INTENT, instruction: { ...INSTRUCTION, book: INSTRUCTION.window as string as BookId } },
    ].map((intent) => toHex(intentDigest(intent)));
    assert.equal(new Set(digests).size, digests.length);
  });

  it('name an instruction by its struct hash and its list by the hash of its words', () => {
    assert.notEqual(instructionId(INSTRUCTION), instructionId({ ...INSTRUCTION, index: 4 }));
    assert.equal(paymentWord(A(0xff), 1n), `0x${'ff'.padStart(40, '0')}${'1'.padStart(24, '0')}`);
    assert.throws(() => paymentWord(A(1), 2n ** 96n), /assertion failed/);
    assert.throws(() => listHash([]), /assertion failed/);
    assert.throws(() => listHash(Array.from({ length: 256 }, () => B(1))), /assertion failed/);
  });
});

describe('signatures', () => {
  const [vector] = VECTORS.intents as [SignedVector];

  it('of the vectors are by their signer, r || s || v', () => {
    for (const { digest, signature } of VECTORS.intents) assert.ok(isSignatureBy(VECTORS.signer, fromHex(digest), signature));
  });

  it('are refused with any bit flipped, cut, lengthened, by another signer or over another digest', () => {
    const bytes = fromHex(vector.signature);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.ok(!isSignatureBy(VECTORS.signer, fromHex(vector.digest), toHex(flipped)), `bit ${bit}`);
    }
    assert.ok(!isSignatureBy(VECTORS.signer, fromHex(vector.digest), vector.signature.slice(0, -2)));
    assert.ok(!isSignatureBy(VECTORS.signer, fromHex(vector.digest), `${vector.signature}00`));
    assert.ok(!isSignatureBy(VECTORS.signer, fromHex(vector.digest), 'no hexadecimal'));
    assert.ok(!isSignatureBy(A(1), fromHex(vector.digest), vector.signature));
    assert.ok(!isSignatureBy(VECTORS.signer, fromHex(B(1)), vector.signature));
  }).timeout(120_000);

  it('are refused in their second spelling, with s in the upper half', () => {
    const n = secp256k1.Point.CURVE().n;
    const [r, s, v] = [vector.signature.slice(2, 66), BigInt(`0x${vector.signature.slice(66, 130)}`), Number.parseInt(vector.signature.slice(130), 16)];
    const high = `0x${r}${(n - s).toString(16).padStart(64, '0')}${(55 - v).toString(16)}`;
    assert.ok(!isSignatureBy(VECTORS.signer, fromHex(vector.digest), high));
  });

  it('by any key over any digest verify against the address of that key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 48, maxLength: 48 }), fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed, digest) => {
        const key = secp256k1.utils.randomSecretKey(seed);
        const signature = fromRecovered(secp256k1.sign(digest, key, { prehash: false, format: 'recovered' }));
        assert.ok(isSignatureBy(addressOf(secp256k1.getPublicKey(key)), digest, signature));
      }),
      { numRuns: 20 },
    );
  });
});
