import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { Problem, toHex, utf8, type Hex } from '#base';
import { intentDigest, isSignatureBy, type AnchorIntent } from '#custody/intents';
import { requestToJson } from '#custody/requests';
import { listen, openPins, WIRE_LIMITS, type Answer, type Link, type Listener } from '#mpc/node/wire';
import type { RunningNode } from '../../../../mpc/node/process/process.ts';
import { ANCHOR, hold, makeTrio, runHere, type Trio } from './support/trio.ts';

const PATIENCE = { timeoutMs: 30_000, resendForMs: 5_000 };

function anchor(): AnchorIntent {
  return { kind: 'anchor', chainId: 31337n, anchor: ANCHOR, previous: `0x${'22'.repeat(32)}`, leaf: toHex(randomBytes(32)) };
}

/** Its answers, not its calls: what a captured node says when the others ask it. */
describe('a captured peer that answers', function () {
  this.timeout(180_000);
  let trio: Trio;
  let nodes: RunningNode[];
  let to: Record<number, Link>;
  let address: Hex;
  let captured: Listener | undefined;
  const lines: string[] = [];

  before(async () => {
    trio = await makeTrio({ timeouts: { decisionMs: 3_000, roundMs: 10_000 } });
    nodes = await Promise.all(trio.seats.map((seat) => runHere(seat, lines)));
    await hold(trio, { kind: 'generate', role: 'poster' });
    to = Object.fromEntries(trio.seats.map(({ party }) => [party, trio.link(party, 'coordinator')]));
    address = (JSON.parse(Buffer.from(await to[1]!.call('keys/list', new Uint8Array(), PATIENCE)).toString()) as { address: Hex }[])[0]!.address;
    await nodes.pop()!.close();
  });
  after(async () => {
    await captured?.close();
    await Promise.all((nodes ?? []).map((node) => node.close()));
    await trio?.remove();
  });

  async function capture(answer: Answer): Promise<void> {
    await captured?.close();
    const { identity, config } = trio.seats[2]!;
    const peers = new Map(trio.seats.slice(0, 2).map((seat) => [seat.party, seat.identity.fingerprint]));
    const pins = openPins({ own: identity.fingerprint, peers, coordinators: [], operators: [] });
    captured = await listen({ identity, pins, ...config.listen, limits: WIRE_LIMITS, answer, onEvent: () => undefined });
  }

  async function ask(signers: readonly number[], asked: readonly number[] = signers): Promise<Problem | undefined> {
    const intent = anchor();
    const payload = requestToJson({ requestId: toHex(randomBytes(32)), intent, signers, path: [], evidence: undefined });
    const answers = await Promise.allSettled(asked.map((party) => to[party]!.call('sign/ask', payload, PATIENCE)));
    for (const answer of answers) {
      if (answer.status === 'rejected') return answer.reason as Problem;
      const { signature } = JSON.parse(Buffer.from(answer.value).toString()) as { signature: Hex };
      assert.ok(isSignatureBy(address, intentDigest(intent), signature));
    }
    return undefined;
  }

  const isFatal = (): string[] => lines.filter((line) => line.startsWith('fatal'));

  it('with refusals that are this node’s own business ends no node, blames nobody else, and writes no line of its own into a log', async () => {
    for (const code of ['node/disk-failed', 'node/store-behind', 'node/store-tampered', 'mpc/equivocation', 'policy/refused'] as const) {
      await capture(async () => {
        throw new Problem(code, 'done\n{"level":50,"msg":"forged"}\u001b[2J', { culprit: 2, effect: 'count', rule: 'stop' });
      });
      const problem = await ask([1, 3], [1]);
      assert.equal(problem?.code, 'session/ended-by-peer');
      assert.deepEqual(problem.facts['effect'], undefined);
      assert.ok(!/\p{Cc}/u.test(problem.detail), problem.detail);
    }
    assert.deepEqual(isFatal(), []);
    assert.ok(!lines.some((line) => line.startsWith('{"level":50,"msg":"forged"}')));
    const metrics = await (await fetch(`http://127.0.0.1:${nodes[0]!.healthPort}/metrics`)).text();
    assert.doesNotMatch(metrics, /malformed_messages_total\{party="2"\}/);
    assert.equal(await ask([1, 2]), undefined);
  });

  it('with anything but a statement, when it is asked what it remembers, keeps no node from starting', async () => {
    await capture(async (_caller, method) => utf8(method === 'heads/remembered' ? 'no statement at all' : ''));
    await nodes[0]!.close();
    nodes[0] = await runHere(trio.seats[0]!, lines);
    for (let problem = await ask([1, 2]); problem; problem = await ask([1, 2])) assert.equal(problem.code, 'session/not-yet', problem.message);
    assert.deepEqual(isFatal(), []);
  });

  it('sends what no honest node sends, and is counted for it', async () => {
    const link = trio.linkAs(trio.seats[2]!.identity, 1, 'peer');
    await assert.rejects(link.call('talk/say', new Uint8Array(7), PATIENCE));
    await assert.rejects(link.call('talk/say', new Uint8Array(WIRE_LIMITS.maxPeerFrameBytes + 1), { timeoutMs: 5_000, resendForMs: 0 }));
    for (;;) {
      const metrics = await (await fetch(`http://127.0.0.1:${nodes[0]!.healthPort}/metrics`)).text();
      if (/malformed_messages_total\{party="3"\} [2-9]/.test(metrics)) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(await ask([1, 2]), undefined);
  });
});
