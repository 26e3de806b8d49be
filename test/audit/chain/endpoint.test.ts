import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { Problem } from '#base';
import { finalBlockOf, withEndpoint, type FinalityTag } from '../../../src/audit/chain/endpoint.ts';

const HASH = `0x${'11'.repeat(32)}`;
const BLOCK = {
  number: '0x7',
  hash: HASH,
  parentHash: HASH,
  timestamp: '0x64',
  nonce: '0x0000000000000000',
  difficulty: '0x0',
  gasLimit: '0x1',
  gasUsed: '0x0',
  miner: `0x${'22'.repeat(20)}`,
  extraData: '0x',
  transactions: [],
};

interface Asked {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** A node of the kind that there is: what it says to the tag `finalized` is the test's. */
function nodeThatSays(toFinalized: object): Server {
  return createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const { id, method, params } = JSON.parse(body) as Asked;
      const answer = method === 'eth_chainId' ? { result: '0x1' } : params[0] === 'finalized' ? toFinalized : { result: BLOCK };
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
    });
  });
}

async function blockOf(server: Server, tag: FinalityTag, patienceMs?: number): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  try {
    return (await withEndpoint(`http://127.0.0.1:${port}`, (provider) => finalBlockOf(provider, tag), patienceMs)).number;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('the final block of an endpoint', () => {
  const ignorant: readonly (readonly [string, object])[] = [
    ['answers null', { result: null }],
    ['answers that the tag is invalid', { error: { code: -32602, message: 'invalid block tag' } }],
    ['answers that there is none yet', { error: { code: -39001, message: 'finalized block not found' } }],
  ];
  for (const [what, answer] of ignorant) {
    it(`is refused, not replaced by the newest, where the node ${what}`, () =>
      assert.rejects(blockOf(nodeThatSays(answer), 'finalized'), (error) => error instanceof Problem && error.code === 'audit/no-finality'));
    it(`is the newest for whoever asks for that, where the node ${what}`, async () => assert.equal(await blockOf(nodeThatSays(answer), 'latest'), 7));
  }

  it('is not waited for much longer than answers take: an answer that was lost is a failure of the endpoint', () =>
    assert.rejects(blockOf(createServer(), 'latest', 50), (error) => error instanceof Problem && error.code === 'audit/endpoint-failed'));

  it('is the one that the node calls so', async () => assert.equal(await blockOf(nodeThatSays({ result: { ...BLOCK, number: '0x5' } }), 'finalized'), 5));
});
