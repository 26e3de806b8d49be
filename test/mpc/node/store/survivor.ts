import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { Problem } from '#base';
import { NodeStore } from '#mpc/node';
import { bytes, epoch, optionsIn, refOf } from '../fixtures.ts';

/**
 * What a killed child's store holds now, in the words in which the child tells its steps. Asserts what must be so after any death: everything it told is there, at most the next step besides, and an epoch
 * that signs is whole.
 */
export async function audited(root: string, told: readonly string[]): Promise<ReadonlySet<string>> {
  const options = optionsIn(root);
  if (!existsSync(options.folder)) return new Set();
  let store: NodeStore;
  try {
    store = await NodeStore.open(options);
  } catch (error) {
    // A store that was never finished holds no share, and says what it is.
    ok(error instanceof Problem && !told.includes('created'), String(error));
    ok(['node/store-absent', 'node/store-incomplete'].includes(error.code), error.code);
    return new Set();
  }
  const held = new Set<string>();
  for (const number of [1, 2]) {
    const record = store.epochs.find(({ epochId }) => epochId === refOf(number).epochId);
    if (!record) continue;
    held.add(`pending ${number}`);
    if (record.confirmed) held.add(`confirmed ${number}`);
    if (record.status === 'ACTIVE' || record.status === 'RETIRED') held.add(`promoted ${number}`);
    if (record.status !== 'RETIRED') {
      deepStrictEqual(store.share(record), epoch(number).share);
      deepStrictEqual(store.pairSecrets(record, 2), epoch(number).pairs[0]!.secrets);
    }
  }
  if (store.counters.spent.some(({ digest }) => digest === bytes(0x21, 32))) held.add('released 1');
  if (store.poisonings.length > 0) {
    held.add('poisoned 1');
    ok(store.epoch(refOf(1)).pairs.get(3)!.status !== 'ACTIVE');
  }
  const steps = told.filter((line) => /^(pending|confirmed|promoted|released|poisoned) /.test(line));
  for (const step of steps) ok(held.has(step), `${step} was told, and is lost`);
  // Whoever has promoted e once can sign with e or with e+1, at any moment.
  if (held.has('promoted 1')) strictEqual(store.epochs.filter(({ status }) => status === 'ACTIVE').length, 1);
  await store.eraseLeftovers();
  await store.close();
  return held;
}
