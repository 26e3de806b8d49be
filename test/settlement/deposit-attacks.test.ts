import assert from 'node:assert/strict';
import { encodeFunctionData } from 'viem';
import type { Hex } from '#base';
import { SETTLEMENT_VAULT_ABI, TEST_STABLECOIN_ABI } from '#chain';
import { chartAccount } from '#ledger/core';
import type { AuthorizationDeposit, PermitDeposit } from '../../scripts/example/merchant.ts';
import { DOLLAR, FINALITY, testPlatform, type TestPlatform } from '../support/platform.ts';

const DEADLINE_S = 4_100_000_000n;
/** The attacker's own reference. */
const OTHER: Hex = `0x${'5e'.repeat(16)}${'00'.repeat(16)}`;

describe('an attack on a deposit', function () {
  this.timeout(120_000);
  let test: TestPlatform;
  let vault: Hex;
  before(async () => {
    test = await testPlatform();
    vault = test.platform.deployment.vault;
  });
  after(() => test.close());

  const credits = () => test.events.flatMap((event) => (event.kind === 'deposit' ? [event.credited.owner.kind] : []));
  const suspense = async () => (await test.platform.book.account(chartAccount(test.platform.bookId, 'suspense', DOLLAR)))?.creditsPosted;
  const withPermit = (args: PermitDeposit) => encodeFunctionData({ abi: SETTLEMENT_VAULT_ABI, functionName: 'depositWithPermit', args });
  const withAuthorization = (args: AuthorizationDeposit) => encodeFunctionData({ abi: SETTLEMENT_VAULT_ABI, functionName: 'depositWithAuthorization', args });

  async function minted(value: bigint) {
    await test.outside(() => test.world.mint(test.token, test.merchant.wallet, value));
    return { token: await test.world.tokenDomain(test.token), value, deadline: DEADLINE_S };
  }

  /** Final, and looked at more than once. */
  async function settled(): Promise<void> {
    for (let i = 0; i < FINALITY + 3; i++) await test.step();
  }

  it('a permit that somebody else submitted first is still credited, once, to whom the payer named', async () => {
    const request = await minted(5_000_000n);
    const deposit = await test.merchant.permitDeposit({ ...request, permitNonce: await test.world.permitNonce(test.token, test.merchant.wallet) });
    const [owner, , value, , deadline, { v, r, s }] = deposit;
    const permit = encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'permit', args: [owner, vault, value, deadline, v, r, s] });
    assert.equal(await test.foreign(test.token, permit), 'success');
    const substituted: PermitDeposit = [deposit[0], deposit[1], deposit[2], OTHER, deposit[4], deposit[5], deposit[6]];
    assert.equal(await test.refusalOf(vault, withPermit(substituted)), 'ReferenceNotSigned');
    assert.equal(await test.foreign(vault, withPermit(substituted)), 'reverted');
    assert.equal(await test.foreign(vault, withPermit(deposit)), 'success');
    assert.equal(await test.refusalOf(vault, withPermit(deposit)), 'DepositReplayed');
    assert.equal(await test.foreign(vault, withPermit(deposit)), 'reverted');
    await settled();
    assert.deepEqual(credits(), ['merchant']);
    assert.equal((await test.money()).posted, 5_000_000n);
    await test.reconcile();
  });

  it('an authorisation can be relayed by anybody, but with no reference other than the one it was signed for', async () => {
    const before = (await test.money()).posted;
    const request = await minted(7_000_000n);
    const deposit = await test.merchant.authorizationDeposit(request);
    const [token, from, value, after, until, reference, salt, signature] = deposit;
    assert.ok(await test.refusalOf(vault, withAuthorization([token, from, value, after, until, OTHER, salt, signature])));
    assert.equal(await test.foreign(vault, withAuthorization([token, from, value, after, until, OTHER, salt, signature])), 'reverted');
    assert.equal(await test.foreign(vault, withAuthorization([token, from, value, after, until, salt, reference, signature])), 'reverted');
    // Past the vault, straight to the token: it takes this only from the vault, and the payer signed no plain transfer.
    const { v, r, s } = signature;
    for (const functionName of ['receiveWithAuthorization', 'transferWithAuthorization'] as const) {
      const args = [from, vault, value, after, until, salt, v, r, s] as const;
      assert.equal(await test.foreign(test.token, encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName, args })), 'reverted');
    }
    assert.equal(await test.foreign(vault, withAuthorization(deposit)), 'success');
    assert.equal(await test.foreign(vault, withAuthorization(deposit)), 'reverted');
    await settled();
    assert.deepEqual(credits(), ['merchant', 'merchant']);
    assert.equal((await test.money()).posted, before + 7_000_000n);
    await test.reconcile();
  });

  it('a plain transfer is the merchant’s from his registered wallet, and waits in suspense from any other', async () => {
    const before = (await test.money()).posted;
    await minted(3_000_000n);
    await test.chain.request('anvil_setBalance', test.merchant.wallet, '0xde0b6b3a7640000');
    await test.outside(() => test.world.transfer(test.merchant.walletAccount, test.token, vault, 3_000_000n));
    await test.outside(() => test.world.mint(test.token, vault, 1_000_000n));
    await settled();
    assert.deepEqual(credits(), ['merchant', 'merchant', 'merchant', 'suspense']);
    assert.equal((await test.money()).posted, before + 3_000_000n);
    assert.equal(await suspense(), 1_000_000n);
    await test.reconcile();
  });
});
