import { strictEqual, ok } from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { testChain, type TestChain } from './chain.ts';

describe('the chain of a test run', () => {
  let chain: TestChain;
  before(async () => (chain = await testChain()));

  const height = async () => Number(await chain.rpc<string>('eth_blockNumber'));
  const submit = () => chain.rpc<string>('eth_sendTransaction', { from: chain.accounts[0]!.address, to: chain.accounts[1]!.address, value: '0x1' });
  const receipt = (hash: string) => chain.rpc<{ blockNumber: string } | null>('eth_getTransactionReceipt', hash);

  /** The node answers before it has mined. */
  const send = async () => {
    const hash = await submit();
    while (!(await receipt(hash))) await setTimeout(5);
    return hash;
  };

  it('mines blocks when told, and transactions as they come', async () => {
    const before = await height();
    await chain.mine(3);
    ok(await receipt(await send()));
    strictEqual(await height(), before + 4);
  });

  it('forgets the transactions of replaced blocks', async () => {
    await chain.mine(5);
    const kept = await send();
    const dropped = [await send(), await send()];
    const before = await height();
    await chain.reorg(2);
    strictEqual(await height(), before);
    ok(await receipt(kept));
    for (const hash of dropped) strictEqual(await receipt(hash), null);
    ok(await receipt(await send()));
  });

  it('goes back to a snapshot', async () => {
    const before = await height();
    const snapshot = await chain.snapshot();
    const hash = await send();
    await chain.revert(snapshot);
    strictEqual(await height(), before);
    strictEqual(await receipt(hash), null);
  });

  it('holds transactions back while it does not mine by itself', async () => {
    await chain.automine(false);
    const hash = await submit();
    strictEqual(await receipt(hash), null);
    await chain.mine();
    ok(await receipt(hash));
    await chain.automine(true);
  });
});
