import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { toHex, utf8 } from '#base';
import { addressOf, fromRecovered, instructionId, intentDigest, listHash, paymentWord, type Intent } from '#custody/intents';
import { address, BOOK, CHAIN_ID, id, word } from './records.ts';

const KEY = keccak_256(utf8('cairn test vector: signing key'));

/** eip712.json: the digests that the poster, the vault signer and the owner sign, each signed by one test key. */
export function signedVectors(): Record<string, unknown> {
  const words = [1n, 2n, 2n ** 96n - 1n].map((amount, i) => paymentWord(address(0x100 + i), amount));
  const instruction = {
    book: BOOK,
    window: id<never>(0x50),
    index: 1,
    token: address(1),
    listHash: listHash(words),
    count: words.length,
    total: 2n ** 96n + 2n,
    notAfterS: 1_760_086_400,
  };
  const intents: readonly Intent[] = [
    { kind: 'anchor', chainId: CHAIN_ID, anchor: address(5), previous: word('previous'), leaf: word('leaf') },
    { kind: 'instruction', chainId: CHAIN_ID, vault: address(3), instruction },
    { kind: 'cancel', chainId: CHAIN_ID, vault: address(3), instruction: instructionId(instruction), index: 2 },
    { kind: 'governance', chainId: CHAIN_ID, safe: address(6), to: address(7), value: 0n, data: '0x01020304', nonce: 9n },
    {
      kind: 'timelockCancel',
      chainId: CHAIN_ID,
      timelock: address(8),
      operation: word('operation'),
      nonce: 0n,
      gas: 200_000n,
      maxFeePerGas: 30_000_000_000n,
      maxPriorityFeePerGas: 1_000_000_000n,
    },
    {
      kind: 'authorisation',
      chainId: CHAIN_ID,
      vault: address(3),
      token: address(1),
      name: 'Test token Vector €',
      version: '1',
      holder: 'vault',
      from: address(9),
      value: 2n ** 96n + 1n,
      validBeforeS: 1_760_086_400,
      index: 3,
    },
  ];
  return {
    'eip712.json': {
      about:
        'Domains: {"CairnLedgerAnchor", "1", chainId, anchor} and {"CairnSettlementVault", "1", chainId, vault}; governance is a SafeTx (operation 0, no refund); timelockCancel is an EIP-1559 transaction of the owner to the timelock, cancel(operation); authorisation is ReceiveWithAuthorization of EIP-3009 in domain {name, version, chainId, token}, to the vault, validAfter 0, nonce by docs/formats.md. bytes16 is the UUID, right-padded by EIP-712. Signatures are r || s || v with low s, by `signer` (private key: keccak("cairn test vector: signing key")).',
      signer: addressOf(secp256k1.getPublicKey(KEY)),
      privateKey: toHex(KEY),
      words,
      instructionId: instructionId(instruction),
      intents: intents.map((intent) => ({
        intent: JSON.parse(JSON.stringify(intent, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))) as unknown,
        digest: toHex(intentDigest(intent)),
        signature: fromRecovered(secp256k1.sign(intentDigest(intent), KEY, { prehash: false, format: 'recovered' })),
      })),
    },
  };
}
