import assert from 'node:assert/strict';
import { decodeFunctionData, encodeFunctionData, type Hex as ViemHex } from 'viem';
import type { Hex } from '#base';
import { createStrayReader, SETTLEMENT_VAULT_ABI, TEST_STABLECOIN_ABI } from '#chain';
import { chartAccount } from '#ledger/core';
import { createSweeper, type SweepProgress } from '#settlement';
import { UNASSIGNED_REFERENCE, type AuthorisationIntent, type Role } from '#custody/intents';
import { platformNode, type PlatformNode } from '../mpc/node/book/support/platformNode.ts';
import { DOLLAR, FINALITY } from '../support/platform.ts';

/** On the product's own platform, chain and contracts; a signer's book of its own judges every intent before the platform's custody signs it. */
describe('money that somebody sent to the address of a key', function () {
  this.timeout(180_000);
  let world: PlatformNode;
  before(async () => {
    world = await platformNode();
  });
  after(() => world.close());

  const addressOf = (role: Role) => world.test.platform.custody.address(role);
  const suspense = async () => {
    const { book, bookId } = world.test.platform;
    return (await book.account(chartAccount(bookId, 'suspense', DOLLAR)))?.creditsPosted ?? 0n;
  };
  const send = (to: Hex, amount: bigint) => world.test.outside(() => world.test.world.mint(world.test.token, to, amount));
  const asked = () => world.asked.filter(({ intent }) => intent.kind === 'authorisation');
  const steps = async (count: number) => {
    for (let i = 0; i < count; i++) await world.test.step();
  };
  const least = () => new Map([[world.test.token, 1_000_000n]]);
  const credited = () => world.test.events.flatMap((event) => (event.kind === 'deposit' ? [event.credited] : []));

  it('comes into the vault from each of the three, is booked as nobody’s, and reconciles to the last unit', async () => {
    const { test } = world;
    const amounts: Readonly<Record<Role, bigint>> = { poster: 3_000_001n, vault: 250_000_000n, owner: 1_000_000n };
    for (const [role, amount] of Object.entries(amounts)) await send(await addressOf(role as Role), amount);
    const before = await test.money();
    await test.until('all of it is booked', async () => (await suspense()) === 254_000_001n);
    for (const role of Object.keys(amounts)) assert.equal(await test.balanceOf(await addressOf(role as Role)), 0n);
    assert.equal(await test.balanceOf(test.platform.deployment.vault), 254_000_001n);
    assert.deepEqual(await test.money(), before);
    for (const { owner, deposit } of credited()) {
      assert.deepEqual(owner, { kind: 'suspense', why: 'money that somebody sent to the address of a key of ours' });
      assert.equal(deposit.reference, UNASSIGNED_REFERENCE);
    }
    assert.deepEqual(
      asked().map(({ judgement }) => (judgement.ok ? judgement.facts.kind : judgement.rule)),
      asked().map(() => 'authorisation'),
    );
    await test.reconcile();
  });

  it('is one authorisation however often the platform looks, and the next money another, with the next number', async () => {
    const { test } = world;
    await steps(FINALITY + 2);
    const before = test.sent('sweep', 'final').length;
    await send(await addressOf('vault'), 5_000_000n);
    await test.until('it is booked', async () => (await suspense()) === 259_000_001n);
    await steps(FINALITY + 2);
    assert.equal(test.sent('sweep', 'final').length, before + 1);
    const ofVault = asked()
      .map(({ intent }) => intent as AuthorisationIntent)
      .filter(({ holder }) => holder === 'vault');
    assert.deepEqual([...new Set(ofVault.map(({ index }) => index))], [0, 1]);
    await test.reconcile();
  });

  it('stays where it is while it is less than a unit', async () => {
    const { test } = world;
    const before = asked().length;
    await send(await addressOf('poster'), 999_999n);
    await steps(FINALITY + 3);
    assert.equal(asked().length, before);
    await send(await addressOf('poster'), 1n);
    await test.until('it is booked', async () => (await suspense()) === 260_000_001n);
    await test.reconcile();
  });

  it('is asked for once by a platform that forgot everything in between, whatever arrived meanwhile', async () => {
    const { test } = world;
    const { custody, outbox, client, deployment, clock } = test.platform;
    const told: SweepProgress[] = [];
    const fresh = () =>
      createSweeper({
        chainId: client.chainId,
        vaultAddress: deployment.vault,
        least: least(),
        custody,
        outbox,
        stray: createStrayReader({ client, deployment }),
        clock,
        retryAfterMs: 1_000,
        report: (progress) => void told.push(progress),
      });
    await send(await addressOf('owner'), 2_000_000n);
    await test.chain.mine();
    for (let i = 0; i < FINALITY; i++) await test.chain.mine();
    const [first, second] = [fresh(), fresh()];
    while (!told.some(({ step }) => step === 'bringing')) assert.equal(await first.tick(), 1);
    await send(await addressOf('owner'), 7_000_000n);
    for (let i = 0; i < FINALITY; i++) await test.chain.mine();
    for (let i = 0; i < 3; i++) assert.equal(await second.tick(), 1);
    assert.equal(told.filter(({ step }) => step === 'bringing').length, 1);
    await test.until('both are booked', async () => (await suspense()) === 269_000_001n);
    const brought = credited()
      .slice(-2)
      .map(({ deposit }) => deposit.amount);
    assert.deepEqual(brought, [2_000_000n, 7_000_000n]);
    await test.reconcile();
  });

  it('goes nowhere else with the signature that everybody can read on the chain: not twice, not under a reference, not straight to anybody', async () => {
    const { test } = world;
    const { vault } = test.platform.deployment;
    const { hash } = test.sent('sweep', 'final').at(-1);
    const { input } = (await test.chain.request('eth_getTransactionByHash', hash)) as { input: ViemHex };
    const { args } = decodeFunctionData({ abi: SETTLEMENT_VAULT_ABI, data: input });
    const [token, from, value, after, until, , salt, { v, r, s }] = args as unknown as readonly [
      Hex,
      Hex,
      bigint,
      bigint,
      bigint,
      Hex,
      Hex,
      { v: number; r: Hex; s: Hex },
    ];
    await send(from, value);
    const deposit = (reference: Hex, amount = value) =>
      encodeFunctionData({
        abi: SETTLEMENT_VAULT_ABI,
        functionName: 'depositWithAuthorization',
        args: [token, from, amount, after, until, reference, salt, { v, r, s }],
      });
    assert.match(String(await test.refusalOf(vault, deposit(UNASSIGNED_REFERENCE))), /Authorization/);
    const mine: Hex = test.merchant.reference;
    assert.notEqual(await test.refusalOf(vault, deposit(mine)), null);
    assert.notEqual(await test.refusalOf(vault, deposit(UNASSIGNED_REFERENCE, value - 1n)), null);
    for (const functionName of ['receiveWithAuthorization', 'transferWithAuthorization'] as const) {
      const nonce: Hex = `0x${'00'.repeat(32)}`;
      const data = encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName, args: [from, vault, value, after, until, nonce, v, r, s] });
      assert.notEqual(await test.refusalOf(token, data), null, functionName);
    }
    await test.until('what arrived meanwhile is booked too', async () => (await suspense()) === 269_000_001n + value);
    await test.reconcile();
  });
});
