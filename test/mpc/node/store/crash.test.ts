import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict';
import { CRASHES_THAT_POISON, NodeStore } from '#mpc/node';
import { activate, bytes, clearHomes, emptyFolder, home, NOW_MS, optionsIn, refOf, session } from '../fixtures.ts';
import { start } from '../run.ts';
import { audited } from './survivor.ts';

describe('a signer that gets a SIGKILL', () => {
  afterEach(clearHomes);

  // Writes of the journal, in order: 1 the empty file, 2 the policy, 3 pending, 4 confirmed, 5 promoted, 6 released, 7 poisoned. Its fsyncs by datasync are one fewer: 1 the policy, ... 7 pending, 8 confirmed, 9 promoted.
  const points: readonly [when: string, point: string, toldLast: string, holds: readonly string[]][] = [
    ['before the record of a share is renamed into place', 'rename:1-share:before:1', 'opened', []],
    ['between the write and the fsync of the record of a share', 'sync:1-share:before:1', 'opened', []],
    // Of each of the two pairs and the share the file first, then the folder.
    ['between the rename of the record of a share and the fsync of its folder', 'sync:records:before:6', 'opened', []],
    ['between the records of a ceremony and the line that names them', 'write:journal:before:3', 'opened', []],
    ['half-way through the line of a release', 'write:journal:middle:6', 'promoted 1', ['promoted 1']],
    ['between the write and the fsync of a release', 'datasync:journal:before:5', 'promoted 1', ['promoted 1', 'released 1']],
    ['between the check that failed and the line that poisons', 'write:journal:before:7', 'released 1', ['released 1']],
    ['half-way through the line that poisons', 'write:journal:middle:7', 'released 1', ['released 1']],
    ['between the POISON on the disk and the reply', 'datasync:journal:after:6', 'released 1', ['released 1', 'poisoned 1']],
    ['after the POISON, while the secrets of the pair are overwritten', 'write:1-pair-3:middle:2', 'released 1', ['poisoned 1']],
    ['after the confirmation is durable and before it is sent', 'datasync:journal:after:8', 'pending 2', ['confirmed 2']],
    ['after all confirmations, before e is erased', 'datasync:journal:after:9', 'confirmed 2', ['promoted 2']],
    ['while e is being erased', 'unlink:1-share:before:2', 'confirmed 2', ['promoted 2']],
  ];

  for (const [when, point, toldLast, holds] of points) {
    it(`${when} comes back with all that it promised, and goes on`, async () => {
      const root = emptyFolder();
      const killed = await start(root, 'life', point).ended;
      deepStrictEqual([killed.signal, killed.told.at(-1)], ['SIGKILL', toldLast], killed.stderr);
      const found = await audited(root, killed.told);
      for (const step of holds) ok(found.has(step), `${step} is lost`);

      const next = await start(root, 'life').ended;
      strictEqual(next.code, 0, next.stderr);
      ok((await audited(root, next.told)).has('promoted 2'));
    });
  }

  it('T-05: between a failed check and its POISON has the crash counted against that set-up, and is poisoned by the fourth', async () => {
    const { folder, options } = await home();
    const root = folder.slice(0, -'/data'.length);
    let store = await NodeStore.open(options);
    await activate(store);
    await store.close();
    for (let crash = 1; crash <= CRASHES_THAT_POISON; crash++) {
      // Its first line is the mark, its second the POISON, before which it dies.
      const killed = await start(root, 'check', 'write:journal:before:2').ended;
      deepStrictEqual([killed.signal, killed.told], ['SIGKILL', ['evaluating']], killed.stderr);
      store = await NodeStore.open(options);
      const { status, file } = store.epoch(refOf(1)).pairs.get(3)!;
      deepStrictEqual(store.suspicions.map(({ peer, generation, crashes }) => [peer, generation, crashes]), [[3, 1, crash]]); // prettier-ignore
      strictEqual(status, crash < CRASHES_THAT_POISON ? 'ACTIVE' : 'POISONED');
      strictEqual(file === undefined, crash >= CRASHES_THAT_POISON);
      strictEqual(store.poisonings.length, 0, 'no proof against the peer');
      deepStrictEqual(store.epoch(refOf(1)).pairs.get(2)!.status, 'ACTIVE');
      await store.close();
    }
    store = await NodeStore.open(options);
    throws(() => store.demandUsable(refOf(1), [3], 'sign'), /node\/pair-poisoned/);
    throws(() => store.pairSecrets(refOf(1), 3), /node\/wrong-state/);
    // Another set-up of the pair begins at nothing.
    await store.putPair(refOf(1), { peer: 3, generation: 2, setupId: bytes(0x33, 32), secrets: new Uint8Array(8) }, 'op1', NOW_MS);
    strictEqual(store.epoch(refOf(1)).pairs.get(3)!.status, 'RESTORED');
    await store.close();
  });

  it('counts no crash after the verdict is on the disk, nor a session that ended without one', async () => {
    const { options } = await home();
    let store = await NodeStore.open(options);
    await activate(store);
    await store.evaluating({ ...refOf(1), sid: bytes(0x21, 32), peers: [2] }, NOW_MS);
    await store.evaluating({ ...refOf(1), sid: bytes(0x22, 32), peers: [2, 3] }, NOW_MS);
    await store.evaluated(bytes(0x22, 32), NOW_MS);
    await store.evaluated(bytes(0x22, 32), NOW_MS);
    await store.release(session(store, 0x21), NOW_MS);
    await store.close();
    store = await NodeStore.open(options);
    deepStrictEqual(store.suspicions, []);
    await store.close();
  });

  it('at no particular moment, among many releases, has debited every one that left', async () => {
    const { folder } = await home();
    const root = folder.slice(0, -'/data'.length);
    const child = start(root, 'releases');
    await child.saw('released 20');
    child.kill();
    const { told, signal } = await child.ended;
    strictEqual(signal, 'SIGKILL');
    const store = await NodeStore.open(optionsIn(root));
    const left = told.filter((line) => line.startsWith('released')).length;
    const kept = store.counters.spent.length;
    // One more may be on the disk than was told: it is counted, though its last message may never have left.
    ok(kept === left || kept === left + 1, `${left} left, ${kept} are counted`);
    strictEqual((await store.released()).length, kept);
    await store.close();
  });

  it('whose disk is full tells so, promises nothing more, and loses nothing that it promised', async () => {
    const { folder } = await home();
    const root = folder.slice(0, -'/data'.length);
    // No file may grow past 24 KiB in this process: the kernel cuts the write short and refuses the rest, as a full disk does.
    const { told, stderr } = await start(root, 'releases', '', 'ulimit -f 24;').ended;
    deepStrictEqual(told.slice(-2), ['failed node/disk-failed', 'then node/disk-failed'], stderr);
    const left = told.filter((line) => line.startsWith('released')).length;
    ok(left > 10, `${left} releases`);
    const store = await NodeStore.open(optionsIn(root));
    strictEqual((await store.released()).length, left);
    strictEqual(store.poisonings.length, 0);
    await store.poison({
      keyId: 'vault',
      epochId: store.epochs[0]!.epochId,
      peer: 3,
      generation: 1,
      sid: '0x',
      check: 'ote',
      audit: { seq: 0, hash: '0x' },
      atMs: NOW_MS,
    });
    await store.close();
  });
});
