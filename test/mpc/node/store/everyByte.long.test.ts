import { deepStrictEqual, ok } from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NodeStore } from '#mpc/node';
import { activate, bytes, clearHomes, home, NO_AUDIT, NOW_MS, refOf, session } from '../fixtures.ts';

describe('every byte of a store', () => {
  after(clearHomes);

  it('is missed when it is another one', async function () {
    this.timeout(3_600_000);
    const place = await home();
    const store = await NodeStore.open(place.options);
    await activate(store);
    await store.release(session(store, 1), NOW_MS);
    await store.poison({ ...refOf(1), peer: 3, generation: 1, sid: bytes(9, 32), check: 'ote', audit: NO_AUDIT, atMs: NOW_MS });
    await store.close();
    const names = ['store.json', 'head', 'journal', ...readdirSync(join(place.folder, 'records')).map((name) => `records/${name}`)];
    const survived: string[] = [];
    let tried = 0;
    for (const name of names) {
      const path = join(place.folder, name);
      const whole = readFileSync(path);
      for (const [position, byte] of whole.entries()) {
        writeFileSync(path, whole.with(position, byte ^ (1 << (position % 8))));
        tried++;
        const opened = await NodeStore.open(place.options).catch((error: { code: string }) => error);
        if (!(opened instanceof NodeStore) && opened.code.startsWith('node/')) continue;
        survived.push(`${name} at ${position}`);
        if (opened instanceof NodeStore) await opened.close();
      }
      writeFileSync(path, whole);
    }
    ok(tried > 5_000, `${tried} bytes`);
    deepStrictEqual(survived, []);
  });
});
