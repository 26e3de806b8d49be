import { strict as assert } from 'node:assert';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex, type Hex } from '#base';
import { intentDigest } from '#custody/intents';
import { anchorIntent, Impostor, Rehearsal, rehearsalPolicy, spoiled } from '#mpc/node/drill';
import { random } from '../fixtures.ts';

/** Digest 14: what a rollback can undo is also at a peer, from when it happened on and not from the next signature. */
describe('a poisoning', function () {
  this.timeout(300_000);
  let rehearsal: Rehearsal;

  before(async () => {
    rehearsal = await Rehearsal.make({ n: 3, threshold: 2, policy: rehearsalPolicy, random, timeouts: { decisionMs: 4_000, roundMs: 8_000 } });
    await rehearsal.startAll();
    await rehearsal.ceremony({ kind: 'generate', role: 'poster' });
  });
  after(() => rehearsal?.end());

  /** How many lines of party 1 are remembered on the disk of party 2. */
  async function remembered(): Promise<number> {
    const file = await readFile(join(rehearsal.node(2).folder, 'peer-heads.json'), 'utf8').catch(() => '[]');
    const heads = new Map(JSON.parse(file) as [number, { heads: { store: { seq: number } } }][]);
    return heads.get(1)?.heads.store.seq ?? 0;
  }
  async function lines(): Promise<number> {
    return ((await rehearsal.status(1)) as { heads: { store: { seq: number } } }).heads.store.seq;
  }
  async function untilRemembered(atLeast: number): Promise<void> {
    while ((await remembered()) < atLeast) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  it('is known to the peers at once, so that a copy of the disk from before it starts no more', async () => {
    const { folder } = rehearsal.node(1);
    const copy = `${folder}-copy`;
    await rehearsal.stop(3);
    const impostor = await Impostor.take(rehearsal, 3, 'poster', random);
    const intent = anchorIntent(toHex(random(32)));
    const requestId: Hex = toHex(random(32));
    const asked = rehearsal.ask(intent, [1, 3], requestId);
    const { conversation, message } = await impostor.hears(1, 0);
    const before = await lines();
    await untilRemembered(before);
    await cp(folder, copy, { recursive: true });
    const { slot, round1 } = impostor.begin(1, intentDigest(intent), requestId, message);
    await impostor.say(1, conversation, 0, slot);
    await impostor.say(1, conversation, 1, spoiled(round1));
    await asked;
    await untilRemembered(before + 1);
    await impostor.leave();
    await rehearsal.stop(1);
    await rm(folder, { recursive: true });
    await cp(copy, folder, { recursive: true });
    await rehearsal.start(1).catch(() => undefined);
    while (rehearsal.node(1).process!.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(rehearsal.node(1).process!.exitCode, 3);
    assert.ok((await rehearsal.log(1)).some(({ code }) => code === 'node/store-behind'));
  });
});
