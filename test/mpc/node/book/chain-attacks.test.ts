import { strict as assert } from 'node:assert';
import { keccak256 } from 'viem';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex, toHex, type Hex } from '#base';
import { appendLeaf, commitment } from '#anchor/core';
import { instructionId, type AnchorIntent, type Intent } from '#custody/intents';
import type { ChainOptions } from '../../../../mpc/node/book/book.ts';
import { inForge, refuses, signs } from './support/attack.ts';
import type { Forge } from './support/forge.ts';
import { DEPTH } from './support/samples.ts';
import type { Lie } from './support/fakeChain.ts';

/** A paid-up instruction that an honest node would sign. */
async function ready(forge: Forge): Promise<Intent> {
  forge.deposit(1_000_000_000n);
  await forge.pay('100.00');
  const intent = forge.settle();
  forge.anchor();
  return intent;
}

/** Another endpoint of the same chain that answers one question in its own way. */
function lying(forge: Forge, method: string, answer: (truth: unknown, params: readonly unknown[]) => unknown): Promise<string> {
  const lie: Lie = (asked, params, truth) => (asked === method ? answer(truth(), params) : undefined);
  return forge.chain.serve(lie);
}

async function judged(forge: Forge, intent: Intent, urls: readonly string[], more: Parameters<Forge['fed']>[0] = {}) {
  return (await forge.fed({ urls, ...more })).judge(intent, forge.nowMs);
}

const chainOf = (urls: readonly string[], more: Partial<ChainOptions> = {}): ChainOptions => ({
  urls,
  finality: { kind: 'depth', blocks: DEPTH },
  maxBehindBlocks: 3,
  maxBehindMs: null,
  timeoutMs: 2_000,
  ...more,
});

describe('a signer’s book and the chain it sees', function () {
  this.timeout(60_000);

  signs('agrees where two endpoints say the same', async (forge) => judged(forge, await ready(forge), [await forge.chain.serve(), await forge.chain.serve()]));

  signs('agrees where one of three is down and two are enough', async (forge) => {
    const intent = await ready(forge);
    const urls = [await forge.chain.serve(), 'http://127.0.0.1:9', await forge.chain.serve()];
    return judged(forge, intent, [], { chain: chainOf(urls, { needed: 2 }) });
  });

  refuses('chain-answers', 'refuses while an endpoint that it needs is down', async (forge) =>
    judged(forge, await ready(forge), [await forge.chain.serve(), 'http://127.0.0.1:9']),
  );

  refuses('chain-answers', 'refuses an endpoint of another chain', async (forge) =>
    judged(forge, await ready(forge), [await lying(forge, 'eth_chainId', () => '0x1')]),
  );

  refuses('chain-answers', 'refuses an endpoint that does not tell what it is asked', async (forge) =>
    judged(forge, await ready(forge), [await lying(forge, 'eth_getLogs', () => new TypeError('too many results'))]),
  );

  refuses('chain-recent', 'refuses where one endpoint lags behind the other', async (forge) => {
    const intent = await ready(forge);
    forge.chain.finalise(30);
    const behind = forge.chain.newest.number - 20;
    const lagging = await lying(forge, 'eth_getBlockByNumber', (truth, [tag]) =>
      tag === 'latest' ? { ...(truth as object), number: `0x${behind.toString(16)}` } : truth,
    );
    return judged(forge, intent, [await forge.chain.serve(), lagging]);
  });

  refuses('chain-recent', 'refuses where the newest block is old', async (forge) => {
    const intent = await ready(forge);
    return judged(forge, intent, [], { chain: chainOf([await forge.chain.serve()], { maxBehindMs: 60_000 }) });
  });

  refuses('chain-agrees', 'refuses where two endpoints have another final block', async (forge) => {
    const intent = await ready(forge);
    const other = await lying(forge, 'eth_getBlockByNumber', (truth) => ({ ...(truth as object), hash: keccak256('0x01') }));
    return judged(forge, intent, [await forge.chain.serve(), other]);
  });

  refuses('chain-agrees', 'refuses where two endpoints contradict each other about the log', async (forge) => {
    const intent = await ready(forge);
    return judged(forge, intent, [await forge.chain.serve(), await lying(forge, 'eth_getLogs', () => [])]);
  });

  refuses('chain-agrees', 'refuses where two endpoints contradict each other about what is paid', async (forge) => {
    const intent = await ready(forge);
    const word = '00'.repeat(31);
    const paid = await lying(forge, 'eth_call', (truth) => (String(truth).length === 2 + 192 ? `0x${word}01${word}01${word}00` : truth));
    return judged(forge, intent, [await forge.chain.serve(), paid]);
  });

  refuses('chain-agrees', 'refuses where two endpoints contradict each other about a deposit', async (forge) => {
    const intent = await ready(forge);
    return judged(forge, intent, [await forge.chain.serve(), await lying(forge, 'eth_getTransactionReceipt', () => null)]);
  });

  refuses('deposit-backed', 'refuses a deposit that its own endpoint does not have', async (forge) => {
    const intent = await ready(forge);
    return judged(forge, intent, [await lying(forge, 'eth_getTransactionReceipt', () => null)]);
  });

  refuses('deposit-backed', 'refuses a deposit whose transaction reverted', async (forge) => {
    const intent = await ready(forge);
    return judged(forge, intent, [await lying(forge, 'eth_getTransactionReceipt', (truth) => ({ ...(truth as object), status: '0x0' }))]);
  });

  refuses('chain-not-reorganised', 'refuses where a block that was final is another one', async (forge) => {
    const intent = await ready(forge);
    const node = await forge.fed();
    assert.ok((await node.judge(intent, forge.nowMs)).ok);
    for (const block of forge.chain.blocks) block.hash = keccak256(block.hash);
    return node.judge(intent, forge.nowMs);
  });

  refuses('chain-not-reorganised', 'refuses where the final block went back', async (forge) => {
    const intent = await ready(forge);
    const node = await forge.fed();
    assert.ok((await node.judge(intent, forge.nowMs)).ok);
    forge.chain.blocks.splice(-5);
    return node.judge(intent, forge.nowMs);
  });

  refuses('chain-recent', 'waits where an endpoint came back that is a little behind what was final before', async (forge) => {
    const intent = await ready(forge);
    const node = await forge.fed();
    assert.ok((await node.judge(intent, forge.nowMs)).ok);
    forge.chain.blocks.pop();
    return node.judge(intent, forge.nowMs);
  });

  inForge('judges what only one of two endpoints, or a block that is not final, calls cancelled', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    await forge.pay('50.00');
    const intent = forge.settle();
    forge.anchor();
    assert.ok(intent.kind === 'instruction');
    forge.chain.instructions.set(instructionId(intent.instruction), { since: forge.chain.newest.number, bits: { opened: false, settled: 1n, cancelled: 1n } });
    const judgement = await (await forge.fed()).judge(intent, forge.nowMs);
    assert.ok(judgement.ok && judgement.facts.kind === 'instruction');
    assert.deepEqual(judgement.facts.payments.map(({ amount }) => amount), [100_000_000n, 50_000_000n]); // prettier-ignore
  });

  refuses('deployment-known', 'refuses a vault that believes another log', async (forge) => {
    const intent = await ready(forge);
    forge.chain.vaultAnchor = `0x${'ee'.repeat(20)}`;
    return judged(forge, intent, [await forge.chain.serve()]);
  });

  refuses('deployment-known', 'refuses a vault that serves another book', async (forge) => {
    const intent = await ready(forge);
    const other = await lying(forge, 'eth_call', (truth, [call]) =>
      (call as { data: Hex }).data.length === 10 && String(truth).endsWith('00'.repeat(16)) ? `0x${'ab'.repeat(16)}${'00'.repeat(16)}` : truth,
    );
    return judged(forge, intent, [other]);
  });

  refuses('log-known', 'refuses where the chain has a leaf that the records do not make', async (forge) => {
    const intent = await ready(forge);
    forge.chain.append(keccak256('0x1234'));
    forge.chain.finalise(DEPTH);
    return judged(forge, intent, [await forge.chain.serve()]);
  });

  refuses('log-known', 'refuses a feed whose records were replaced after they were anchored', async (forge) => {
    const intent = await ready(forge);
    const items = forge.items.map((item) => {
      const { record } = item;
      return record.kind === 'payee' ? { ...item, record: { ...record, nowMs: record.nowMs + 1 } } : item;
    });
    const node = await forge.node();
    assert.ok((await node.absorb(forge.page(1n, { items }), forge.nowMs)).ok);
    return node.judge(intent, forge.nowMs);
  });

  refuses('log-known', 'refuses where an endpoint leaves out a leaf of the log', async (forge) => {
    const intent = await ready(forge);
    return judged(forge, intent, [await lying(forge, 'eth_getLogs', () => [])]);
  });

  refuses('instruction-anchored', 'refuses where the anchor is in a block that is not final', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    forge.anchor();
    const intent = forge.settle();
    forge.chain.append(forge.seal().leaf);
    forge.chain.finalise(DEPTH - 1);
    return judged(forge, intent, [await forge.chain.serve()]);
  });

  refuses('instruction-anchored', 'refuses where a reorganisation took the anchor away', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    forge.anchor();
    const before = forge.chain.head;
    const intent = forge.settle();
    forge.chain.append(forge.seal().leaf);
    const node = await forge.fed();
    const early = await node.judge(intent, forge.nowMs);
    assert.equal(early.ok ? '' : early.rule, 'instruction-anchored');
    forge.chain.blocks.pop();
    forge.chain.logs.pop();
    forge.chain.head = before;
    forge.chain.finalise(10);
    return node.judge(intent, forge.nowMs);
  });
});

describe('a signer’s book, asked for an anchor,', function () {
  this.timeout(60_000);

  inForge('agrees to one batch after another, and to the same one again', async (forge) => {
    const first = forge.seal();
    const node = await forge.fed();
    const yes = await node.judge(first, forge.nowMs);
    assert.equal(await node.bind(first), null);
    const again = await node.judge(first, forge.nowMs);
    assert.ok(yes.ok && yes.facts.kind === 'anchor' && !yes.facts.again && yes.facts.firstSeq === 1n && yes.facts.index === 0n);
    assert.ok(again.ok && again.facts.kind === 'anchor' && again.facts.again);
    forge.chain.append(first.leaf);
    forge.deposit(7n);
    const second = forge.seal();
    assert.ok((await node.absorb(forge.page(node.nextSeq()), forge.nowMs)).ok);
    const next = await node.judge(second, forge.nowMs);
    assert.ok(next.ok && next.facts.kind === 'anchor' && next.facts.index === 1n);
  });

  refuses('one-batch-a-position', 'refuses another batch at the same place', async (forge) => {
    const { node, other } = await twice(forge);
    return node.judge(other, forge.nowMs);
  });

  refuses('one-batch-a-position', 'refuses another batch at the same place after it was started again', async (forge) => {
    const { node, other, folder } = await twice(forge);
    await forge.stop(node);
    return (await forge.node({ folder })).judge(other, forge.nowMs);
  });

  refuses('one-batch-a-position', 'refuses another batch at the same place though its replica was made anew', async (forge) => {
    const { node, other, folder } = await twice(forge);
    await forge.stop(node);
    rmSync(join(folder, 'replica.ndjson'));
    const fresh = await forge.node({ folder });
    assert.ok((await fresh.absorb(forge.page(), forge.nowMs)).ok);
    return fresh.judge(other, forge.nowMs);
  });

  inForge('may sign either of two batches until one is bound, and then that one only', async (forge) => {
    const { short, long } = conflicting(forge);
    const node = await forge.fed();
    for (const intent of [short, long]) assert.ok((await node.judge(intent, forge.nowMs)).ok);
    const bound = await Promise.all([node.bind(long), node.bind(short), node.bind(long)]);
    assert.deepEqual(
      bound.map((refusal) => refusal?.rule),
      [undefined, 'one-batch-a-position', undefined],
    );
    const judged = await node.judge(short, forge.nowMs);
    assert.equal(judged.ok ? 'signed' : judged.rule, 'one-batch-a-position');
  });

  inForge('follows the batch that became final, also where it signed another', async (forge) => {
    const { node, other } = await twice(forge);
    forge.chain.append(other.leaf);
    forge.chain.finalise(DEPTH);
    forge.deposit(7n);
    const next = forge.seal();
    assert.ok((await node.absorb(forge.page(node.nextSeq()), forge.nowMs)).ok);
    const judgement = await node.judge(next, forge.nowMs);
    assert.deepEqual(judgement.ok ? null : judgement, null);
  });

  refuses('log-extended', 'refuses a log that nobody knows', async (forge) => {
    const intent = forge.seal();
    return (await forge.fed()).judge({ ...intent, previous: keccak256('0x55') }, forge.nowMs);
  });

  refuses('log-extended', 'refuses to build upon what it neither signed nor saw final', async (forge) => {
    const first = forge.seal();
    const after = toHex(commitment(appendLeaf(forge.chain.head, fromHex(first.leaf))));
    forge.deposit(7n);
    const second = { ...forge.seal(), previous: after };
    return (await forge.fed()).judge(second, forge.nowMs);
  });

  refuses('batch-derived', 'refuses a root that was replaced', async (forge) => {
    const intent = forge.seal();
    return (await forge.fed()).judge({ ...intent, leaf: keccak256('0x66') }, forge.nowMs);
  });

  refuses('batch-derived', 'refuses a batch that leaves records out', async (forge) => {
    forge.seal(5n);
    return judged(forge, forge.seal(), [await forge.chain.serve()]);
  });

  refuses('batch-derived', 'refuses a batch of records that it was not fed', async (forge) => {
    forge.seal(20n);
    const page = forge.page();
    const intent = forge.seal();
    const node = await forge.node();
    assert.ok((await node.absorb(page, forge.nowMs)).ok);
    return node.judge(intent, forge.nowMs);
  });

  inForge('finds a batch among thousands of invented ends without hashing the square of them', async (forge) => {
    for (let i = 0; i < 40; i++) forge.deposit(BigInt(i + 1));
    const intent = forge.seal();
    const node = await forge.node();
    const ends = Array.from({ length: forge.items.length }, (_, i) => BigInt(i + 1)).toReversed();
    assert.ok((await node.absorb(forge.page(1n, { ends: [...ends, ...ends] }), forge.nowMs)).ok);
    const judgement = await node.judge(intent, forge.nowMs);
    assert.deepEqual(judgement.ok ? null : judgement, null);
    const other = await node.judge({ ...intent, leaf: keccak256('0x66') }, forge.nowMs);
    assert.equal(other.ok ? 'signed' : other.rule, 'batch-derived');
  });

  refuses('contract', 'refuses another log', async (forge) => {
    const intent = forge.seal();
    return (await forge.fed()).judge({ ...intent, anchor: `0x${'ee'.repeat(20)}` }, forge.nowMs);
  });

  refuses('chain-id', 'refuses another chain', async (forge) => {
    const intent = forge.seal();
    return (await forge.fed()).judge({ ...intent, chainId: 1n }, forge.nowMs);
  });
});

/** Two batches that begin at the same record, of which each is sound; the book goes on behind the longer. */
function conflicting(forge: Forge): { readonly short: AnchorIntent; readonly long: AnchorIntent } {
  const short = forge.seal(10n, 'aside');
  return { short, long: forge.seal() };
}

/** A node that has signed the shorter of them. */
async function twice(forge: Forge) {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-node-book-'));
  const { short, long } = conflicting(forge);
  const node = await forge.fed({ folder });
  assert.ok((await node.judge(short, forge.nowMs)).ok);
  assert.equal(await node.bind(short), null);
  return { node, other: long, folder };
}
