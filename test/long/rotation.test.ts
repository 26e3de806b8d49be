import assert from 'node:assert/strict';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem, type Hex } from '#base';
import { LEDGER_ANCHOR_ABI, SAFE_ABI, SETTLEMENT_VAULT_ABI, TIMELOCK_ABI } from '#chain/abi';
import { signerNodes } from '#main';
import { keccak256, stringToBytes, type Abi } from 'viem';
import { loadExample } from '../../scripts/example/example.ts';
import { merchantKeys } from '../../scripts/example/merchant.ts';
import { call } from '../governance/support.ts';
import { testPlatform, units, type TestPlatform } from '../support/platform.ts';

const EXAMPLE = loadExample();
const SIGNERS = signerNodes({ merchants: merchantKeys(EXAMPLE.merchants), rates: EXAMPLE.rates as never, force: false });

/** As docs/custody.md has it, "Replacing a key": other nodes, other keys, the same book. */
describe('the rehearsal’s signer nodes, replaced by new ones with keys of their own', function () {
  this.timeout(600_000);
  let test: TestPlatform;
  before(async () => {
    test = await testPlatform({ signers: SIGNERS });
    await test.fund(1_000n);
  });
  after(() => test.close());

  /** The signers take their time, of which a chain that mines when told knows nothing. */
  async function patiently(what: string, isSo: () => Promise<boolean>): Promise<void> {
    for (let i = 0; i < 600; i++) {
      if (await isSo()) return;
      await test.step();
      await sleep(100);
    }
    assert.fail(`it never came about that ${what}`);
  }

  /** What the timelock does once its delay is over, and the Safe for its own owners. */
  async function governed(by: Hex, to: Hex, abi: Abi, name: string, args: readonly unknown[] = []): Promise<void> {
    await test.chain.request('anvil_impersonateAccount', by);
    await test.chain.request('anvil_setBalance', by, '0xde0b6b3a7640000');
    const hash = await test.chain.request('eth_sendTransaction', { from: by, to, data: call(abi, name, args), gas: '0x100000' });
    await test.chain.mine();
    const { status } = (await test.chain.request('eth_getTransactionReceipt', hash)) as { status: Hex };
    assert.equal(status, '0x1', name);
  }

  async function leafOf(index: string): Promise<{ leaf: string; state: string; signature: string }> {
    const { rows } = await test.db.owner.query<{ leaf: string; state: string; signature: string }>(
      "select encode(leaf, 'hex') as leaf, state, encode(signature, 'hex') as signature from cairn.anchor where log_index = $1",
      [index],
    );
    return rows[0]!;
  }

  async function newestIndex(): Promise<string> {
    const { rows } = await test.db.owner.query<{ log_index: string }>('select log_index from cairn.anchor order by log_index desc limit 1');
    return rows[0]!.log_index;
  }

  it('sign the very leaf that was on its way, and pay what was ordered before', async () => {
    const { anchor, vault, timelock, safe } = test.platform.deployment;
    const folder = (name: string): string => join(test.stateDir, name);
    const keysOf = (name: string) => JSON.parse(readFileSync(join(folder(name), 'keys.json'), 'utf8')) as Record<'poster' | 'vault' | 'owner', Hex>;
    await patiently('nothing waits for its block', async () => (await leafOf(await newestIndex())).state === 'final');
    await governed(timelock, anchor, LEDGER_ANCHOR_ABI, 'pause');
    const { submitted, payees } = await test.order(['10.00']);
    await patiently('a leaf is on its way', async () => (await leafOf(await newestIndex())).state === 'sent');
    const index = await newestIndex();
    const before = await leafOf(index);

    await test.stop();
    renameSync(folder('signers'), folder('signers.old'));
    await assert.rejects(test.restart(SIGNERS), (error) => error instanceof Problem && error.code === 'chain/keys-differ');
    const [old, now] = [keysOf('signers.old'), keysOf('signers')];
    await governed(timelock, anchor, LEDGER_ANCHOR_ABI, 'setPoster', [now.poster]);
    await governed(timelock, vault, SETTLEMENT_VAULT_ABI, 'setSigner', [now.vault]);
    await governed(timelock, timelock, TIMELOCK_ABI, 'grantRole', [keccak256(stringToBytes('CANCELLER_ROLE')), now.owner]);
    await governed(timelock, timelock, TIMELOCK_ABI, 'revokeRole', [keccak256(stringToBytes('CANCELLER_ROLE')), old.owner]);
    const owners = await test.platform.client.read('the owners', (viem) => viem.readContract({ abi: SAFE_ABI, address: safe, functionName: 'getOwners' }));
    const at = owners.findIndex((owner) => owner.toLowerCase() === old.owner);
    await governed(safe, safe, SAFE_ABI, 'swapOwner', [at === 0 ? `0x${'1'.padStart(40, '0')}` : owners[at - 1], old.owner, now.owner]);
    await governed(timelock, anchor, LEDGER_ANCHOR_ABI, 'unpause');

    await test.restart(SIGNERS);
    await patiently('the leaf is final', async () => (await leafOf(index)).state === 'final');
    const after = await leafOf(index);
    assert.equal(after.leaf, before.leaf);
    assert.notEqual(after.signature, before.signature);
    assert.ok(await test.platform.closeWindow());
    await patiently('the payee is paid', async () => (await test.payments(submitted.order.order))[0]!.state === 'settled');
    assert.equal(await test.balanceOf(payees[0]!.settlementAddress), units('10.00'));
  });
});
