import { strict as assert } from 'node:assert';
import { anchorTree, bookRecordHash, mth, NO_HEAD, type BookRecord } from '#anchor/core';
import { toHex, type BookId, type Hex } from '#base';
import type { AnchorIntent } from '#custody/intents';
import { inForge, refuses, signs } from './support/attack.ts';
import type { Forge } from './support/forge.ts';
import { DEPTH } from './support/samples.ts';

const LOWEST = '00000000-0000-8000-8000-000000000001' as BookId;
const HIGHEST = 'ffffffff-ffff-8fff-bfff-ffffffffffff' as BookId;
const ALONE = /^The leaf 0x[0-9a-f]{64} is no batch of the replayed records \d+ to \d+, alone and without another book\.$/;

/** Of a book that this node does not follow. */
function stranger(book: BookId): BookRecord {
  return { book, firstSeq: 1n, lastSeq: 12n, previousHead: NO_HEAD, batchRoot: new Uint8Array(32).fill(7) };
}

function withLeaf(intent: AnchorIntent, leaf: Uint8Array): AnchorIntent {
  return { ...intent, leaf: toHex(leaf) };
}

/** The next honest batch of the node's own book. */
function sealed(forge: Forge): { readonly intent: AnchorIntent; readonly own: BookRecord } {
  forge.deposit(1_000_000_000n);
  const intent = forge.seal();
  return { intent, own: forge.sealed };
}

const judged = async (forge: Forge, intent: AnchorIntent) => (await forge.fed()).judge(intent, forge.nowMs);

describe('a signer’s book and anchors of several books', function () {
  this.timeout(60_000);

  signs('signs its own batch alone', async (forge) => judged(forge, sealed(forge).intent));

  for (const [where, book] of [
    ['before', LOWEST],
    ['behind', HIGHEST],
  ] as const)
    refuses(
      'batch-derived',
      `refuses its own true batch with a record of another book hidden ${where} it`,
      async (forge) => {
        const { intent, own } = sealed(forge);
        return judged(forge, withLeaf(intent, anchorTree([own, stranger(book)]).leaf));
      },
      ALONE,
    );

  refuses(
    'batch-derived',
    'refuses its own true batch among a hundred other books',
    async (forge) => {
      const { intent, own } = sealed(forge);
      const others = Array.from({ length: 100 }, (_, i) => stranger(`ffffffff-ffff-8fff-bfff-${i.toString(16).padStart(12, '0')}` as BookId));
      return judged(forge, withLeaf(intent, anchorTree([own, ...others]).leaf));
    },
    ALONE,
  );

  refuses(
    'batch-derived',
    'refuses a leaf of another book alone',
    async (forge) => judged(forge, withLeaf(sealed(forge).intent, bookRecordHash(stranger(HIGHEST)))),
    ALONE,
  );

  refuses(
    'batch-derived',
    'refuses a leaf that has its batch twice',
    async (forge) => {
      const { intent, own } = sealed(forge);
      return judged(forge, withLeaf(intent, mth([own, own].map(bookRecordHash))));
    },
    ALONE,
  );

  refuses(
    'batch-derived',
    'refuses a leaf with its batch and another one for the same records',
    async (forge) => {
      const { intent, own } = sealed(forge);
      return judged(forge, withLeaf(intent, mth([own, { ...own, batchRoot: new Uint8Array(32).fill(8) }].map(bookRecordHash))));
    },
    ALONE,
  );

  refuses(
    'batch-derived',
    'refuses a leaf whose books are in the wrong order',
    async (forge) => {
      const { intent, own } = sealed(forge);
      return judged(forge, withLeaf(intent, mth([stranger(HIGHEST), own].map(bookRecordHash))));
    },
    ALONE,
  );

  refuses(
    'batch-derived',
    'refuses a batch for a position that is taken in the final log',
    async (forge) => {
      const { own } = sealed(forge);
      forge.chain.append(toHex(anchorTree([own]).leaf));
      forge.chain.finalise(DEPTH);
      const { intent } = sealed(forge);
      const shorter = { ...own, lastSeq: own.lastSeq - 1n };
      return judged(forge, withLeaf(intent, anchorTree([shorter]).leaf));
    },
    ALONE,
  );

  refuses('one-batch-a-position', 'refuses a tree of its batch and another book after the commitment that it signed its batch for', async (forge) => {
    const { intent, own } = sealed(forge);
    const node = await forge.fed();
    assert.equal(await node.bind(intent), null);
    return node.judge(withLeaf(intent, anchorTree([own, stranger(HIGHEST)]).leaf), forge.nowMs);
  });

  refuses('log-known', 'refuses to go on behind a leaf of several books, also where its own true batch is in it', async (forge) => {
    const { own } = sealed(forge);
    forge.chain.append(toHex(anchorTree([own, stranger(HIGHEST)]).leaf));
    forge.chain.finalise(DEPTH);
    return judged(forge, sealed(forge).intent);
  });

  inForge('is never bound to a tree of several books: what it refused it may still sign alone', async (forge) => {
    const { intent, own } = sealed(forge);
    const node = await forge.fed();
    const tree: Hex = toHex(anchorTree([own, stranger(LOWEST)]).leaf);
    await node.bind({ ...intent, leaf: tree });
    const judgement = await node.judge(intent, forge.nowMs);
    assert.deepEqual(judgement.ok ? null : judgement, null);
  });
});
