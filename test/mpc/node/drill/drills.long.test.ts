import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { toHex } from '#base';
import { intentDigest, isSignatureBy } from '#custody/intents';
import { BUNDLE, CONFIRMED } from '../../../../mpc/node/ceremony/ceremony.ts';
import { anchorIntent, Rehearsal, rehearsalPolicy, runDrills } from '#mpc/node/drill';
import { DRILLS } from '../../../../mpc/node/drill/drills.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const PAIRS: readonly (readonly number[])[] = [
  [1, 2],
  [1, 3],
  [2, 3],
];

describe('the drills of the signer nodes', function () {
  this.timeout(600_000);

  for (const name of Object.keys(DRILLS)) {
    it(`end as they should: ${name}`, async () => {
      const told: string[] = [];
      assert.equal(await runDrills(name, false, (line) => told.push(line)), 0);
      assert.ok(told.includes(`${name}: as it should be`));
    });
  }

  it('are refused under another name', async () => {
    await assert.rejects(
      runDrills('everything', false, () => undefined),
      /cli\/bad-arguments/,
    );
  });
});

/** Digest 10.3: a crash at any point must leave e or e + 1 signable by t parties. */
describe('T-12: a refresh in which a node is killed or cheated: the old epoch is neither forgotten too early nor kept by some alone', function () {
  this.timeout(900_000);
  let rehearsal: Rehearsal;

  before(async () => {
    rehearsal = await Rehearsal.make({
      n: 3,
      threshold: 2,
      policy: rehearsalPolicy,
      random,
      timeouts: { decisionMs: 8_000, roundMs: 10_000, ceremonyMs: 30_000, ceremonyRoundMs: 15_000 },
    });
    await rehearsal.startAll();
    await rehearsal.ceremony({ kind: 'generate', role: 'poster' });
  });
  after(() => rehearsal?.end());

  async function sign(pairs: readonly (readonly number[])[]): Promise<void> {
    const address = await rehearsal.address(1, 'poster');
    for (const pair of pairs) {
      const intent = anchorIntent(toHex(random(32)));
      assert.ok(isSignatureBy(address, intentDigest(intent), await rehearsal.sign(intent, pair)), pair.join());
    }
  }

  for (const step of [
    'all are here',
    'dealing new shares',
    'setting up',
    'share, pairs and backup are on the disk',
    'test signature of 1 and 3',
    'test signature of 2 and 3',
    'confirmed',
  ]) {
    it(`leaves a key that the others sign with, and all when it is back: killed at "${step}"`, async () => {
      const address = await rehearsal.address(1, 'poster');
      const seen = (await rehearsal.log(3)).length;
      const outcome = rehearsal.ceremony({ kind: 'refresh', role: 'poster' }).then(
        () => 'done',
        () => 'failed',
      );
      while (!(await rehearsal.log(3)).slice(seen).some(({ msg }) => String(msg).startsWith(step))) await new Promise((resolve) => setTimeout(resolve, 1));
      await rehearsal.stop(3);
      await sign([[1, 2]]);
      await rehearsal.start(3);
      await rehearsal.ready();
      // Whatever the ceremony came to: it goes on by itself or is begun again, and the key is the same.
      await outcome;
      await rehearsal.ceremony({ kind: 'refresh', role: 'poster' });
      await sign(PAIRS);
      for (const party of [1, 2, 3]) assert.equal(await rehearsal.address(party, 'poster'), address);
    });
  }

  it('a confirmation that is withheld from one, and both others killed with SIGKILL right after their own: they sign under the new epoch, without who withheld it', async () => {
    const address = await rehearsal.address(1, 'poster');
    await rehearsal.stop(3);
    // Party 3 is captured: it confirms to party 1 and never to party 2, which hears the bundle from party 1 alone.
    const captured = await rehearsal.runCaptured(3, 2, (method, payload) => (method === CONFIRMED || method === BUNDLE ? undefined : payload));
    await rehearsal.ready([1, 2, 3]);
    const seen = (await Promise.all([1, 2].map((party) => rehearsal.log(party)))).map(({ length }) => length);
    const outcome = rehearsal.ceremony({ kind: 'refresh', role: 'poster' }, [1, 2, 3]).catch(() => undefined);
    for (const [i, party] of [1, 2].entries()) {
      while (!(await rehearsal.log(party)).slice(seen[i]).some(({ msg }) => String(msg).startsWith('confirmed')))
        await new Promise((resolve) => setTimeout(resolve, 1));
      await rehearsal.stop(party);
    }
    await captured.close();
    for (const party of [1, 2]) await rehearsal.start(party);
    // Nobody of 1 and 2 begins before it has heard from its peers what they remember, so party 3 is back as well, but not in the signature.
    await rehearsal.start(3);
    await rehearsal.ready([1, 2, 3]);
    await outcome;
    await sign([[1, 2]]);
    await rehearsal.ceremony({ kind: 'refresh', role: 'poster' });
    await sign(PAIRS);
    assert.equal(await rehearsal.address(2, 'poster'), address);
  });
});
