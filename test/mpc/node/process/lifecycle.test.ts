import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { systemClock, toHex, utf8 } from '#base';
import { openThresholdCustody, signatureOf, type ThresholdCustody } from '#custody';
import { intentDigest, isSignatureBy, type AnchorIntent } from '#custody/intents';
import { WIRE_LIMITS } from '#mpc/node/wire';
import type { RunningNode } from '../../../../mpc/node/process/process.ts';
import { ANCHOR, hold, makeTrio, random, runHere, type Trio } from './support/trio.ts';

const PATIENCE = { patienceMs: 60_000 };

function anchor(): AnchorIntent {
  return { kind: 'anchor', chainId: 31337n, anchor: ANCHOR, previous: `0x${'22'.repeat(32)}`, leaf: toHex(randomBytes(32)) };
}

describe('three signer nodes', function () {
  this.timeout(120_000);
  let trio: Trio;
  let nodes: RunningNode[];
  let custody: ThresholdCustody;
  const lines: string[] = [];

  before(async () => {
    trio = await makeTrio({ selfTestEveryS: 1 });
    nodes = await Promise.all(trio.seats.map((seat) => runHere(seat, lines)));
    await hold(trio, { kind: 'generate', role: 'poster' });
    custody = openThresholdCustody({
      nodes: trio.seats.map(({ party, config, identity }) => ({ id: party, host: '127.0.0.1', port: config.listen.port, fingerprint: identity.fingerprint })),
      threshold: 2,
      identity: trio.coordinator,
      limits: WIRE_LIMITS,
      attemptTimeoutMs: 30_000,
      downForMs: 200,
      retryAfterMs: 50,
      refusalHoldsMs: 60_000,
      clock: systemClock,
      random,
      onEvent: () => undefined,
    });
  });
  after(async () => {
    custody?.close();
    await Promise.all((nodes ?? []).map((node) => node.close()));
    await trio?.remove();
  });
  afterEach(function () {
    if (this.currentTest?.state === 'failed') process.stderr.write(lines.join(''));
  });

  async function sign(): Promise<void> {
    const intent = anchor();
    const signature = await signatureOf(custody, 'poster', intent, PATIENCE);
    assert.ok(isSignatureBy(await custody.address('poster'), intentDigest(intent), signature));
  }

  async function health(index: number, path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${nodes[index]!.healthPort}${path}`);
  }

  it('sign an anchor with a key that none of them has, many at once', async () => {
    await sign();
    await Promise.all(Array.from({ length: 6 }, sign));
  });

  it('say that they are well and count what they do, on the loopback interface, to whoever asks and nothing more', async () => {
    assert.deepEqual(
      [(await health(0, '/healthz')).status, (await health(0, '/')).status, (await health(0, '/healthz')).headers.get('cache-control')],
      [200, 404, 'no-store'],
    );
    assert.equal(((await (await health(0, '/healthz')).json()) as { isHealthy: boolean }).isHealthy, true);
    assert.equal((await fetch(`http://127.0.0.1:${nodes[0]!.healthPort}/healthz`, { method: 'POST' })).status, 405);
    const counts = await Promise.all(
      [0, 1, 2].map(async (index) => /cairn_node_signatures_total\{purpose="intent"\} (\d+)/.exec(await (await health(index, '/metrics')).text())?.[1]),
    );
    assert.ok(counts.reduce((total, count) => total + Number(count ?? 0), 0) >= 14, `two signers for each of seven signatures: ${counts.join()}`);
  });

  it('test themselves on schedule, each set of signers', async () => {
    const tested = (): Set<string> =>
      new Set(lines.filter((line) => line.includes('"purpose":"test"')).map((line) => String((JSON.parse(line) as { signers: number[] }).signers)));
    const before = lines.length;
    while (lines.slice(before).filter((line) => line.includes('"purpose":"test"')).length < 6) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(tested(), new Set(['1,2', '1,3', '2,3']));
  });

  it('refresh their shares under the same address, also while they sign', async () => {
    const address = await custody.address('poster');
    const signing = Promise.all(Array.from({ length: 4 }, sign));
    await hold(trio, { kind: 'refresh', role: 'poster' });
    await signing;
    await sign();
    for (const { party } of trio.seats) {
      const link = trio.link(party, 'operator');
      const { keys } = JSON.parse(Buffer.from(await link.call('node/status', utf8('{}'), { timeoutMs: 10_000, resendForMs: 0 })).toString()) as {
        keys: { address: string; epoch: number; status: string }[];
      };
      assert.deepEqual(keys.map((key) => [key.address, key.epoch, key.status]), [[address, 2, 'ACTIVE']]); // prettier-ignore
    }
  });

  it('hold no second ceremony for a key that is there', async () => {
    await assert.rejects(hold(trio, { kind: 'generate', role: 'poster' }), /node\/wrong-state/);
    await sign();
  });

  it('refuse a ceremony that there is not, and keep the coordinator’s key out of the operator’s desk', async () => {
    const link = trio.link(1, 'operator');
    const begin = (body: unknown) => link.call('ceremony/begin', utf8(JSON.stringify(body)), { timeoutMs: 10_000, resendForMs: 0 });
    await assert.rejects(begin({ kind: 'export', role: 'poster' }), /session\/bad-request/);
    await assert.rejects(begin({ kind: 'generate', role: 'root' }), /session\/bad-request/);
  });
});
