import { deepStrictEqual, match, ok, rejects, strictEqual } from 'node:assert/strict';
import { copyFileSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HashChain, isBehind, NodeStore, signHeads, storeTag } from '#mpc/node';
import { activate, bundle, bytes, clearHomes, epoch, home, identity, NO_AUDIT, NOW_MS, refOf, session, type Home } from '../fixtures.ts';

describe('a store that is not what was written', () => {
  let place: Home;
  let pristine: string;
  const files = () => ['store.json', 'head', 'journal', ...readdirSync(join(place.folder, 'records')).map((name) => `records/${name}`)];
  const at = (name: string) => join(place.folder, name);
  const change = (name: string, by: (content: Buffer) => Buffer) => writeFileSync(at(name), by(readFileSync(at(name))));
  const refusal = async () => {
    try {
      await (await NodeStore.open(place.options)).close();
    } catch (error) {
      return (error as { code: string }).code;
    }
    return undefined;
  };
  before(async () => {
    place = await home();
    const store = await NodeStore.open(place.options);
    await activate(store);
    await store.release(session(store, 1), NOW_MS);
    await store.putPending(epoch(2), NOW_MS);
    await store.poison({ ...refOf(1), peer: 3, generation: 1, sid: bytes(9, 32), check: 'ote', audit: NO_AUDIT, atMs: NOW_MS });
    await store.close();
    pristine = place.snapshot();
  });
  afterEach(() => place.rollBack(pristine));
  after(clearHomes);

  it('opens untouched', async () => strictEqual(await refusal(), undefined));

  it('is refused with one bit flipped anywhere: in every file, in every kind of byte', async () => {
    const survived: string[] = [];
    for (const name of files()) {
      const whole = readFileSync(at(name));
      // Lengths, labels, salts, nonces, ciphertexts and tags stand at the ends; of the long middle a few will do. Of a journal, every line has all of them.
      const starts = name === 'journal' ? [0, ...[...whole.entries()].filter(([, byte]) => byte === 0x0a).map(([i]) => i + 1)] : [0, whole.length];
      const near = starts.flatMap((start) => [start - 30, start - 2, start - 1, start, start + 1, start + 5]);
      const positions = [...near, 6, 60, 200, 300, 330, 345, 360, 400, 1023, 1024, 1030, 1500].filter((i) => i >= 0 && i < whole.length);
      for (const position of new Set(positions)) {
        for (const bit of [0x01, 0x40]) {
          writeFileSync(at(name), whole.with(position, whole[position]! ^ bit));
          const code = await refusal();
          if (code === undefined || !/^node\/(store-|wrong-key|weak-kdf)/.test(code)) survived.push(`${name} at ${position} ^ ${bit}: ${code}`);
        }
      }
      writeFileSync(at(name), whole);
    }
    deepStrictEqual(survived, []);
  });

  it('is refused cut short, emptied, grown or gone', async () => {
    for (const name of files()) {
      const whole = readFileSync(at(name));
      for (const length of [0, 1, 4, Math.floor(whole.length / 2), whole.length - 1]) {
        writeFileSync(at(name), whole.subarray(0, length));
        match((await refusal()) ?? 'opened', /^node\/store-/, `${name} cut to ${length}`);
      }
      writeFileSync(at(name), Buffer.concat([whole, name === 'journal' ? Buffer.from('AAAA\n') : Buffer.of(0)]));
      match((await refusal()) ?? 'opened', /^node\/store-/, `${name} grown`);
      rmSync(at(name));
      match((await refusal()) ?? 'opened', /^node\/store-(incomplete|absent)$/, `${name} gone`);
      writeFileSync(at(name), whole);
    }
  });

  it('names records that changed places: another peer’s, another epoch’s, another node’s, another key’s', async () => {
    const stranger = await home('n2');
    const other = await NodeStore.open(stranger.options);
    await activate(other);
    await other.close();
    for (const [from, to] of [
      ['records/1-pair-2.sealed', 'records/2-pair-2.sealed'],
      ['records/2-pair-3.sealed', 'records/2-pair-2.sealed'],
      ['records/1-share.sealed', 'records/2-share.sealed'],
      ['records/1-share.sealed', 'records/1-pair-2.sealed'],
    ] as const) {
      copyFileSync(at(from), at(to));
      strictEqual(await refusal(), 'node/store-swapped', `${from} as ${to}`);
      place.rollBack(pristine);
    }
    copyFileSync(join(stranger.folder, 'records/1-share.sealed'), at('records/1-share.sealed'));
    strictEqual(await refusal(), 'node/store-swapped');
    place.rollBack(pristine);
    copyFileSync(join(stranger.folder, 'head'), at('head'));
    strictEqual(await refusal(), 'node/store-swapped');
    place.rollBack(pristine);
    copyFileSync(join(stranger.folder, 'journal'), at('journal'));
    strictEqual(await refusal(), 'node/store-tampered');
    copyFileSync(join(stranger.folder, 'store.json'), at('store.json'));
    strictEqual(await refusal(), 'node/store-swapped');
    await rejects(NodeStore.open({ ...stranger.options, node: 'n1' }), { code: 'node/store-swapped' });
  });

  it('is refused with a record that stood under the same name before', async () => {
    const store = await NodeStore.open(place.options);
    const secrets = (value: number) => ({ peer: 3, setupId: bytes(4, 32), generation: value, secrets: new Uint8Array(50).fill(value) });
    await store.putPair(refOf(1), secrets(2), 'op1', NOW_MS);
    const old = readFileSync(at('records/3-pair-3.sealed'));
    await store.close();
    place.rollBack(pristine);
    const again = await NodeStore.open(place.options);
    await again.putPair(refOf(1), secrets(2), 'op1', NOW_MS);
    await again.close();
    strictEqual(await refusal(), undefined);
    writeFileSync(at('records/3-pair-3.sealed'), old);
    strictEqual(await refusal(), 'node/store-tampered');
  });

  it('is refused with a line of its journal dropped, moved, repeated or cut off at the end', async () => {
    const lines = readFileSync(at('journal'), 'utf8').split('\n').slice(0, -1);
    const attempts: [string[], string][] = [
      [lines.slice(1), 'tampered'],
      [lines.toSpliced(3, 1), 'tampered'],
      [lines.with(3, lines[4]!).with(4, lines[3]!), 'tampered'],
      [[...lines, lines.at(-1)], 'tampered'],
      [[...lines, lines[0]!], 'tampered'],
      [lines.slice(0, -1), 'behind'],
      [[], 'behind'],
    ];
    for (const [changed, why] of attempts) {
      writeFileSync(at('journal'), changed.map((line) => `${line}\n`).join(''));
      strictEqual(await refusal(), `node/store-${why}`);
    }
    // Without its newline the last line looks unfinished, but the head knows that it was finished.
    change('journal', () => Buffer.from(lines.join('\n')));
    strictEqual(await refusal(), 'node/store-behind');
  });

  it('repairs the line that a killed process left unfinished, since nobody was told of it', async () => {
    change('journal', (whole) => Buffer.concat([whole, Buffer.from('AAAAAAAAAAAA')]));
    strictEqual(await refusal(), undefined);
    deepStrictEqual(readFileSync(at('journal')), readFileSync(join(pristine, 'journal')));
  });

  it('is found by its peers when the whole folder is put back, and by nobody else', async () => {
    const me = identity();
    let store = await NodeStore.open(place.options);
    const before = store.chain.head;
    const remembered = () =>
      signHeads({ node: 'n1', storeId: store.storeId, heads: { store: store.chain.head, audit: NO_AUDIT }, atMs: NOW_MS }, me.privateKey);
    const early = remembered();
    await store.poison({ ...refOf(2), peer: 2, generation: 1, sid: bytes(8, 32), check: 'ote', audit: NO_AUDIT, atMs: NOW_MS });
    const late = remembered();
    await store.close();

    place.rollBack(pristine);
    store = await NodeStore.open(place.options);
    const audit = new HashChain('empty');
    const local = { node: 'n1', storeId: store.storeId, store: store.chain, audit };
    const withAudit = (statement: typeof late) => signHeads({ ...statement, heads: { store: statement.heads.store, audit: audit.head } }, me.privateKey);
    strictEqual(await isBehind(local, [withAudit(early)], me.publicKey), undefined);
    deepStrictEqual(await isBehind(local, [withAudit(early), withAudit(late)], me.publicKey), {
      log: 'store',
      why: 'behind',
      remembered: late.heads.store,
      local: before,
    });
    // Going on from the old copy is another history, however long it gets.
    await store.poison({ ...refOf(2), peer: 3, generation: 1, sid: bytes(8, 32), check: 'ote', audit: NO_AUDIT, atMs: NOW_MS });
    strictEqual((await isBehind(local, [withAudit(late)], me.publicKey))?.why, 'forked');
    strictEqual(store.chain.tag, storeTag(store.storeId));
    await store.close();
  });

  it('is refused when journal and head are old and a record is newer than both', async () => {
    const store = await NodeStore.open(place.options);
    await store.putPair(refOf(1), { peer: 3, generation: 2, setupId: bytes(4, 32), secrets: new Uint8Array(50) }, 'op1', NOW_MS);
    await store.confirm(refOf(2), bytes(1, 64), NOW_MS);
    await store.promote(refOf(2), bundle, NOW_MS);
    await store.putPending(epoch(3), NOW_MS);
    await store.close();
    for (const name of ['journal', 'head']) copyFileSync(join(pristine, name), at(name));
    strictEqual(await refusal(), 'node/store-behind');
  });

  it('erases what nothing refers to only when told, and never what is in use', async () => {
    writeFileSync(at('records/3-share.sealed'), 'left by a killed ceremony');
    const store = await NodeStore.open(place.options);
    const names = readdirSync(at('records'));
    ok(names.includes('3-share.sealed'));
    deepStrictEqual(await store.eraseLeftovers(), ['3-share.sealed']);
    strictEqual(readdirSync(at('records')).length, names.length - 1);
    await store.close();
    strictEqual(await refusal(), undefined);
  });
});
