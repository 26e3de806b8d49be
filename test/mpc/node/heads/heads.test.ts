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
  it('remembers every head it had, and none that it had not', () => {
    const bodies = Array.from({ length: 700 }, body);
    const chain = chainOf(bodies);
    let head = { seq: 0, hash: beginning(TAG) };
    strictEqual(chain.hashAt(0), head.hash);
    for (const one of bodies) {
      head = linked(TAG, head, one);
      strictEqual(chain.hashAt(head.seq), head.hash);
    }
    deepStrictEqual([chain.head, chain.hashAt(701), chain.hashAt(-1), chain.hashAt(1.5)], [head, undefined, undefined, undefined]);
    deepStrictEqual(chain.bodiesAfter(0, 1000), bodies);
    deepStrictEqual(chain.bodiesAfter(600, 50), bodies.slice(600, 650));
  });

  it('a head extends every head before it, by exactly the lines between, and by nothing else', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 }), fc.nat(), (before, after, pick) => {
        const chain = chainOf(Array.from({ length: before + after }, body));
        const remembered = { seq: before, hash: chain.hashAt(before)! };
        const bodies = chain.bodiesAfter(before, 1000);
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
    const at = (storeSeq: number, auditSeq: number, key = mine.privateKey, changes: Partial<HeadStatement> = {}): HeadStatement =>
      signHeads(
        {
          node: 'n1',
          storeId: local.storeId,
          heads: { store: { seq: storeSeq, hash: store.hashAt(storeSeq) ?? body() }, audit: { seq: auditSeq, hash: audit.hashAt(auditSeq) ?? body() } },
          atMs: NOW_MS,
          ...changes,
        },
        key,
      );

    it('are believed only whole and by the right key', () => {
      const statement = at(3, 4);
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

    it('are compared with what the disk says now', () => {
      strictEqual(isBehind(local, [], mine.publicKey), undefined);
      strictEqual(isBehind(local, [at(0, 0), at(8, 9), at(3, 9)], mine.publicKey), undefined);
      deepStrictEqual(isBehind(local, [at(8, 9), at(9, 9)], mine.publicKey)?.why, 'behind');
      deepStrictEqual(isBehind(local, [at(8, 10)], mine.publicKey)?.log, 'audit');
      const forked = at(8, 9, mine.privateKey, { heads: { store: { seq: 8, hash: body() }, audit: audit.head } });
      deepStrictEqual([isBehind(local, [forked], mine.publicKey)?.log, isBehind(local, [forked], mine.publicKey)?.why], ['store', 'forked']);
      deepStrictEqual(isBehind(local, [at(0, 0, mine.privateKey, { storeId: bytes(6, 16) })], mine.publicKey)?.why, 'replaced');
    });

    it('count only when the node itself signed them: a lying peer stops nobody', () => {
      strictEqual(isBehind(local, [at(100, 100, identity().privateKey)], mine.publicKey), undefined);
      strictEqual(isBehind(local, [{ ...at(8, 9), heads: { store: { seq: 100, hash: body() }, audit: audit.head } }], mine.publicKey), undefined);
      strictEqual(isBehind(local, [at(100, 100, mine.privateKey, { node: 'n2' })], mine.publicKey), undefined);
    });
  });
});
