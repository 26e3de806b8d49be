import { strict as assert } from 'node:assert';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Problem, type ProblemCode } from '#base';
import { connectChain } from '#chain';
import { startTestChain, type TestChain } from '../anvil.ts';

const refusal =
  (code: ProblemCode, words = /./) =>
  (error: unknown) =>
    error instanceof Problem && error.code === code && words.test(error.detail);
const DEPTH = { kind: 'depth', blocks: 3 } as const;

/** A node that answers each request by the next of these: a status, a result, or never. */
async function startNode(answers: readonly (number | object | 'silence')[]): Promise<{ url: string; asked: () => number; stop: () => void }> {
  let asked = 0;
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const answer = answers[Math.min(asked++, answers.length - 1)]!;
      if (answer === 'silence') return;
      response.writeHead(typeof answer === 'number' ? answer : 200, { 'content-type': 'application/json' });
      response.end(typeof answer === 'number' ? '' : JSON.stringify({ jsonrpc: '2.0', id: (JSON.parse(body) as { id: number }).id, ...answer }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/secret-key`,
    asked: () => asked,
    stop: () => (server.closeAllConnections(), void server.close()),
  };
}

describe('the client of the chain', () => {
  let chain: TestChain;
  before(async () => void (chain = await startTestChain()));
  after(() => chain.stop());

  it('knows what is final: so many blocks deep, what the node tags, or what its provider says', async () => {
    await chain.mine(2);
    const client = await connectChain({ rpcUrl: chain.rpcUrl, finality: DEPTH });
    assert.equal(await client.finalBlock(), 0n, 'nothing but genesis yet');
    await chain.mine(8);
    assert.equal(await client.finalBlock(), 7n);
    assert.equal((await client.block(7n)).number, 7n);
    const provided = await connectChain({ rpcUrl: chain.rpcUrl, finality: { kind: 'provider', finalBlock: async () => 5n } });
    assert.equal(await provided.finalBlock(), 5n);
    const tagged = await connectChain({ rpcUrl: chain.rpcUrl, finality: { kind: 'tag', tag: 'safe' } });
    assert.ok((await tagged.finalBlock()) <= 10n);
    assert.match(client.genesisHash, /^0x[0-9a-f]{64}$/);
  });

  it('refuses another chain, and an address that is none', async () => {
    await assert.rejects(
      connectChain({ rpcUrl: chain.rpcUrl, expectedChainId: 1n, finality: DEPTH }),
      refusal('chain/wrong-chain', /serves chain 31337, not 1\./),
    );
    await assert.rejects(connectChain({ rpcUrl: 'file:///etc/passwd', finality: DEPTH }), refusal('chain/unreachable'));
    await assert.rejects(connectChain({ rpcUrl: 'nonsense', finality: DEPTH }), refusal('chain/unreachable'));
  });

  it('tells a block that the chain no longer has', async () => {
    const client = await connectChain({ rpcUrl: chain.rpcUrl, finality: DEPTH });
    await assert.rejects(client.block(1_000_000n), refusal('chain/state-lost'));
  });

  it('tries a read again after a transient failure, and says which host failed but not its key', async () => {
    const flaky = await startNode([503, { result: '0x7a69' }, 503, { result: null }]);
    await assert.rejects(connectChain({ rpcUrl: flaky.url, finality: DEPTH }), refusal('chain/state-lost'));
    assert.ok(flaky.asked() >= 4);
    flaky.stop();
    const dead = await startNode([500]);
    const problem = await connectChain({ rpcUrl: dead.url, finality: DEPTH, retries: 1 }).catch((error: Problem) => error);
    assert.ok(problem instanceof Problem && problem.code === 'chain/unreachable');
    assert.equal(dead.asked(), 2);
    assert.ok(problem.detail.includes('127.0.0.1') && !problem.detail.includes('secret-key'));
    dead.stop();
    await assert.rejects(connectChain({ rpcUrl: dead.url, finality: DEPTH, retries: 0 }), refusal('chain/unreachable'));
  });

  it('does not wait for ever', async () => {
    const silent = await startNode(['silence']);
    await assert.rejects(connectChain({ rpcUrl: silent.url, finality: DEPTH, timeoutMs: 100, retries: 0 }), refusal('chain/unreachable'));
    silent.stop();
  });

  it('sends a raw transaction once, and understands what nodes say to it', async () => {
    const words: readonly (readonly [message: string, kind: string])[] = [
      ['already known', 'known'],
      ['transaction already imported', 'known'],
      ['nonce too low: next nonce 5, tx nonce 4', 'nonceUsed'],
      ['replacement transaction underpriced', 'underpriced'],
      ['insufficient funds for gas * price + value: balance 0', 'outOfFunds'],
      ['exceeds block gas limit', 'refused'],
    ];
    for (const [message, kind] of words) {
      const node = await startNode([
        { result: '0x1' },
        { result: { number: '0x0', hash: `0x${'00'.repeat(32)}`, timestamp: '0x0', transactions: [] } },
        { error: { code: -32000, message } },
      ]);
      const client = await connectChain({ rpcUrl: node.url, finality: DEPTH });
      const before = node.asked();
      assert.equal((await client.sendRaw('0x02')).kind, kind, message);
      assert.equal(node.asked(), before + 1);
      node.stop();
      assert.equal((await client.sendRaw('0x02')).kind, 'unreachable');
    }
  });

  it('takes a revert for one though it says no more than that, and by no other name', async () => {
    const said: readonly (readonly [error: object, code: ProblemCode, revertData?: string])[] = [
      [{ code: 3, message: 'execution reverted: no', data: '0x08C379A0' }, 'chain/reverted', '0x08c379a0'],
      [{ code: 3, message: 'execution reverted' }, 'chain/reverted', '0x'],
      // geth, where the contract gave no data.
      [{ code: -32000, message: 'execution reverted' }, 'chain/reverted', '0x'],
      [{ code: -32000, message: 'missing trie node' }, 'chain/refused-by-node'],
      [{ code: -32000, message: 'gas required exceeds allowance (30000000)' }, 'chain/refused-by-node'],
    ];
    for (const [error, code, revertData] of said) {
      const node = await startNode([
        { result: '0x1' },
        { result: { number: '0x0', hash: `0x${'00'.repeat(32)}`, timestamp: '0x0', transactions: [] } },
        { error },
      ]);
      const client = await connectChain({ rpcUrl: node.url, finality: DEPTH, retries: 0 });
      const estimate = client.read('an estimate of gas', (viem) =>
        viem.estimateGas({ account: `0x${'11'.repeat(20)}`, to: `0x${'22'.repeat(20)}`, data: '0x01' }),
      );
      const caught = await estimate.catch((problem: unknown) => problem);
      node.stop();
      assert.ok(refusal(code)(caught) && caught instanceof Problem);
      assert.equal(caught.facts['revertData'], revertData);
    }
  });
});
