import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { systemClock, toHex } from '#base';
import { openThresholdCustody, signatureOf, type ThresholdCustody } from '#custody';
import { intentDigest, isSignatureBy, type AnchorIntent } from '#custody/intents';
import { WIRE_LIMITS } from '#mpc/node/wire';
import type { RunningNode } from '../../../../mpc/node/process/process.ts';
import { ANCHOR, hold, makeTrio, random, runHere, type Trio } from './trio.ts';

function anchor(): AnchorIntent {
  return { kind: 'anchor', chainId: 31337n, anchor: ANCHOR, previous: `0x${'22'.repeat(32)}`, leaf: toHex(randomBytes(32)) };
}

describe('three nodes in one process', function () {
  this.timeout(120_000);
  let trio: Trio;
  let nodes: RunningNode[];
  let custody: ThresholdCustody;
  const lines: string[] = [];

  before(async () => {
    trio = await makeTrio();
    nodes = await Promise.all(trio.seats.map((seat) => runHere(seat, lines)));
    await hold(trio, { kind: 'generate', role: 'poster' });
    custody = openThresholdCustody({
      nodes: trio.seats.map(({ party, config, identity }) => ({ id: party, host: '127.0.0.1', port: config.listen.port, fingerprint: identity.fingerprint })),
      threshold: 2,
      identity: trio.coordinator,
      limits: WIRE_LIMITS,
      attemptTimeoutMs: 20_000,
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

  it('sign an anchor with a key that none of them has', async () => {
    const intent = anchor();
    const signature = await signatureOf(custody, 'poster', intent, { patienceMs: 30_000 });
    assert.ok(isSignatureBy(await custody.address('poster'), intentDigest(intent), signature));
  });
});
