import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem, toHex, type Hex } from '#base';
import { intentDigest, isSignatureBy } from '#custody/intents';
import { anchorIntent, Rehearsal, rehearsalPolicy } from '#mpc/node/drill';
import { ownPublicShares } from '../../../../mpc/node/drill/rehearsal.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const OLD = [1, 2, 3];
const PAIRS = [[1, 2], [1, 3], [2, 3]] as const; // prettier-ignore
const TRIPLES = [[1, 2, 3], [1, 2, 4], [1, 2, 5], [1, 3, 4], [1, 3, 5], [1, 4, 5], [2, 3, 4], [2, 3, 5], [2, 4, 5], [3, 4, 5]] as const; // prettier-ignore
/** The steps of a reshare as its transcript names them, and who is killed there: a dealer or the party that only receives, and all at once where all have confirmed. */
const STEPS: readonly (readonly [step: string, killed: readonly number[]])[] = [
  ['resharing the', [3]],
  ['setting up 2 pairs', [2]],
  ['share, pairs and backup are on the disk', [1]],
  ['test signature of', [3]],
  ['confirmed; it signs when', [2]],
  ['confirmed; it signs when', OLD],
  ['the poster key is', [1]],
];

interface Status {
  readonly keys: readonly { readonly role: string; readonly epoch: number; readonly status: string; readonly confirmed: boolean }[];
}

/** Digest 11.1 with 10.3, between real processes. */
describe('T-13: a reshare between signer processes', function () {
  this.timeout(300_000);
  let rehearsal: Rehearsal;
  let address: Hex;

  before(async () => {
    rehearsal = await Rehearsal.make({ n: 3, threshold: 2, policy: rehearsalPolicy, random });
    await rehearsal.startAll();
    await rehearsal.ceremony({ kind: 'generate', role: 'poster' });
    address = await rehearsal.address(1, 'poster');
  });
  after(() => rehearsal?.end());

  async function signs(signers: readonly number[]): Promise<void> {
    const intent = anchorIntent(toHex(random(32)));
    assert.ok(isSignatureBy(address, intentDigest(intent), await rehearsal.sign(intent, signers)), signers.join());
  }

  /** While a bundle is on its way one of two may have gone over before the other: asked again until both have. */
  async function signsBeforeLong(signers: readonly number[]): Promise<void> {
    for (const endMs = performance.now() + 20_000; ; await sleep(100)) {
      const failure = await signs(signers).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) return;
      if (!(failure instanceof Problem) || performance.now() > endMs) throw failure;
    }
  }

  async function keysOf(party: number): Promise<Status['keys']> {
    return ((await rehearsal.status(party)) as unknown as Status).keys;
  }

  async function linesAt(party: number, step: string): Promise<number> {
    return (await rehearsal.log(party)).filter(({ msg }) => String(msg).startsWith(step)).length;
  }

  for (const [step, killed] of STEPS) {
    const whom = killed.length === 1 ? `party ${killed[0]} is` : 'all are';
    it(`keeps the key where ${whom} killed at "${step}", and is held again`, async () => {
      const before = await Promise.all(killed.map((party) => linesAt(party, step)));
      const begun = Promise.allSettled(OLD.map((party) => rehearsal.ceremony({ kind: 'reshare', role: 'poster', dealers: [1, 2] }, [party])));
      await Promise.all(
        killed.map(async (party, i) => {
          while ((await linesAt(party, step)) === before[i]) await sleep(5);
          await rehearsal.stop(party);
        }),
      );
      // With t of them alive there is no moment at which they cannot sign.
      const alive = OLD.filter((party) => !killed.includes(party));
      if (alive.length === 2) await signsBeforeLong(alive);
      await rehearsal.restart(OLD);
      await begun;
      await rehearsal.ready(OLD);
      for (const pair of PAIRS) await signsBeforeLong(pair);
      for (const party of OLD) assert.equal(await rehearsal.address(party, 'poster'), address);
    });
  }

  describe('from 2 of 3 to 3 of 5', () => {
    let copies: readonly string[];
    let before: readonly Hex[];

    it('gives two more nodes their shares of the same key', async () => {
      for (const party of OLD) assert.equal((await keysOf(party)).filter(({ status }) => status === 'ACTIVE').length, 1, `party ${party}`);
      before = (await rehearsal.anchor(1, 'poster')).anchor.publicShares;
      for (const party of OLD) await rehearsal.stop(party, 'SIGTERM');
      copies = OLD.map((party) => join(rehearsal.root, `copy-${party}`));
      for (const [i, copy] of copies.entries()) await cp(rehearsal.node(OLD[i]!).folder, copy, { recursive: true });
      for (const party of [4, 5]) await rehearsal.join(party, 3);
      for (const { party, folder } of rehearsal.nodes) {
        await rehearsal.introduce(party);
        const file = join(folder, 'node.json');
        const config = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
        await writeFile(file, JSON.stringify({ ...config, threshold: 3 }));
      }
      await rehearsal.startAll();
      for (const pair of PAIRS) await signs(pair);
      await rehearsal.reshare('poster', [1, 2], 1);
      for (const { party } of rehearsal.nodes) {
        assert.equal(await rehearsal.address(party, 'poster'), address);
        assert.deepEqual((await keysOf(party)).map(({ status }) => status), ['ACTIVE']); // prettier-ignore
      }
    });

    it('is signed with by every three of five, and by no two and no four', async () => {
      for (const signers of TRIPLES) await signs(signers);
      for (const signers of [...PAIRS, [1, 2, 3, 4]]) {
        const answers = await rehearsal.ask(anchorIntent(toHex(random(32))), signers);
        assert.ok(answers.every(({ status }) => status === 'rejected'), signers.join()); // prettier-ignore
      }
    });

    it('leaves no share of before on any node, and none of before fits one of after', async () => {
      const after = (await rehearsal.anchor(1, 'poster')).anchor.publicShares;
      assert.equal(after.length, 5);
      assert.deepEqual(after.filter((share) => before.includes(share)), []); // prettier-ignore
      for (const { party } of rehearsal.nodes) await rehearsal.stop(party, 'SIGTERM');
      for (const { party, folder } of rehearsal.nodes) assert.deepEqual(await ownPublicShares(folder), [after[party - 1]], `party ${party}`);
      // What was copied from a disk before is still a share of the epoch before: t of them stay dangerous for ever, and all copies have to be destroyed (docs/custody.md).
      for (const [i, copy] of copies.entries()) assert.deepEqual(await ownPublicShares(copy), [before[i]]);
    });
  });
});
