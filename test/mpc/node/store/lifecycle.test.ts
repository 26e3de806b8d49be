import { deepStrictEqual, ok, rejects, strictEqual, throws } from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { NodeStore, policyHash } from '#mpc/node';
import { activate, bundle, bytes, clearHomes, DAY_MS, epoch, home, NO_AUDIT, NOW_MS, refOf, session, TEST_DIGEST, type Home } from '../fixtures.ts';

describe('the durable state of a node', () => {
  let place: Home;
  let store: NodeStore;
  const reopen = async () => {
    await store.close();
    store = await NodeStore.open(place.options);
  };
  const statuses = () => store.epochs.map(({ epoch, status, pairs }) => [epoch, status, [...pairs.values()].map((pair) => pair.status).join()]);
  const files = () => readdirSync(join(place.folder, 'records')).sort();
  beforeEach(async () => {
    place = await home();
    store = await NodeStore.open(place.options);
  });
  afterEach(async () => {
    await store.close();
    clearHomes();
  });
  const poison = (peer: number, changes = {}) =>
    store.poison({ ...refOf(1), peer, generation: 1, sid: bytes(9, 32), check: 'rvole', audit: NO_AUDIT, atMs: NOW_MS, ...changes });

  it('makes a key in order: PENDING, confirmed, ACTIVE with all confirmations, and gives back what was sealed', async () => {
    await store.putPending(epoch(1), NOW_MS);
    deepStrictEqual(statuses(), [[1, 'PENDING', 'ACTIVE,ACTIVE']]);
    throws(() => store.demandUsable(refOf(1), [2], 'sign'), { code: 'node/wrong-state' });
    store.demandUsable(refOf(1), [2, 3], 'test');
    await rejects(store.promote(refOf(1), bundle, NOW_MS), { code: 'node/wrong-state' });
    await store.confirm(refOf(1), bytes(1, 64), NOW_MS);
    await reopen();
    for (const short of [
      bundle.slice(1),
      [...bundle.slice(1), bundle[1]!],
      [...bundle, { party: 4, signature: bytes(4, 64) }],
      [...bundle.slice(1), { party: 1, signature: bytes(9, 64) }],
    ]) {
      await rejects(store.promote(refOf(1), short, NOW_MS), { code: 'node/confirmations-missing' });
    }
    await store.promote(refOf(1), bundle, NOW_MS);
    await reopen();
    deepStrictEqual(statuses(), [[1, 'ACTIVE', 'ACTIVE,ACTIVE']]);
    store.demandUsable(refOf(1), [2, 3], 'sign');
    deepStrictEqual(store.share(refOf(1)), epoch(1).share);
    deepStrictEqual(store.pairSecrets(refOf(1), 3), epoch(1).pairs[1]!.secrets);
    deepStrictEqual(store.backup(refOf(1)), epoch(1).backup);
    deepStrictEqual(store.active('vault')?.bundle, bundle);
  });

  it('keeps e and e+1 until all n confirmations, then erases e with its pairs and its backup', async () => {
    await activate(store);
    await store.putPending(epoch(2), NOW_MS);
    await store.confirm(refOf(2), bytes(1, 64), NOW_MS);
    await rejects(store.dropUnconfirmed(refOf(2), NOW_MS), { code: 'node/already-confirmed' });
    await rejects(store.promote(refOf(2), bundle.slice(0, 2), NOW_MS), { code: 'node/confirmations-missing' });
    await reopen();
    await rejects(store.dropUnconfirmed(refOf(2), NOW_MS), { code: 'node/already-confirmed' });
    store.demandUsable(refOf(1), [2, 3], 'sign');
    store.demandUsable(refOf(2), [2, 3], 'test');
    strictEqual(files().length, 8);

    await store.promote(refOf(2), bundle, NOW_MS);
    strictEqual(files().length, 4);
    throws(() => store.share(refOf(1)), { code: 'node/wrong-state' });
    throws(() => store.demandUsable(refOf(1), [2], 'test'), { code: 'node/wrong-state' });
    strictEqual(store.active('vault')?.epoch, 2);
    await store.promote(refOf(2), bundle, NOW_MS);
    await reopen();
    deepStrictEqual(statuses(), [
      [1, 'RETIRED', 'RETIRED,RETIRED'],
      [2, 'ACTIVE', 'ACTIVE,ACTIVE'],
    ]);
  });

  it('drops an attempt that it has not confirmed, and takes another of its number', async () => {
    await activate(store);
    await store.putPending(epoch(2), NOW_MS);
    await store.dropUnconfirmed(refOf(2), NOW_MS);
    strictEqual(files().length, 4);
    await rejects(store.putPending(epoch(2), NOW_MS), { code: 'node/wrong-state' });
    await store.putPending({ ...epoch(3), epoch: 2 }, NOW_MS);
    await store.confirm(refOf(3), bytes(1, 64), NOW_MS);
    await rejects(store.putPending({ ...epoch(4), epoch: 2 }, NOW_MS), { code: 'node/wrong-state' });
    await store.putPending(epoch(4), NOW_MS);
    store.demandUsable(refOf(1), [2], 'sign');
  });

  it('never confirms two attempts of one number, nor one attempt with two signatures', async () => {
    await store.putPending(epoch(1), NOW_MS);
    await store.putPending({ ...epoch(2), epoch: 1 }, NOW_MS);
    await store.confirm(refOf(1), bytes(1, 64), NOW_MS);
    await store.confirm(refOf(1), bytes(1, 64), NOW_MS);
    await rejects(store.confirm(refOf(1), bytes(2, 64), NOW_MS), { code: 'node/wrong-state' });
    await rejects(store.confirm(refOf(2), bytes(1, 64), NOW_MS), { code: 'node/wrong-state' });
  });

  it('keeps keys apart: a new epoch of one retires nothing of another', async () => {
    await activate(store);
    await store.putPending({ ...epoch(1, 'poster'), epochId: bytes(0x77, 32) }, NOW_MS);
    const poster = { keyId: 'poster', epochId: bytes(0x77, 32) };
    await store.confirm(poster, bytes(1, 64), NOW_MS);
    await store.promote(poster, bundle, NOW_MS);
    store.demandUsable(refOf(1), [2], 'sign');
    throws(() => store.epoch({ ...poster, keyId: 'vault' }), { code: 'node/unknown-key' });
  });

  it('refuses a poisoned pair from the call on, for ever, and erases its secrets', async () => {
    await activate(store);
    const done = poison(3);
    throws(() => store.demandUsable(refOf(1), [2, 3], 'sign'), { code: 'node/pair-poisoned' });
    await done;
    store.demandUsable(refOf(1), [2], 'sign');
    await reopen();
    for (const use of ['sign', 'test'] as const) throws(() => store.demandUsable(refOf(1), [3], use), { code: 'node/pair-poisoned' });
    throws(() => store.pairSecrets(refOf(1), 3), { code: 'node/wrong-state' });
    ok(!existsSync(join(place.folder, 'records', '1-pair-3.sealed')));
    await poison(3);
    strictEqual(store.poisonings.length, 2);
  });

  it('does not release a session whose pair was poisoned meanwhile', async () => {
    await activate(store);
    const asked = { ...session(store, 1), peers: [3] };
    store.demandUsable(refOf(1), [3], 'sign');
    const done = poison(3);
    await rejects(store.release(asked, NOW_MS), { code: 'node/pair-poisoned' });
    await done;
  });

  it('suspends peers with whom three signatures came out invalid, over restarts too, until one of their pairs is set up anew', async () => {
    await activate(store);
    const invalid = (peers: readonly number[]) => store.countInvalid({ ...refOf(1), sid: bytes(9, 32), peers }, NOW_MS);
    const usable = (peers: readonly number[], number = 1, use: 'sign' | 'test' = 'sign') => store.demandUsable(refOf(number), peers, use);
    for (let i = 0; i < 2; i++) await invalid([2]);
    for (let i = 0; i < 2; i++) await invalid([2, 3]);
    await reopen();
    usable([2]);
    await invalid([2]);
    await invalid([2, 3]);
    for (let i = 0; i < 2; i++) {
      for (const peers of [[2], [2, 3]]) {
        throws(() => usable(peers), { code: 'session/pair-unusable' });
        throws(() => usable(peers, 1, 'test'), { code: 'session/pair-unusable' });
        await rejects(store.release({ ...session(store, 0x31), peers }, NOW_MS), { code: 'session/pair-unusable' });
      }
      deepStrictEqual(store.suspended(refOf(1)), [[2], [2, 3]]);
      usable([3]);
      await reopen();
    }
    await poison(3);
    await store.putPair(refOf(1), { peer: 3, generation: 2, setupId: bytes(4, 32), secrets: new Uint8Array(50) }, 'op1', NOW_MS);
    await reopen();
    deepStrictEqual(store.suspended(refOf(1)), [[2]], 'the pair with party 2 is what it was');
    await store.putPending(epoch(2), NOW_MS);
    usable([2], 2, 'test');
    throws(() => usable([2]), { code: 'session/pair-unusable' });
  });

  it('heals a pair by a later set-up, an approval and a test, and by nothing less', async () => {
    await activate(store);
    const made = (generation: number) => ({ peer: 3, generation, setupId: bytes(0x44, 32), secrets: new Uint8Array(100).fill(generation) });
    await rejects(store.putPair(refOf(1), made(2), 'op1', NOW_MS), { code: 'node/wrong-state' });
    await poison(3);
    await rejects(store.putPair(refOf(1), made(1), 'op1', NOW_MS), { code: 'node/wrong-state' });
    await rejects(store.activatePair(refOf(1), 3, NOW_MS), { code: 'node/wrong-state' });
    await store.putPair(refOf(1), made(2), 'op1', NOW_MS);
    await reopen();
    throws(() => store.demandUsable(refOf(1), [3], 'sign'), { code: 'node/wrong-state' });
    store.demandUsable(refOf(1), [3], 'test');
    await poison(3, { generation: 1 });
    store.demandUsable(refOf(1), [3], 'test');
    await store.activatePair(refOf(1), 3, NOW_MS);
    await reopen();
    store.demandUsable(refOf(1), [3], 'sign');
    deepStrictEqual(store.pairSecrets(refOf(1), 3), made(2).secrets);
  });

  it('signs from a restored share only after every pair was set up and tested', async () => {
    const { pairs, backup: _backup, ...restored } = epoch(1);
    await store.putRestored(restored, NOW_MS);
    throws(() => store.demandUsable(refOf(1), [2], 'test'), { code: 'node/unknown-key' });
    await rejects(store.activateRestored(refOf(1), NOW_MS), { code: 'node/wrong-state' });
    await store.putPair(refOf(1), pairs[0]!, 'op1', NOW_MS);
    await rejects(store.activateRestored(refOf(1), NOW_MS), { code: 'node/wrong-state' });
    store.demandUsable(refOf(1), [2], 'test');
    await store.activatePair(refOf(1), 2, NOW_MS);
    throws(() => store.demandUsable(refOf(1), [2], 'sign'), { code: 'node/wrong-state' });
    await reopen();
    await store.activateRestored(refOf(1), NOW_MS);
    store.demandUsable(refOf(1), [2], 'sign');
    throws(() => store.demandUsable(refOf(1), [3], 'sign'), { code: 'node/unknown-key' });
  });

  it('has used up after a restore what its peers remember that it spent, and remembers whom it poisoned', async () => {
    await activate(store);
    for (let sid = 1; sid <= 14; sid++) await store.release(session(store, sid), NOW_MS);
    await poison(3);
    const { counters, poisonings } = store;
    await store.close();
    place = await home();
    store = await NodeStore.open(place.options);
    const { pairs, backup: _backup, ...restored } = epoch(1);
    await store.putRestored(restored, NOW_MS);
    await store.remember({ spent: counters.spent, poisonings }, NOW_MS);
    await store.remember({ spent: counters.spent.slice(3), poisonings: [] }, NOW_MS);
    await store.putPair(refOf(1), pairs[0]!, 'op1', NOW_MS);
    await store.activatePair(refOf(1), 2, NOW_MS);
    await store.activateRestored(refOf(1), NOW_MS);
    await reopen();
    deepStrictEqual([store.counters, store.poisonings], [counters, poisonings]);
    await store.release(session(store, 20), NOW_MS);
    await rejects(store.release(session(store, 21), NOW_MS), { code: 'policy/refused' });
  });

  it('becomes only stricter by what peers say that it spent', async () => {
    await activate(store);
    await store.release(session(store, 1), NOW_MS);
    const { spent } = store.counters;
    const said = (changes: object) => ({ spent: [{ ...spent[0]!, ...changes }], poisonings: [] });
    await store.remember(said({ debits: [{ ...spent[0]!.debits[0]!, amount: 1n }] }), NOW_MS);
    await store.remember(said({ digest: bytes(2, 32), atMs: NOW_MS + 10 * DAY_MS }), NOW_MS);
    await reopen();
    deepStrictEqual([store.counters.highWaterMs, store.counters.spent.map(({ debits }) => debits[0]!.amount)], [NOW_MS, [100n, 100n]]);
    await store.release(session(store, 3), NOW_MS);
  });

  it('debits limits when the last message leaves, once a digest, and remembers all of it over a restart', async () => {
    await activate(store);
    await store.release(session(store, 1), NOW_MS);
    await rejects(store.release(session(store, 1), NOW_MS), { code: 'node/already-released' });
    await store.release({ ...session(store, 2), facts: session(store, 1).facts }, NOW_MS + 1);
    await reopen();
    await rejects(store.release(session(store, 1), NOW_MS), { code: 'node/already-released' });
    deepStrictEqual(
      store.counters.spent.map(({ digest, atMs, debits }) => [digest, atMs, debits.map(({ amount }) => amount)]),
      [[bytes(1, 32), NOW_MS + 1, [100n]]],
    );
    deepStrictEqual(
      (await store.released()).map(({ sid, digest, intent, policy }) => [sid, digest, intent, policy?.version]),
      [
        [bytes(1, 32), bytes(1, 32), { kind: 'instruction', sid: 1 }, 1],
        [bytes(2, 32), bytes(1, 32), { kind: 'instruction', sid: 2 }, 1],
      ],
    );
  });

  it('lets requests that run at once share the limits', async () => {
    await activate(store);
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, (_, i) => store.release(session(store, i + 1), NOW_MS)));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => (reason as { facts: { rule: string } }).facts.rule);
    deepStrictEqual([outcomes.length - refused.length, new Set(refused)], [15, new Set(['per-payee'])]);
    await reopen();
    await rejects(store.release(session(store, 99), NOW_MS + DAY_MS - 1), { code: 'policy/refused' });
    await store.release(session(store, 99), NOW_MS + DAY_MS);
  });

  it('shows no head to a peer before it is durable, since losing it in a crash would look like a rollback', async () => {
    await activate(store);
    const { seq } = store.chain.head;
    const released = [1, 2].map((sid) => store.release(session(store, sid), NOW_MS));
    strictEqual(store.chain.head.seq, seq);
    await Promise.all(released);
    strictEqual(store.chain.head.seq, seq + 2);
  });

  it('signs under exactly the policy that stands in the session', async () => {
    await activate(store);
    await rejects(store.release({ ...session(store, 1), policyHash: bytes(1, 32) }, NOW_MS), { code: 'policy/changed' });
    strictEqual(store.counters.spent.length, 0);
    strictEqual(session(store, 1).policyHash, policyHash(store.policy.inForce));
  });

  it('forgets the sessions of tests after a day, however few payments there are, and by their time nothing that was spent', async () => {
    const test = (sid: number, atMs: number) => store.releaseTest({ ...refOf(1), sid: bytes(sid, 32), peers: [2], digest: TEST_DIGEST, audit: NO_AUDIT }, atMs);
    await activate(store);
    await store.release(session(store, 99), NOW_MS);
    await test(1, NOW_MS);
    await rejects(test(1, NOW_MS + DAY_MS - 1), { code: 'node/already-released' });
    await test(2, NOW_MS + DAY_MS);
    await test(1, NOW_MS + DAY_MS);
    deepStrictEqual(store.counters.spent.map(({ digest }) => digest), [bytes(99, 32)]); // prettier-ignore
  });

  it('writes down a test signature, which moves nothing and needs no policy', async () => {
    await store.putPending(epoch(1), NOW_MS);
    await store.releaseTest({ ...refOf(1), sid: bytes(1, 32), peers: [2], digest: TEST_DIGEST, audit: NO_AUDIT }, NOW_MS);
    const blind = store.releaseTest({ ...refOf(1), sid: bytes(2, 32), peers: [2], digest: bytes(2, 32), audit: NO_AUDIT }, NOW_MS);
    await rejects(blind, { code: 'node/blind-digest' });
    deepStrictEqual([store.counters.spent.length, (await store.released())[0]?.policy], [0, null]);
  });

  it('erases a key for good when the operators say that it is over', async () => {
    await activate(store);
    await store.erase(refOf(1), 'exported', NOW_MS);
    deepStrictEqual(files(), []);
    await reopen();
    deepStrictEqual(statuses(), [[1, 'RETIRED', 'RETIRED,RETIRED']]);
    await rejects(store.putPending({ ...epoch(1), epochId: refOf(1).epochId }, NOW_MS), { code: 'node/wrong-state' });
  });

  it('hands out copies, so that whoever wipes his own wipes nobody else’s', async () => {
    await activate(store);
    store.share(refOf(1)).fill(0);
    deepStrictEqual(store.share(refOf(1)), epoch(1).share);
  });
});
