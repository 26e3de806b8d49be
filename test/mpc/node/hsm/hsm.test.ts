import { deepStrictEqual, notStrictEqual, ok, rejects, strictEqual, throws } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson } from '#anchor/core';
import { utf8 } from '#base';
import { NodeStore, rewrapHeader, type KeyProvider, type WrappedKey } from '#mpc/node';
import { demandTries, refusalOf } from '../../../../mpc/node/hsm/cryptoki.ts';
import { hsmProvider, readPin } from '../../../../mpc/node/hsm/hsm.ts';
import { activate, clearHomes, emptyFolder, epoch, home, NOW_MS, optionsIn, policyWith, random, refOf } from '../fixtures.ts';
import { objectsIn, PIN, serialOf, setBoolean, SOFTHSM, softTokens } from './softhsm.ts';

const CONTEXT = utf8('a store of a node');
const CKA_SIGN = 0x108;
const CKA_SENSITIVE = 0x103;
const CKA_EXTRACTABLE = 0x162;

describe('a key provider of PKCS#11', () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'cairn-hsm-'))));
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('loads nothing but a module of PKCS#11 that is named by its whole path', async () => {
    writeFileSync(join(root, 'text.so'), 'no library');
    for (const module of ['libsofthsm2.so', './libsofthsm2.so', join(root, 'nowhere.so'), join(root, 'text.so'), process.execPath]) {
      const provider = hsmProvider({ module, token: 't', key: 'k' }, async () => utf8(PIN));
      await rejects(provider.wrap(random(32), CONTEXT, random), { code: 'node/hsm-module' }, module);
    }
  });

  it('wipes the PIN whatever happens', async () => {
    const pin = utf8(PIN);
    await rejects(hsmProvider({ module: '/nowhere.so', token: 't', key: 'k' }, async () => pin).wrap(random(32), CONTEXT, random));
    deepStrictEqual([...pin], [0, 0, 0, 0, 0, 0]);
  });

  it('reads the PIN from the first line of a file that belongs to its owner alone', async () => {
    const path = join(root, 'pin');
    await rejects(readPin(path), { code: 'node/bad-pin-file' });
    for (const [content, mode] of [
      [`${PIN}\n`, 0o640],
      [`${PIN}\n`, 0o604],
      ['', 0o600],
      ['\n1234', 0o600],
      ['9'.repeat(256), 0o600],
    ] as const) {
      writeFileSync(path, content);
      chmodSync(path, mode);
      await rejects(readPin(path), { code: 'node/bad-pin-file' });
    }
    for (const end of ['', '\n', '\r\n', '\nmore']) {
      writeFileSync(path, `${PIN}${end}`);
      deepStrictEqual(await readPin(path), utf8(PIN));
    }
  });

  it('does not try a PIN that the token would not take, nor one for the last time', () => {
    const [initialized, few, last, locked] = [0x408, 0x1_0000, 0x2_0000, 0x4_0000];
    demandTries(initialized);
    demandTries(initialized | few);
    for (const flags of [0x400, initialized | last, initialized | locked, initialized | few | last])
      throws(() => demandTries(flags), { code: 'node/hsm-pin-locked' }, String(flags));
  });

  it('says what an answer of the device means', () => {
    const codes = [0x32, 0xe0, 0xe1, 0xa0, 0xa2, 0xa4, 0x102, 0x05].map((rv) => refusalOf('C_Login', rv).code.slice('node/hsm-'.length));
    deepStrictEqual(codes, ['token-missing', 'token-missing', 'token-missing', 'wrong-pin', 'wrong-pin', 'pin-locked', 'pin-locked', 'failed']);
    strictEqual(refusalOf('C_Sign', 0x30).facts['rv'], '0x00000030');
  });

  it('is not loaded where no device opens the store', () => {
    // With the command line of a node loaded whole, a library that koffi brings would be among those of the process.
    const script = `
      const { nodeCommand } = await import('#mpc/node/command');
      await nodeCommand(['init', '--folder', process.argv[1], '--party', '1', '--listen', 'a:1', '--policy', process.argv[2], '--key-file', process.argv[3]]);
      if (process.argv[4] === 'koffi') await import('koffi');
      console.log('loaded', process.report.getReport().sharedObjects.filter((path) => path.includes('koffi')).length);`;
    writeFileSync(join(root, 'key'), `0x${'5a'.repeat(32)}`, { mode: 0o600 });
    writeFileSync(
      join(root, 'policy'),
      JSON.stringify(policyWith(), (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    );
    const loaded = (folder: string, more: string): string =>
      spawnSync(process.execPath, ['--input-type=module', '-e', script, join(root, folder), join(root, 'policy'), join(root, 'key'), more], {
        encoding: 'utf8',
        cwd: join(import.meta.dirname, '../../../..'),
      }).stdout;
    ok(loaded('a', '').endsWith('loaded 0\n'));
    ok(loaded('b', 'koffi').endsWith('loaded 1\n'));
  });
});

if (SOFTHSM === undefined) console.log('left out: a key in a PKCS#11 token, because SoftHSM (softhsm2) is not installed');

(SOFTHSM === undefined ? [] : [SOFTHSM]).forEach((module) => {
  describe('a store that a PKCS#11 token opens', () => {
    let tokens: ReturnType<typeof softTokens>;
    let token: string;
    beforeEach(() => {
      tokens = softTokens();
      token = tokens.add('signer');
    });
    afterEach(() => {
      tokens.close();
      clearHomes();
    });

    const provider = (changes: Partial<Parameters<typeof hsmProvider>[0]> = {}, pin = PIN): KeyProvider =>
      hsmProvider({ module, token: 'signer', key: 'cairn-node-1', ...changes }, async () => utf8(pin));

    it('holds its shares, and opens again by the same token', async () => {
      const options = { ...optionsIn(emptyFolder()), provider: provider() };
      await NodeStore.create(options, policyWith(), NOW_MS);
      const store = await NodeStore.open(options);
      await activate(store);
      await store.close();
      const again = await NodeStore.open(options);
      deepStrictEqual(again.share(refOf(1)), epoch(1).share);
      await again.close();
      const header = readFileSync(join(options.folder, 'store.json'), 'utf8');
      ok(header.includes('"provider":"pkcs11"') && header.includes('"mechanism":"CKM_SHA256_HMAC"') && !header.includes(PIN));
      strictEqual(objectsIn(token).length, 1);
    });

    it('has one key in the token for all that is wrapped, and another ciphertext each time', async () => {
      const [one, two] = [await provider().wrap(random(32), CONTEXT, random), await provider().wrap(random(32), CONTEXT, random)];
      strictEqual(one['keyId'], two['keyId']);
      notStrictEqual(one['salt'], two['salt']);
      strictEqual(objectsIn(token).length, 1);
      await provider({ key: 'another' }).wrap(random(32), CONTEXT, random);
      strictEqual(objectsIn(token).length, 2);
    });

    it('opens several at once in one process', async () => {
      const keys = Array.from({ length: 8 }, () => random(32));
      const wrapped = await Promise.all(keys.map((key) => provider().wrap(Uint8Array.from(key), CONTEXT, random)));
      deepStrictEqual(await Promise.all(wrapped.map((one) => provider().unwrap(one, CONTEXT))), keys);
    });

    it('moves to the token from a key file and back, without touching a share; an interrupted move goes on', async () => {
      const { options, folder } = await home();
      const store = await NodeStore.open(options);
      await activate(store);
      await store.close();
      await rewrapHeader(folder, options.provider, provider(), random);
      await rejects(NodeStore.open(options), { code: 'node/wrong-key' });
      // Again, as after a crash before node.json said so: nothing to do.
      const header = readFileSync(join(folder, 'store.json'));
      await rewrapHeader(folder, options.provider, provider(), random);
      deepStrictEqual(readFileSync(join(folder, 'store.json')), header);
      await rejects(rewrapHeader(folder, options.provider, provider({}, '000000'), random), { code: 'node/wrong-key' });
      const again = await NodeStore.open({ ...options, provider: provider() });
      deepStrictEqual(again.share(refOf(1)), epoch(1).share);
      await again.close();
      // A new key of the same token, and then out of it.
      await rewrapHeader(folder, provider(), provider({ key: 'cairn-node-1-b' }), random);
      await rewrapHeader(folder, provider(), options.provider, random);
      await (await NodeStore.open(options)).close();
    });

    it('refuses a wrong PIN after one try, and opens by the right one afterwards', async () => {
      const wrapped = await provider().wrap(random(32), CONTEXT, random);
      let tries = 0;
      const wrong = (pin: string) => hsmProvider({ module, token: 'signer', key: 'cairn-node-1' }, async () => (tries++, utf8(pin)));
      for (const pin of ['271829', '1', '2'.repeat(255)]) await rejects(wrong(pin).unwrap(wrapped, CONTEXT), { code: 'node/hsm-wrong-pin' });
      strictEqual(tries, 3);
      strictEqual((await provider().unwrap(wrapped, CONTEXT)).length, 32);
    });

    it('names a token that is not there, and goes on without one that is pulled while the store is open', async () => {
      await rejects(provider({ token: 'signet' }).wrap(random(32), CONTEXT, random), { code: 'node/hsm-token-missing' });
      const options = { ...optionsIn(emptyFolder()), provider: provider() };
      await NodeStore.create(options, policyWith(), NOW_MS);
      const store = await NodeStore.open(options);
      renameSync(token, `${token}.pulled`);
      renameSync(`${token}.pulled`, join(emptyFolder(), 'pulled'));
      await activate(store);
      await store.close();
      await rejects(NodeStore.open(options), { code: 'node/hsm-token-missing' });
    });

    it('takes neither of two tokens with one label, and each by its serial number', async () => {
      const wrapped = await provider().wrap(Uint8Array.from(random(32)), CONTEXT, random);
      const other = tokens.add('signer');
      await rejects(provider().unwrap(wrapped, CONTEXT), { code: 'node/hsm-ambiguous' });
      strictEqual((await provider({ token: serialOf(token) }).unwrap(wrapped, CONTEXT)).length, 32);
      await rejects(provider({ token: serialOf(other) }).unwrap(wrapped, CONTEXT), { code: 'node/hsm-key-missing' });
    });

    it('takes neither of two keys with one name', async () => {
      const wrapped = await provider().wrap(random(32), CONTEXT, random);
      const [object] = objectsIn(token);
      copyFileSync(object!, object!.replace(/[0-9a-f]{12}\.object$/, '0123456789ab.object'));
      await rejects(provider().wrap(random(32), CONTEXT, random), { code: 'node/hsm-ambiguous' });
      await rejects(provider().unwrap(wrapped, CONTEXT), { code: 'node/hsm-ambiguous' });
    });

    it('says so where its key is gone, and makes no other in its place', async () => {
      const wrapped = await provider().wrap(random(32), CONTEXT, random);
      rmSync(objectsIn(token)[0]!);
      await rejects(provider().unwrap(wrapped, CONTEXT), { code: 'node/hsm-key-missing' });
      deepStrictEqual(objectsIn(token), []);
    });

    it('depends on no key that may leave the token, or be read, or signs nothing', async () => {
      for (const [type, value] of [
        [CKA_EXTRACTABLE, true],
        [CKA_SENSITIVE, false],
        [CKA_SIGN, false],
      ] as const) {
        const wrapped = await provider().wrap(random(32), CONTEXT, random);
        const [object] = objectsIn(token);
        setBoolean(object!, type, value);
        await rejects(provider().wrap(random(32), CONTEXT, random), { code: 'node/hsm-key-unfit' }, String(type));
        await rejects(provider().unwrap(wrapped, CONTEXT), { code: 'node/hsm-key-unfit' }, String(type));
        rmSync(object!);
      }
    });

    it('opens nothing whose header was changed, nor in another place', async () => {
      const wrapped = await provider().wrap(random(32), CONTEXT, random);
      const flipped = (text: string | number | undefined): string => String(text).replace(/.$/, (last) => (last === '0' ? '1' : '0'));
      const forged: WrappedKey[] = [
        { ...wrapped, salt: flipped(wrapped['salt']) },
        { ...wrapped, sealed: flipped(wrapped['sealed']) },
        { ...wrapped, sealed: '0x' },
        { ...wrapped, mechanism: 'CKM_MD5_HMAC' },
        { ...wrapped, more: 1 },
        { ...wrapped, keyId: 7 },
        {},
      ];
      for (const one of forged) await rejects(provider().unwrap(one, CONTEXT), { code: 'node/wrong-key' }, canonicalJson(one));
      await rejects(provider().unwrap({ ...wrapped, keyId: flipped(wrapped['keyId']) }, CONTEXT), { code: 'node/hsm-key-missing' });
      await rejects(provider().unwrap(wrapped, utf8('a store of another node')), { code: 'node/wrong-key' });
    });
  });
});
