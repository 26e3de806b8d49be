import assert from 'node:assert/strict';
import fc from 'fast-check';
import { hashTypedData as viemHash, recoverAddress } from 'viem';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { Problem, toHex, type AccountId, type Hex, type MerchantId, type OrderId, type PayeeId } from '#base';
import {
  authorisationJson,
  eip712Message,
  merchantDomain,
  messageDigest,
  parseAuthorisation,
  recoverSigner,
  STRUCTS,
  verifyMerchantKey,
  verifyOrder,
  verifyPayee,
  verifyWallet,
  type Authorisation,
  type MessageKind,
  type Messages,
  type OrderContext,
  type OrderFacts,
} from '#identity/core';

const NOW = 1_760_000_000_000;
const EXPIRY = BigInt(NOW / 1000) + 60n;
const VAULT: Hex = `0x${'22'.repeat(20)}`;
const DOMAIN = merchantDomain(31337n, VAULT);
const MERCHANT = '018f0000-0000-7000-8000-000000000001' as MerchantId;
const ACCOUNT = '018f0000-0000-7000-8000-00000000acc0' as AccountId;
const OLD = privateKeyToAccount(`0x${'11'.repeat(32)}`);
const NEW = privateKeyToAccount(`0x${'12'.repeat(32)}`);
const FILE: OrderFacts = { fileHash: `0x${'ab'.repeat(32)}`, count: 24, controlSum: '38.5' };
const ORDER: Messages['Order'] = {
  merchant: MERCHANT,
  order: '018f0000-0000-7000-8000-000000000002' as OrderId,
  account: ACCOUNT,
  fileHash: FILE.fileHash,
  count: 24n,
  controlSum: '38.5',
  nonce: 7n,
  expiry: EXPIRY,
};
const PAYEE: Messages['Payee'] = {
  merchant: MERCHANT,
  payee: '018f0000-0000-7000-8000-000000000003' as PayeeId,
  name: 'Société Lumière SARL',
  account: 'FR1420041010050500013M02606',
  settlementAddress: `0x${'33'.repeat(20)}`,
  token: `0x${'44'.repeat(20)}`,
  nonce: 8n,
  expiry: EXPIRY,
};

const address = (account: PrivateKeyAccount): Hex => account.address.toLowerCase() as Hex;

function typedData<Kind extends MessageKind>(kind: Kind, message: Messages[Kind], chainId = 31337) {
  const primaryType: string = kind;
  const types = { [kind]: STRUCTS[kind].members.map(([type, name]) => ({ type, name })) };
  return { domain: { ...DOMAIN, chainId }, types, primaryType, message: eip712Message(kind, message) };
}

async function signed<Kind extends MessageKind>(kind: Kind, message: Messages[Kind], by = OLD, chainId = 31337): Promise<Authorisation<Kind>> {
  return { kind, message, evidence: { scheme: 'eip712', signature: await by.signTypedData(typedData(kind, message, chainId)) } };
}

const context: OrderContext = { domain: DOMAIN, nowMs: NOW, merchant: MERCHANT, key: address(OLD), account: ACCOUNT, nonces: { usedBy: () => null } };

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown.code;
    throw thrown;
  }
  return 'verified';
}

describe('a merchant’s signature', () => {
  it('is over the digest another library computes', () => {
    const key = { merchant: MERCHANT, key: address(NEW), nonce: 1n, expiry: EXPIRY };
    const wallet = { merchant: MERCHANT, wallet: address(NEW), nonce: 1n, expiry: EXPIRY };
    assert.equal(toHex(messageDigest(DOMAIN, 'Order', ORDER)), viemHash(typedData('Order', ORDER)));
    assert.equal(toHex(messageDigest(DOMAIN, 'Payee', PAYEE)), viemHash(typedData('Payee', PAYEE)));
    assert.equal(toHex(messageDigest(DOMAIN, 'MerchantKey', key)), viemHash(typedData('MerchantKey', key)));
    assert.equal(toHex(messageDigest(DOMAIN, 'Wallet', wallet)), viemHash(typedData('Wallet', wallet)));
  });

  it('recovers to the address another library recovers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.bigInt(1n, 2n ** 200n), async (digest, secret) => {
        const account = privateKeyToAccount(`0x${secret.toString(16).padStart(64, '0')}`);
        const signature = await account.sign({ hash: toHex(digest) });
        assert.equal(recoverSigner(digest, signature), address(account));
        assert.equal(address(account), (await recoverAddress({ hash: toHex(digest), signature })).toLowerCase());
      }),
      { numRuns: 20 },
    );
  });

  it('has one spelling: the mirror image in the upper half, another recovery value, capitals and other lengths are refused', async () => {
    const { evidence } = await signed('Order', ORDER);
    const digest = messageDigest(DOMAIN, 'Order', ORDER);
    const { signature } = evidence;
    const n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const [r, s, v] = [signature.slice(2, 66), signature.slice(66, 130), signature.slice(130)];
    const mirrored = (n - BigInt(`0x${s}`)).toString(16).padStart(64, '0');
    const zero = '0'.repeat(64);
    const order = n.toString(16);
    const spellings = [
      `0x${r}${mirrored}${v === '1b' ? '1c' : '1b'}`,
      `0x${r}${s}${v === '1b' ? '00' : '01'}`,
      `0x${r}${s}1d`,
      `0x${r}${s}`,
      `0x${r}${s}${v}00`,
      `0x${zero}${s}${v}`,
      `0x${r}${zero}${v}`,
      `0x${order}${s}${v}`,
      `0x${'f'.repeat(64)}${s}${v}`,
      signature.toUpperCase().replace('0X', '0x'),
      '0x',
    ];
    for (const spelling of spellings) {
      assert.equal(
        codeOf(() => recoverSigner(digest, spelling as Hex)),
        'identity/bad-signature',
        spelling,
      );
    }
  });
});

describe('an order’s authorisation', () => {
  it('verifies, and gives the digest that the ledger records', async () => {
    assert.deepEqual(verifyOrder(await signed('Order', ORDER), FILE, context), {
      digest: toHex(messageDigest(DOMAIN, 'Order', ORDER)),
      signer: address(OLD),
      repeated: false,
    });
  });

  it('is refused for each thing it binds, by the first that is wrong', async () => {
    const good = await signed('Order', ORDER);
    const late = { ...context, nowMs: Number(EXPIRY) * 1000 + 1000 };
    const other = '018f0000-0000-7000-8000-00000000beef';
    const elsewhere = { ...context, domain: merchantDomain(31337n, `0x${'23'.repeat(20)}`) };
    const used = { ...context, nonces: { usedBy: (): Hex => `0x${'55'.repeat(32)}` } };
    const wrongFile: OrderFacts = { ...FILE, fileHash: `0x${'ac'.repeat(32)}` };
    const cases: readonly (readonly [what: string, code: string, act: () => unknown])[] = [
      ['after its last second', 'identity/expired', () => verifyOrder(good, wrongFile, { ...late, merchant: other as MerchantId })],
      ['for another merchant', 'identity/wrong-merchant', () => verifyOrder(good, wrongFile, { ...context, merchant: other as MerchantId, key: address(NEW) })],
      [
        'with a signature cut off',
        'identity/bad-signature',
        () => verifyOrder({ ...good, evidence: { scheme: 'eip712', signature: '0x1234' } }, wrongFile, context),
      ],
      ['by another key', 'identity/wrong-signer', () => verifyOrder(good, wrongFile, { ...context, key: address(NEW) })],
      ['for another vault', 'identity/wrong-signer', () => verifyOrder(good, FILE, elsewhere)],
      ['for another chain', 'identity/wrong-signer', () => verifyOrder(good, FILE, { ...context, domain: merchantDomain(1n, VAULT) })],
      [
        'with a word changed after signing',
        'identity/wrong-signer',
        () => verifyOrder({ ...good, message: { ...ORDER, count: 25n } }, { ...FILE, count: 25 }, context),
      ],
      ['with another file', 'identity/wrong-file', () => verifyOrder(good, { ...wrongFile, count: 1 }, context)],
      ['with another count', 'identity/wrong-count', () => verifyOrder(good, { ...FILE, count: 23, controlSum: '1' }, context)],
      [
        'with another sum',
        'identity/wrong-control-sum',
        () => verifyOrder(good, { ...FILE, controlSum: '38.50' }, { ...context, account: other as AccountId }),
      ],
      ['from another account', 'identity/wrong-account', () => verifyOrder(good, FILE, { ...used, account: other as AccountId })],
      ['with a nonce of another message', 'identity/nonce-used', () => verifyOrder(good, FILE, used)],
    ];
    for (const [what, code, act] of cases) assert.equal(codeOf(act), code, what);
  });

  it('is valid up to and with its last second', async () => {
    const good = await signed('Order', ORDER);
    assert.equal(
      codeOf(() => verifyOrder(good, FILE, { ...context, nowMs: Number(EXPIRY) * 1000 + 999 })),
      'verified',
    );
  });

  it('shown again is recognised as the same, not refused and not new', async () => {
    const good = await signed('Order', ORDER);
    const { digest } = verifyOrder(good, FILE, context);
    assert.equal(verifyOrder(good, FILE, { ...context, nonces: { usedBy: () => digest } }).repeated, true);
  });
});

describe('a key, a wallet and a payee', () => {
  it('the first key signs for itself, a later one is signed by the key before', async () => {
    const message = { merchant: MERCHANT, key: address(NEW), nonce: 1n, expiry: EXPIRY };
    const bySelf = await signed('MerchantKey', message, NEW);
    const byOld = await signed('MerchantKey', message, OLD);
    assert.equal(verifyMerchantKey(bySelf, context, null).signer, address(NEW));
    assert.equal(verifyMerchantKey(byOld, context, address(OLD)).signer, address(OLD));
    assert.equal(
      codeOf(() => verifyMerchantKey(bySelf, context, address(OLD))),
      'identity/wrong-signer',
    );
    assert.equal(
      codeOf(() => verifyMerchantKey(byOld, context, null)),
      'identity/wrong-signer',
    );
  });

  it('a wallet is registered by itself only', async () => {
    const message = { merchant: MERCHANT, wallet: address(NEW), nonce: 2n, expiry: EXPIRY };
    assert.equal(verifyWallet(await signed('Wallet', message, NEW), context).signer, address(NEW));
    const stranger = await signed('Wallet', message, OLD);
    assert.equal(
      codeOf(() => verifyWallet(stranger, context)),
      'identity/wrong-signer',
    );
  });

  it('a payee whose address was changed on the way is not the one that was signed', async () => {
    const good = await signed('Payee', PAYEE);
    assert.equal(verifyPayee(good, context, address(OLD)).repeated, false);
    const swapped: Authorisation<'Payee'> = { ...good, message: { ...PAYEE, settlementAddress: `0x${'66'.repeat(20)}` } };
    assert.equal(
      codeOf(() => verifyPayee(swapped, context, address(OLD))),
      'identity/wrong-signer',
    );
  });

  it('a message of one kind is no message of another', async () => {
    const wallet = await signed('Wallet', { merchant: MERCHANT, wallet: address(OLD), nonce: 1n, expiry: EXPIRY });
    const asKey = { kind: 'MerchantKey', message: { merchant: MERCHANT, key: address(OLD), nonce: 1n, expiry: EXPIRY }, evidence: wallet.evidence } as const;
    assert.equal(
      codeOf(() => verifyMerchantKey(asKey, context, null)),
      'identity/wrong-signer',
    );
  });
});

describe('an authorisation in JSON', () => {
  it('comes back as it was', async () => {
    for (const authorisation of [await signed('Order', ORDER), await signed('Payee', PAYEE)]) {
      const json: unknown = JSON.parse(JSON.stringify(authorisationJson<MessageKind>(authorisation)));
      assert.deepEqual(parseAuthorisation<MessageKind>(authorisation.kind, json), authorisation);
    }
  });

  it('takes an address with EIP-55 capitals for the same address', async () => {
    const json = authorisationJson(await signed('Payee', PAYEE));
    const capitals = { ...json, message: { ...json.message, token: `0x${'44'.repeat(20)}`.toUpperCase().replace('0X', '0x') } };
    assert.equal(parseAuthorisation('Payee', capitals).message.token, PAYEE.token);
  });

  it('is refused where a member is missing, strange or out of range', async () => {
    const json = authorisationJson(await signed('Order', ORDER));
    const message = (change: object): unknown => ({ ...json, message: { ...json.message, ...change } });
    const bad: readonly unknown[] = [
      null,
      'order',
      { ...json, kind: 'Payee' },
      { ...json, message: null },
      { ...json, evidence: null },
      { ...json, evidence: { scheme: 'eip712', signature: '0x12' } },
      message({ count: undefined }),
      message({ count: 24 }),
      message({ count: '24.0' }),
      message({ count: '-1' }),
      message({ count: '4294967296' }),
      message({ nonce: `${2n ** 64n}` }),
      message({ merchant: MERCHANT.toUpperCase() }),
      message({ account: 'mine' }),
      message({ fileHash: '0xab' }),
      message({ controlSum: '' }),
      message({ note: 'and pay me too' }),
    ];
    for (const value of bad) {
      assert.equal(
        codeOf(() => parseAuthorisation('Order', value)),
        'identity/bad-authorisation',
        JSON.stringify(value),
      );
    }
    const payee = authorisationJson(await signed('Payee', PAYEE));
    const zero = { ...payee, message: { ...payee.message, settlementAddress: `0x${'00'.repeat(20)}` } };
    assert.equal(
      codeOf(() => parseAuthorisation('Payee', zero)),
      'identity/bad-authorisation',
    );
    for (const change of [{ name: 'Linse\u0000KG' }, { account: 'AT61\u0007' }, { name: 'Linse\u009bKG' }]) {
      const named = { ...payee, message: { ...payee.message, ...change } };
      assert.equal(
        codeOf(() => parseAuthorisation('Payee', named)),
        'identity/bad-authorisation',
      );
    }
    assert.equal(
      codeOf(() => parseAuthorisation('Order', { ...json, evidence: { scheme: 'carrier-pigeon', signature: '0x' } })),
      'identity/unsupported-scheme',
    );
  });
});
