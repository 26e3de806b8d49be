import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { hashTypedData, recoverTypedDataAddress, verifyTypedData } from 'viem';
import { Problem, type AccountId, type Hex } from '#base';
import { merchantDomain, parseAuthorisation, verifyMerchantKey, verifyOrder, verifyPayee, verifyWallet } from '#identity/core';
import { parsePain001, parseRates, quote, type QuoteAsset } from '#payments/core';
import { createScreener, readBlockList, readOfacFolder } from '#risk';
import { loadExample, type Example, type ExampleOutcome } from '../../../scripts/example/example.ts';
import { exampleMerchant } from '../../../scripts/example/merchant.ts';
import { sandboxExample } from '../../../scripts/example/sandbox.ts';

const NOW = 1_760_000_000_000;
const EXPIRY = BigInt(NOW / 1000) + 3600n;
const VAULT: Hex = `0x${'22'.repeat(20)}`;
const TOKEN: Hex = `0x${'44'.repeat(20)}`;
const ACCOUNT = '018f0000-0000-7000-8000-00000000acc0' as AccountId;
const DEPLOYMENT = { chainId: 31337n, vault: VAULT };
const BANK_FILE = new URL('../../../../shared/data/iso20022/samples/musterfile_pain.001_Nov2020.xml', import.meta.url);
const CONTEXT = { domain: merchantDomain(31337n, VAULT), nowMs: NOW, nonces: { usedBy: () => null } };

function assetOf(example: Example, symbol: string): QuoteAsset {
  const asset = example.assets.find((candidate) => candidate.symbol === symbol);
  assert.ok(asset, symbol);
  return asset as unknown as QuoteAsset;
}

/** What becomes of each payment by the rules, without ledger and chain: the funds run out in file order. */
function outcomes(example: Example): readonly ExampleOutcome[] {
  const screener = createScreener([readBlockList(example.blockListFile), readOfacFolder(example.sanctionsFolder)]);
  return example.orders.flatMap((order) => {
    const merchant = example.merchants.find(({ id }) => id === order.merchant)!;
    const payer = assetOf(example, merchant.asset);
    let funds = BigInt(merchant.deposit.amount) * 10n ** BigInt(payer.decimals);
    return parsePain001(order.bytes, ['payments/count-mismatch']).payments.map((payment): ExampleOutcome => {
      const payee = example.payees.find((candidate) => candidate.merchant === merchant.id && candidate.account === payment.creditorAccount.id);
      if (payment.defects.some(({ code }) => code === 'payments/duplicate-payment')) return 'duplicate';
      if (!payee) return 'payee-not-in-directory';
      const screening = screener.screen({ name: payment.creditor.name, address: payee.settlementAddress, country: payee.country });
      if (screening.decision !== 'clear') return screening.hits[0]?.list === 'own' ? 'own-block-list' : 'sanctioned';
      const payeeAsset = assetOf(example, payee.asset);
      const { currency, amountMinor } = payment;
      const { total } = quote({
        tariff: example.tariff,
        rates: parseRates(example.rates, NOW),
        currency,
        amountMinor,
        payerAsset: payer,
        payeeAsset,
        nowMs: NOW,
      });
      if (total > funds) return 'cannot-afford';
      funds -= total;
      const token = example.assets.find(({ symbol }) => symbol === payee.asset);
      return token?.blockListed.includes(payee.settlementAddress) ? 'token-block-listed' : 'paid';
    });
  });
}

describe('the repository’s example', () => {
  const example = loadExample();

  it('shows every way a payment can end, and each payment ends as it promises', () => {
    const promised = example.orders.flatMap((order) => order.outcomes ?? []);
    assert.deepEqual(outcomes(example), promised);
    const counted = Object.fromEntries([...Map.groupBy(promised, (outcome) => outcome)].map(([outcome, all]) => [outcome, all.length]));
    assert.deepEqual(counted, {
      paid: 21,
      'token-block-listed': 1,
      'own-block-list': 1,
      duplicate: 1,
      sanctioned: 1,
      'payee-not-in-directory': 1,
      'cannot-afford': 1,
    });
  });

  it('has three merchants, three corridors and stablecoins of 6 and 18 decimals', () => {
    const corridors = example.orders.map(({ bytes, merchant }) => {
      const { asset } = example.merchants.find(({ id }) => id === merchant)!;
      return `${[...new Set(parsePain001(bytes).payments.map(({ currency }) => currency))].join()} paid in ${asset}`;
    });
    assert.deepEqual(corridors, ['EUR paid in tUSD', 'USD paid in tUSD', 'JPY paid in tEUR']);
    assert.deepEqual(
      example.assets.map(({ decimals }) => decimals),
      [6, 18],
    );
    assert.equal(new Set(example.merchants.map(({ deposit }) => deposit.method)).size, 3);
  });

  it('each order names a debtor account of its merchant, and no two payees share an address', () => {
    for (const { bytes, merchant } of example.orders) {
      const { accounts } = example.merchants.find(({ id }) => id === merchant)!;
      for (const { debtorAccount } of parsePain001(bytes).groups) assert.ok(accounts.includes(debtorAccount.id));
    }
    assert.equal(new Set(example.payees.map(({ settlementAddress }) => settlementAddress)).size, example.payees.length);
    assert.equal(new Set([...example.payees, ...example.merchants, ...example.orders].map(({ id }) => id)).size, 25 + 3 + 3);
  });
});

describe('the merchant’s own computer', () => {
  const example = loadExample();
  const [merchant] = example.merchants;
  assert.ok(merchant);
  const client = exampleMerchant(merchant, DEPLOYMENT);
  const context = { ...CONTEXT, merchant: merchant.id };

  it('signs what the server verifies: key, wallet, payees and order', async () => {
    const key = parseAuthorisation('MerchantKey', await client.signMerchantKey(EXPIRY));
    assert.equal(verifyMerchantKey(key, context, null).signer, client.key);
    const wallet = parseAuthorisation('Wallet', await client.signWallet(EXPIRY));
    assert.equal(verifyWallet(wallet, context).signer, client.wallet);
    for (const payee of example.payees.filter((candidate) => candidate.merchant === merchant.id)) {
      verifyPayee(parseAuthorisation('Payee', await client.signPayee(payee, TOKEN, EXPIRY)), context, client.key);
    }
    const order = example.orders[0]!;
    const authorisation = parseAuthorisation('Order', await client.signOrder(order, ACCOUNT, EXPIRY));
    verifyOrder(authorisation, parsePain001(order.bytes), { ...context, key: client.key, account: ACCOUNT });
  });

  it('refuses to sign with public keys for any chain but a local one', () => {
    assert.throws(
      () => exampleMerchant(merchant, { ...DEPLOYMENT, chainId: 1n }),
      (thrown) => thrown instanceof Problem && thrown.code === 'identity/test-key-elsewhere',
    );
  });

  it('signs deposits that bind its own reference', async () => {
    const token = { address: TOKEN, name: 'Test token tUSD', version: '1' };
    const [owner, , value, reference, deadline, , referenceSignature] = await client.permitDeposit({ token, value: 5n, deadline: 9n, permitNonce: 0n });
    assert.equal(owner, client.wallet);
    assert.equal(reference, `0x${merchant.id.replaceAll('-', '')}${'0'.repeat(32)}`);
    const fields = [
      { name: 'owner', type: 'address' },
      { name: 'token', type: 'address' },
      { name: 'value', type: 'uint256' },
      { name: 'reference', type: 'bytes32' },
      { name: 'deadline', type: 'uint256' },
    ] as const;
    const typed = {
      domain: { name: 'CairnSettlementVault', version: '1', chainId: 31337, verifyingContract: VAULT },
      types: { DepositReference: fields },
      primaryType: 'DepositReference',
      message: { owner, token: TOKEN, value, reference, deadline },
    } as const;
    assert.ok(await verifyTypedData({ ...typed, address: client.wallet, signature: referenceSignature }));
    assert.equal((await recoverTypedDataAddress({ ...typed, signature: referenceSignature })).toLowerCase(), client.wallet);
    assert.equal(hashTypedData(typed).length, 66);
  });
});

describe('a foreign order file', () => {
  const bankFiles = existsSync(BANK_FILE) ? [BANK_FILE] : [];
  if (bankFiles.length === 0) console.log('left out: dressing up the bank’s sample as an example, because ../shared/data is not there');
  for (const path of bankFiles) {
    const bytes = new Uint8Array(readFileSync(path));

    it('gets one merchant for all its debtor accounts, a payee for each sound creditor account, and enough funds', () => {
      const example = sandboxExample({ path: 'bank.xml', bytes, payees: 'invented' });
      assert.deepEqual(example.merchants[0]?.accounts, ['CH0309000000250090342', 'CH5109000000250092291']);
      assert.equal(example.payees.length, 4);
      const ended = outcomes(example);
      assert.deepEqual(ended, ['paid', 'paid', 'paid', 'paid', 'payee-not-in-directory', 'payee-not-in-directory', 'paid', 'paid']);
    });

    it('is signed with its true count, and named the same at a second run', async () => {
      const example = sandboxExample({ path: 'bank.xml', bytes, payees: 'none' });
      assert.deepEqual(example.payees, []);
      const again = sandboxExample({ path: 'bank.xml', bytes, payees: 'none' });
      assert.deepEqual([again.merchants, again.orders[0]?.id], [example.merchants, example.orders[0]?.id]);
      const client = exampleMerchant(example.merchants[0]!, DEPLOYMENT);
      const authorisation = parseAuthorisation('Order', await client.signOrder(example.orders[0]!, ACCOUNT, EXPIRY));
      assert.equal(authorisation.message.count, 8n);
    });
  }
});
