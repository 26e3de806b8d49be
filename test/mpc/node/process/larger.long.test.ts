import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { toHex, type Hex } from '#base';
import { intentDigest, isSignatureBy } from '#custody/intents';
import { requestToJson } from '#custody/requests';
import { nodeName } from '../../../../mpc/node/process/process.ts';
import { keyFileProvider, NodeStore, type EpochRecord } from '../../../../mpc/node/store/store.ts';
import { ANCHOR, hold, makeTrio, random, runHere, type Seat } from './support/trio.ts';

const PATIENCE = { timeoutMs: 60_000, resendForMs: 0 };

describe('five signer nodes of which three must sign', function () {
  this.timeout(300_000);

  it('sign in every set of three, and in no set of two or four', async () => {
    const trio = await makeTrio({ n: 5, threshold: 3 });
    const lines: string[] = [];
    const nodes = await Promise.all(trio.seats.map((seat) => runHere(seat, lines)));
    try {
      await hold(trio, { kind: 'generate', role: 'poster' });
      const links = trio.seats.map(({ party }) => trio.link(party, 'coordinator'));
      const keys = JSON.parse(Buffer.from(await links[0]!.call('keys/list', new Uint8Array(), PATIENCE)).toString()) as { address: Hex; t: number }[];
      const ask = async (signers: readonly number[]): Promise<PromiseSettledResult<Hex>[]> => {
        const intent = { kind: 'anchor', chainId: 31337n, anchor: ANCHOR, previous: `0x${'22'.repeat(32)}`, leaf: toHex(randomBytes(32)) } as const;
        const payload = requestToJson({ requestId: toHex(randomBytes(32)), intent, signers, path: [], evidence: undefined });
        return Promise.allSettled(
          signers.map(async (party) => {
            const { signature } = JSON.parse(Buffer.from(await links[party - 1]!.call('sign/ask', payload, PATIENCE)).toString()) as { signature: Hex };
            assert.ok(isSignatureBy(keys[0]!.address, intentDigest(intent), signature));
            return signature;
          }),
        );
      };
      for (const set of [[1, 2, 3], [1, 2, 4], [1, 3, 5], [2, 4, 5], [3, 4, 5]]) assert.ok((await ask(set)).every(({ status }) => status === 'fulfilled'), set.join()); // prettier-ignore
      for (const set of [[1, 2], [1, 2, 3, 4]]) assert.ok((await ask(set)).every(({ status }) => status === 'rejected'), set.join()); // prettier-ignore
    } finally {
      await Promise.all(nodes.map((node) => node.close()));
      await trio.remove();
    }
  });

  it('approve a pair whose set is suspended at all of its members, and one while another party is away', async () => {
    const trio = await makeTrio({ n: 5, threshold: 3, timeouts: { decisionMs: 3_000, roundMs: 10_000 } });
    const lines: string[] = [];
    const startAll = () => Promise.all(trio.seats.map((seat) => runHere(seat, lines)));
    let nodes = await startAll();
    try {
      await hold(trio, { kind: 'generate', role: 'poster' });
      await Promise.all(nodes.map((node) => node.close()));
      for (const own of [1, 2, 3]) await suspend(trio.seats[own - 1]!, [1, 2, 3].filter((party) => party !== own)); // prettier-ignore
      nodes = await startAll();
      const repair = (one: number, two: number) => hold(trio, { kind: 'repair', role: 'poster' }, [{ party: one, peer: two }, { party: two, peer: one }]); // prettier-ignore
      assert.match((await repair(1, 2)).join('\n'), /test signature of 1 and 2 and 3\n.*\ntest signature of 1 and 2 and 4\nthe pair with party 2 signs again/);
      await nodes[0]!.close();
      assert.match((await repair(2, 3)).join('\n'), /test signature of 1 and 2 and 3\n.*\ntest signature of 2 and 3 and 4\nthe pair with party 3 signs again/);
    } finally {
      await Promise.all(nodes.map((node) => node.close()));
      await trio.remove();
    }
  });
});

/** Three signatures with these peers came out invalid. */
async function suspend({ party, folder, keyFile }: Seat, peers: readonly number[]): Promise<void> {
  const options = { folder, node: nodeName(party), provider: keyFileProvider(keyFile), random, isConfirmation: () => false, isTestDigest: () => false };
  const store = await NodeStore.open(options);
  const [{ keyId, epochId }] = store.epochs as [EpochRecord];
  for (let i = 0; i < 3; i++) await store.countInvalid({ keyId, epochId, sid: toHex(random(32)), peers }, Date.now());
  await store.close();
}
