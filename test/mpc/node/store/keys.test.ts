import { deepStrictEqual, notDeepStrictEqual, ok, rejects, strictEqual, throws } from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson } from '#anchor/core';
import { keyFileProvider, NodeStore, passphraseProvider, rewrapHeader, type Argon2Cost, type KeyProvider } from '#mpc/node';
import { activate, bytes, clearHomes, emptyFolder, epoch, home, NOW_MS, optionsIn, policyWith, random, refOf, type Home } from '../fixtures.ts';

const FLOOR: Argon2Cost = { memoryKiB: 65_536, passes: 3, lanes: 1 };
const PASSPHRASE = 'correct horse battery staple';

describe('the key of a store', () => {
  afterEach(clearHomes);

  it('opens by a passphrase, stretched as the header says, and by no other', async () => {
    const root = emptyFolder();
    const options = { ...optionsIn(root), provider: passphraseProvider(PASSPHRASE, FLOOR) };
    await NodeStore.create(options, policyWith(), NOW_MS);
    const { wrapped } = JSON.parse(readFileSync(join(options.folder, 'store.json'), 'utf8')) as { wrapped: object };
    deepStrictEqual({ ...wrapped, salt: '', sealed: '' }, { kdf: 'argon2id', ...FLOOR, salt: '', sealed: '' });
    await (await NodeStore.open({ ...options, provider: passphraseProvider(PASSPHRASE) })).close();
    await rejects(NodeStore.open({ ...options, provider: passphraseProvider(`${PASSPHRASE}!`) }), { code: 'node/wrong-key' });
    await rejects(NodeStore.open(optionsIn(root)), { code: 'node/wrong-key' });
  });

  it('is one key for all spellings of a passphrase that Unicode calls the same', async () => {
    const root = emptyFolder();
    const options = optionsIn(root);
    await NodeStore.create({ ...options, provider: passphraseProvider('cr\u00e8me br\u00fbl\u00e9e 2026', FLOOR) }, policyWith(), NOW_MS);
    await (await NodeStore.open({ ...options, provider: passphraseProvider('cre\u0300me bru\u0302le\u0301e 2026') })).close();
  });

  it('is not stretched by less than the floor, whatever a header says, nor by more than any machine has', async () => {
    const weak: Partial<Argon2Cost>[] = [
      { memoryKiB: 65_535 },
      { passes: 2 },
      { lanes: 0 },
      { memoryKiB: 2 ** 40 },
      { passes: 65 },
      { lanes: 17 },
      { memoryKiB: Number.NaN },
    ];
    for (const cost of weak) throws(() => passphraseProvider(PASSPHRASE, { ...FLOOR, ...cost }), { code: 'node/weak-kdf' });
    throws(() => passphraseProvider('fifteen letters'), { code: 'node/weak-passphrase' });

    const options = { ...optionsIn(emptyFolder()), provider: passphraseProvider(PASSPHRASE, FLOOR) };
    await NodeStore.create(options, policyWith(), NOW_MS);
    const path = join(options.folder, 'store.json');
    const header = JSON.parse(readFileSync(path, 'utf8')) as { wrapped: object };
    for (const [change, code] of [
      [{ memoryKiB: 8 }, 'node/weak-kdf'],
      [{ passes: 1 }, 'node/weak-kdf'],
      [{ memoryKiB: 2 ** 40 }, 'node/weak-kdf'],
      [{ memoryKiB: '65536' }, 'node/weak-kdf'],
      [{ kdf: 'argon2i' }, 'node/weak-kdf'],
      [{ lanes: 2 }, 'node/wrong-key'],
      [{ more: 1 }, 'node/wrong-key'],
      [{ salt: '0x00' }, 'node/wrong-key'],
    ] as const) {
      writeFileSync(path, `${canonicalJson({ ...header, wrapped: { ...header.wrapped, ...change } })}\n`);
      await rejects(NodeStore.open(options), { code });
    }
  });

  it('is read from a file that belongs to its owner alone', async () => {
    const { options, folder } = await home();
    const path = join(folder, '..', 'store.key');
    for (const [content, mode] of [
      [`${bytes(0x5a, 32)}\n`, 0o640],
      [bytes(0x5a, 31), 0o600],
      ['secret', 0o600],
    ] as const) {
      writeFileSync(path, content);
      chmodSync(path, mode);
      await rejects(NodeStore.open(options), { code: 'node/bad-key-file' });
    }
    await rejects(NodeStore.open({ ...options, provider: keyFileProvider(join(folder, 'nowhere')) }), { code: 'node/bad-key-file' });
    chmodSync(path, 0o600);
    writeFileSync(path, bytes(0x5b, 32));
    await rejects(NodeStore.open(options), { code: 'node/wrong-key' });
  });

  it('moves to another provider without touching a share, and then no longer opens by the first', async () => {
    const { options, folder } = await home();
    const store = await NodeStore.open(options);
    await activate(store);
    await store.close();
    const share = readFileSync(join(folder, 'records/1-share.sealed'));
    const next = passphraseProvider(PASSPHRASE, FLOOR);
    await rewrapHeader(folder, options.provider, next, random);
    deepStrictEqual(readFileSync(join(folder, 'records/1-share.sealed')), share);
    await rejects(NodeStore.open(options), { code: 'node/wrong-key' });
    const again = await NodeStore.open({ ...options, provider: next });
    deepStrictEqual(again.share(refOf(1)), epoch(1).share);
    await again.close();
  });

  it('may stay in a device: a provider needs to wrap and to unwrap, and is told what to bind', async () => {
    const kept: { context?: Uint8Array; key?: Uint8Array } = {};
    const device: KeyProvider = {
      kind: 'device',
      async wrap(storeKey, context) {
        Object.assign(kept, { context: Uint8Array.from(context), key: Uint8Array.from(storeKey) });
        return { slot: 7 };
      },
      async unwrap({ slot }, context) {
        strictEqual(slot, 7);
        deepStrictEqual(context, kept.context);
        return Uint8Array.from(kept.key!);
      },
    };
    const options = { ...optionsIn(emptyFolder()), provider: device };
    await NodeStore.create(options, policyWith(), NOW_MS);
    ok(Buffer.from(kept.context!).includes('n1'));
    await (await NodeStore.open(options)).close();
  });

  describe('and what it seals', () => {
    let place: Home;
    beforeEach(async () => (place = await home()));

    it('leaves no secret byte on the disk in clear, and seals the same bytes differently each time', async () => {
      const store = await NodeStore.open(place.options);
      await activate(store);
      await store.putPending(epoch(2), NOW_MS);
      await store.close();
      for (const name of ['1-share', '1-pair-2', '1-pair-3', '2-share', '1-backup']) {
        const content = readFileSync(join(place.folder, `records/${name}.sealed`));
        for (const value of [0x41, 0x42, 0x6c, 0x6d, 0x81]) ok(!content.includes(Buffer.alloc(8, value)), name);
      }
      const [one, two] = [2, 3].map((peer) => readFileSync(join(place.folder, `records/1-pair-${peer}.sealed`)).subarray(-64));
      notDeepStrictEqual(one, two);
    });

    it('is never overwritten by a second creation', async () => {
      await rejects(NodeStore.create(place.options, policyWith(), NOW_MS), { code: 'node/store-exists' });
      await rejects(NodeStore.open({ ...place.options, folder: join(place.folder, 'elsewhere') }), { code: 'node/store-absent' });
    });

    it('stays shut to a second opening while it is open, and opens again after', async () => {
      const store = await NodeStore.open(place.options);
      await rejects(NodeStore.open(place.options), { code: 'node/folder-locked' });
      await rejects(NodeStore.create(place.options, policyWith(), NOW_MS), { code: 'node/folder-locked' });
      await store.close();
      await (await NodeStore.open(place.options)).close();
    });
  });
});
