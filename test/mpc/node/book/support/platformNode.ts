import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROLES, type Intent, type Role } from '#custody/intents';
import { createFeed, type Feed } from '#feed';
import { fromHex, uuidFromBytes, type Hex, type MerchantId } from '#base';
import { openNodeBook, type Judgement, type NodeBook, type NodeBookOptions, type RegisteredKey, type Registration } from '../../../../../mpc/node/book/book.ts';
import { FINALITY, testPlatform, type TestPlatform } from '../../../../support/platform.ts';

export interface Asked {
  readonly intent: Intent;
  readonly judgement: Judgement;
}

/** A platform of its own, and a signer's book that is fed from it and asked about everything that the platform wants signed, before it is. */
export interface PlatformNode {
  readonly test: TestPlatform;
  readonly feed: Feed;
  readonly node: NodeBook;
  readonly registration: Registration;
  readonly merchants: Map<MerchantId, RegisteredKey[]>;
  readonly asked: Asked[];
  /** Another book of the same registration: a node that was never fed. */
  another(more?: Partial<NodeBookOptions>): Promise<NodeBook>;
  /** Feeds a book to its end. */
  feedAll(node: NodeBook): Promise<void>;
  nowMs(): number;
  close(): Promise<void>;
}

export async function platformNode(): Promise<PlatformNode> {
  const test = await testPlatform();
  const { platform, merchant, chain } = test;
  const { deployment, client, bookId, database, book } = platform;
  const registration: Registration = {
    chainId: client.chainId,
    anchor: deployment.anchor,
    vault: deployment.vault,
    timelock: deployment.timelock,
    safe: deployment.safe,
    owner: await platform.custody.address('owner'),
    book: bookId,
    fromBlock: deployment.block.number,
  };
  const addresses = new Map<Role, Hex>();
  for (const role of ROLES) addresses.set(role, await platform.custody.address(role));
  const merchants = new Map<MerchantId, RegisteredKey[]>([
    [uuidFromBytes<MerchantId>(fromHex(merchant.reference).slice(0, 16)), [{ key: merchant.key, untilMs: null }]],
  ]);
  const feed = createFeed({ database, source: book, chainId: client.chainId });
  const nodes: { readonly node: NodeBook; readonly folder: string }[] = [];
  const another = async (more: Partial<NodeBookOptions> = {}) => {
    const folder = mkdtempSync(join(tmpdir(), 'cairn-node-book-'));
    const node = await openNodeBook({
      folder,
      registration,
      merchants: () => merchants,
      rates: () => null,
      agreed: () => [],
      addressOf: (role) => addresses.get(role),
      chain: { urls: [chain.rpcUrl], finality: { kind: 'depth', blocks: FINALITY }, maxBehindBlocks: 3, maxBehindMs: null, timeoutMs: 20_000 },
      maxAheadMs: 5_000,
      onFatal: (problem) => {
        throw problem;
      },
      ...more,
    });
    nodes.push({ node, folder });
    return node;
  };
  const nowMs = () => test.clock.nowMs();
  const feedAll = async (fed: NodeBook) => {
    for (let before = 0n; before !== fed.nextSeq();) {
      before = fed.nextSeq();
      const taken = await fed.absorb(await feed.page(before), nowMs());
      if (!taken.ok) throw new TypeError(`the feed was refused: ${taken.rule}: ${taken.reason}`);
    }
  };
  const node = await another();
  const asked: Asked[] = [];
  const { custody } = platform;
  const request = custody.requestSignature.bind(custody);
  custody.requestSignature = async (role, intent) => {
    await feedAll(node);
    const judgement = await node.judge(intent, nowMs());
    if (judgement.ok && intent.kind === 'anchor') await node.bind(intent);
    asked.push({ intent, judgement });
    return request(role, intent);
  };
  return {
    test,
    feed,
    node,
    registration,
    merchants,
    asked,
    another,
    feedAll,
    nowMs,
    close: async () => {
      for (const opened of nodes) {
        await opened.node.close();
        rmSync(opened.folder, { recursive: true, force: true });
      }
      await test.close();
    },
  };
}
