import { strict as assert } from 'node:assert';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { Transaction } from 'ethers';
import fc from 'fast-check';
import { keccak256, parseTransaction, serializeTransaction } from 'viem';
import { fromHex, toHex, type Hex } from '#base';
import { addressOf, fromRecovered, signedTransaction, transactionDigest, type UnsignedTransaction } from '#custody/intents';

const KEY = fromHex(`0x${'42'.repeat(32)}`);
const bytes = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max }).map(toHex);
const wei = fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 2n ** 96n }));

const TRANSACTIONS: fc.Arbitrary<UnsignedTransaction> = fc.record({
  chainId: fc.bigInt({ min: 1n, max: 2n ** 40n }),
  nonce: fc.bigInt({ min: 0n, max: 2n ** 40n }),
  maxPriorityFeePerGas: fc.constant(0n),
  maxFeePerGas: wei,
  gas: fc.bigInt({ min: 0n, max: 2n ** 40n }),
  to: bytes(20, 20),
  value: wei,
  // Lengths on both sides of what RLP writes in one byte, two and three.
  data: fc.oneof(bytes(0, 2), bytes(54, 58), bytes(254, 258), bytes(65_530, 65_540)),
});

describe('a transaction of an own account', () => {
  it('is written and hashed as viem writes it, and read back by ethers with its sender', () => {
    fc.assert(
      fc.property(TRANSACTIONS, (transaction) => {
        const { chainId, nonce, ...rest } = transaction;
        const unsigned = { type: 'eip1559', chainId: Number(chainId), nonce: Number(nonce), ...rest } as const;
        assert.equal(toHex(transactionDigest(transaction)), keccak256(serializeTransaction(unsigned)));
        const signature = fromRecovered(secp256k1.sign(transactionDigest(transaction), KEY, { prehash: false, lowS: true, format: 'recovered' }));
        const raw = signedTransaction(transaction, signature);
        const half = (at: number): Hex => `0x${signature.slice(2 + at * 64, 66 + at * 64)}`;
        assert.equal(raw, serializeTransaction(unsigned, { r: half(0), s: half(1), yParity: Number.parseInt(signature.slice(130), 16) - 27 }));
        const read = Transaction.from(raw);
        assert.equal(read.from?.toLowerCase(), addressOf(secp256k1.getPublicKey(KEY)));
        assert.equal(read.hash, keccak256(raw));
        assert.equal(parseTransaction(raw).data ?? '0x', transaction.data);
      }),
      { numRuns: 60 },
    );
  });
});
