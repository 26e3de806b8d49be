import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { toHex, type Hex } from '#base';
import { beginning, extendsHead, HashChain, isBehind, linked, signHeads, verifyHeads, type HeadStatement } from '#mpc/node';
import { bytes, identity, NOW_MS, random } from '../fixtures.ts';

const TAG = 'test/v1';
const body = (): Hex => toHex(random(32));

function chainOf(bodies: readonly Hex[], tag = TAG): HashChain {
  const chain = new HashChain(tag);
  for (const one of bodies) chain.push(one);
  return chain;
}

describe('heads of append-only logs', () => {
  it('remembers every head it had, and none that it had not', async () => {
    const bodies = Array.from({ length: 700 }, body);
    const chain = chainOf(bodies);
    let head = { seq: 0, hash: beginning(TAG) };
    strictEqual(await chain.hashAt(0), head.hash);
    for (const one of bodies) {
      head = linked(TAG, head, one);
      strictEqual(await chain.hashAt(head.seq), head.hash);
    }
    deepStrictEqual([chain.head, await chain.hashAt(701), await chain.hashAt(-1), await chain.hashAt(1.5)], [head, undefined, undefined, undefined]);
    deepStrictEqual(await chain.bodiesAfter(0, 1000), bodies);
    deepStrictEqual(await chain.bodiesAfter(600, 50), bodies.slice(600, 650));
  });

  it('keeps the newest lines in memory and finds the older ones in the log, or none where the log is another by then', async () => {
    const bodies = Array.from({ length: 20_000 }, body);
    const heads = [{ seq: 0, hash: beginning(TAG) }];
    for (const one of bodies) heads.push(linked(TAG, heads.at(-1)!, one));
    let log = bodies;
    let isAsked = false;
    const chain = new HashChain(TAG, {
      lines: async function* (after, most) {
        isAsked = true;
        yield* log.slice(after, after + most).map((line) => Buffer.from(line));
      },
      bodyOf: (line) => String(line) as Hex,
    });
    for (const one of bodies) chain.push(one);
    for (const seq of [0, 1, 4_095, 4_096, 4_097, 11_807, 11_808, 11_809, 12_288, 19_999, 20_000]) {
      isAsked = false;
      strictEqual(await chain.hashAt(seq), heads[seq]!.hash, String(seq));
      strictEqual(isAsked, seq % 4_096 !== 0 && seq <= 20_000 - 8_192, String(seq));
    }
    for (const after of [0, 7, 11_807, 11_808, 11_809, 19_000]) deepStrictEqual(await chain.bodiesAfter(after, 4_096), bodies.slice(after, after + 4_096));
    log = bodies.with(6_000, body());
    deepStrictEqual([await chain.hashAt(5_000), await chain.hashAt(6_500), await chain.hashAt(9_000)], [undefined, undefined, heads[9_000]!.hash]);
    log = bodies.slice(0, 9_500);
    deepStrictEqual([await chain.hashAt(5_000), await chain.hashAt(9_000)], [heads[5_000]!.hash, undefined]);
  });

  it('a head extends every head before it, by exactly the lines between, and by nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 }), fc.nat(), async (before, after, pick) => {
        const chain = chainOf(Array.from({ length: before + after }, body));
        const remembered = { seq: before, hash: (await chain.hashAt(before))! };
        const bodies = await chain.bodiesAfter(before, 1000);
        deepStrictEqual(extendsHead(TAG, remembered, bodies, chain.head), { extends: true, head: chain.head });
        deepStrictEqual(extendsHead(TAG, remembered, [...bodies, body()], chain.head), { extends: false, why: 'malformed' });
        deepStrictEqual(extendsHead('other', remembered, bodies, chain.head).extends, after === 0);
        if (after === 0) return;
        const changed = bodies.with(pick % after, body());
        deepStrictEqual(extendsHead(TAG, remembered, changed, chain.head), { extends: false, why: 'forked' });
        deepStrictEqual(extendsHead(TAG, { ...remembered, hash: body() }, bodies, chain.head), { extends: false, why: 'forked' });
        deepStrictEqual(extendsHead(TAG, chain.head, [], remembered), { extends: false, why: 'behind' });
        if (after > 1) deepStrictEqual(extendsHead(TAG, remembered, bodies.toReversed(), chain.head), { extends: false, why: 'forked' });
      }),
    );
  });

  it('refuses heads and lines that are none, whatever a peer sends', () => {
    const head = { seq: 0, hash: beginning(TAG) };
    for (const claimed of [
      { seq: -1, hash: head.hash },
      { seq: 1.5, hash: head.hash },
      { seq: Number.NaN, hash: head.hash },
      { seq: 0, hash: '0x00' as Hex },
    ]) {
      deepStrictEqual(extendsHead(TAG, head, [], claimed), { extends: false, why: 'malformed' });
    }
    deepStrictEqual(extendsHead(TAG, head, ['0xzz'], { seq: 1, hash: head.hash }), { extends: false, why: 'malformed' });
  });

  describe('that a node signed', () => {
    const mine = identity();
    const store = chainOf(Array.from({ length: 8 }, body), 'store');
    const audit = chainOf(Array.from({ length: 9 }, body), 'audit');
    const local = { node: 'n1', storeId: bytes(5, 16), store, audit };
    const at = async (storeSeq: number, auditSeq: number, key = mine.privateKey, changes: Partial<HeadStatement> = {}): Promise<HeadStatement> =>
      signHeads(
        {
          node: 'n1',
          storeId: local.storeId,
          heads: {
            store: { seq: storeSeq, hash: (await store.hashAt(storeSeq)) ?? body() },
            audit: { seq: auditSeq, hash: (await audit.hashAt(auditSeq)) ?? body() },
          },
          atMs: NOW_MS,
          ...changes,
        },
        key,
      );

    it('are believed only whole and by the right key', async () => {
      const statement = await at(3, 4);
      ok(verifyHeads(statement, mine.publicKey));
      ok(!verifyHeads(statement, identity().publicKey));
      const changes: Partial<HeadStatement>[] = [
        { node: 'n2' },
        { storeId: bytes(6, 16) },
        { atMs: NOW_MS + 1 },
        { heads: { ...statement.heads, store: { ...statement.heads.store, seq: 4 } } },
        { heads: { ...statement.heads, audit: { ...statement.heads.audit, hash: body() } } },
        { heads: { store: statement.heads.audit, audit: statement.heads.store } },
        { signature: bytes(0, 64) },
        { signature: '0x' },
        { atMs: -1 },
      ];
      for (const change of changes) ok(!verifyHeads({ ...statement, ...change }, mine.publicKey), JSON.stringify(change));
      ok(!verifyHeads({} as HeadStatement, mine.publicKey));
    });

    it('are compared with what the disk says now', async () => {
      strictEqual(await isBehind(local, [], mine.publicKey), undefined);
      strictEqual(await isBehind(local, [await at(0, 0), await at(8, 9), await at(3, 9)], mine.publicKey), undefined);
      deepStrictEqual((await isBehind(local, [await at(8, 9), await at(9, 9)], mine.publicKey))?.why, 'behind');
      deepStrictEqual((await isBehind(local, [await at(8, 10)], mine.publicKey))?.log, 'audit');
      const forked = await at(8, 9, mine.privateKey, { heads: { store: { seq: 8, hash: body() }, audit: audit.head } });
      const lag = (await isBehind(local, [forked], mine.publicKey))!;
      deepStrictEqual([lag.log, lag.why], ['store', 'forked']);
      const { why } = (await isBehind(local, [await at(0, 0, mine.privateKey, { storeId: bytes(6, 16) })], mine.publicKey))!;
      strictEqual(why, 'replaced');
    });

    it('count only when the node itself signed them: a lying peer stops nobody', async () => {
      strictEqual(await isBehind(local, [await at(100, 100, identity().privateKey)], mine.publicKey), undefined);
      strictEqual(await isBehind(local, [{ ...(await at(8, 9)), heads: { store: { seq: 100, hash: body() }, audit: audit.head } }], mine.publicKey), undefined);
      strictEqual(await isBehind(local, [await at(100, 100, mine.privateKey, { node: 'n2' })], mine.publicKey), undefined);
    });
  });
});
