import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex, Problem, toHex, type Hex } from '#base';
import { LEDGER_ANCHOR_ABI, SETTLEMENT_VAULT_ABI } from '#chain/abi';
import { intentDigest, isSignatureBy } from '#custody/intents';
import type { OpenSigners } from '#main';
import { allInstructions, instructionOf, type StoredInstruction } from '#settlement';
import { call } from './governance/support.ts';
import { openTestCustody, testSigners } from './support/custody.ts';
import { testPlatform, units, type TestPlatform } from './support/platform.ts';

/** Keys of their own as poster and vault, and the owner's of before. */
const successors: OpenSigners = async (world) => {
  const folder = join(world.stateDir, 'successors');
  cpSync(join(world.stateDir, 'keys', 'owner.key'), join(folder, 'owner.key'));
  return { ...(await testSigners(world)), custody: await openTestCustody(folder, world.random) };
};

describe('a platform whose poster and vault signer governance replaced', function () {
  this.timeout(120_000);
  let test: TestPlatform;
  before(async () => {
    test = await testPlatform();
    await test.fund(1_000n);
  });
  after(() => test.close());

  /** What the timelock does once its delay is over. */
  async function governed(to: Hex, data: Hex): Promise<void> {
    const { timelock } = test.platform.deployment;
    await test.chain.request('anvil_impersonateAccount', timelock);
    await test.chain.request('anvil_setBalance', timelock, '0xde0b6b3a7640000');
    await test.chain.request('eth_sendTransaction', { from: timelock, to, data, gas: '0x100000' });
    await test.chain.mine();
  }

  async function instructions(): Promise<StoredInstruction[]> {
    return allInstructions(test.platform.database.pool, test.platform.bookId);
  }

  async function newestLeaf() {
    const { rows } = await test.db.owner.query<{ log_index: string; leaf: Buffer; previous: Buffer; state: string; signature: Buffer | null }>(
      'select log_index, leaf, previous, state, signature from cairn.anchor order by log_index desc limit 1',
    );
    return rows[0]!;
  }

  it('brings in the very leaf and pays the very instruction that were signed before, by the new signatures', async () => {
    const { anchor, vault, chainId } = test.platform.deployment;
    const caps = (most: bigint) => governed(vault, call(SETTLEMENT_VAULT_ABI, 'setCaps', [test.token, most, most]));
    const { payees, submitted } = await test.order(['10.00']);
    await caps(1n);
    assert.ok(await test.platform.closeWindow());
    await test.until('the instruction is signed', async () => (await instructions())[0]?.signature != null);
    const [untold] = await instructions();
    assert.equal(untold!.state, 'booked', 'and told to nobody, for the cap');

    await test.until('nothing waits for its block', async () => (await newestLeaf()).state === 'final');
    await governed(anchor, call(LEDGER_ANCHOR_ABI, 'pause'));
    await test.order(['20.00']);
    await test.until('a leaf is on its way', async () => (await newestLeaf()).state === 'sent');
    for (let i = 0; i < 3; i++) await test.step();
    const pending = await newestLeaf();
    assert.equal(pending.state, 'sent', 'and the paused log takes none');

    await assert.rejects(test.restart(successors), (error) => error instanceof Problem && error.code === 'chain/keys-differ');
    await test.restart(testSigners);
    const custody = await openTestCustody(join(test.stateDir, 'successors'), () => assert.fail('the keys are there'));
    await governed(anchor, call(LEDGER_ANCHOR_ABI, 'setPoster', [await custody.address('poster')]));
    await governed(vault, call(SETTLEMENT_VAULT_ABI, 'setSigner', [await custody.address('vault')]));
    await governed(anchor, call(LEDGER_ANCHOR_ABI, 'unpause'));
    await caps(10n ** 12n);
    for (let i = 0; i < 3; i++) await test.step();
    assert.equal((await newestLeaf()).state, 'sent', 'nobody takes what the former key signed');

    await assert.rejects(test.restart(testSigners), (error) => error instanceof Problem && error.code === 'chain/keys-differ');
    await test.restart(successors);
    await test.until('the leaf is final', async () => {
      const { rows } = await test.db.owner.query<{ state: string }>('select state from cairn.anchor where log_index = $1', [pending.log_index]);
      return rows[0]!.state === 'final';
    });
    const { rows } = await test.db.owner.query<{ leaf: Buffer; signature: Buffer }>('select leaf, signature from cairn.anchor where log_index = $1', [
      pending.log_index,
    ]);
    assert.deepEqual(rows[0]!.leaf, pending.leaf);
    const intent = { kind: 'anchor', chainId, anchor, previous: toHex(pending.previous), leaf: toHex(pending.leaf) } as const;
    assert.ok(isSignatureBy(await custody.address('poster'), intentDigest(intent), toHex(rows[0]!.signature)));

    await test.advance(1_200);
    await test.until('the payee is paid', async () => (await test.payments(submitted.order.order))[0]!.state === 'settled');
    assert.equal(await test.balanceOf(payees[0]!.settlementAddress), units('10.00'));
    const [paid] = await instructions();
    assert.equal(paid!.id, untold!.id);
    assert.ok(
      isSignatureBy(
        await custody.address('vault'),
        intentDigest({ kind: 'instruction', chainId, vault, instruction: instructionOf(paid!) }),
        toHex(fromHex(paid!.signature!)),
      ),
    );
  });
});
