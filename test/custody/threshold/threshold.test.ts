import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { Problem, systemClock, toHex, utf8, type Hex, type ProblemCode } from '#base';
import { openThresholdCustody, signatureOf, type ThresholdCustody, type ThresholdEvent } from '#custody';
import { addressOf, fromRecovered, intentDigest, type AnchorIntent } from '#custody/intents';
import { requestFromJson, type SignRequest } from '#custody/requests';
import { identityOf, listen, openPins, WIRE_LIMITS, type Identity, type Listener } from '#mpc/node/wire';
import { until } from '../../support/until.ts';

const KEY = secp256k1.utils.randomSecretKey();
const ADDRESS = addressOf(secp256k1.getPublicKey(KEY));
const PATIENCE = { patienceMs: 10_000 };

function anchor(): AnchorIntent {
  return { kind: 'anchor', chainId: 31337n, anchor: `0x${'11'.repeat(20)}`, previous: `0x${'22'.repeat(32)}`, leaf: toHex(randomBytes(32)) };
}

function sign(digest: Uint8Array): Hex {
  return fromRecovered(secp256k1.sign(digest, KEY, { prehash: false, lowS: true, format: 'recovered' }));
}

function problem(code: ProblemCode) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}

/** How one stand-in of a node answers; the client cannot tell it from one that ran the protocol, because it sees the signature only. */
type Ask = (request: SignRequest) => Promise<Hex>;

describe('custody by signer nodes', () => {
  const coordinator = identityOf(randomBytes(32));
  const closing: (() => unknown)[] = [];
  let events: ThresholdEvent[] = [];

  interface Stand {
    readonly identity: Identity;
    listener: Listener;
    asked: SignRequest[];
    ask: Ask;
    replayed: bigint;
    address: Hex;
  }

  async function stand(port = 0, identity = identityOf(randomBytes(32))): Promise<Stand> {
    const made: Omit<Stand, 'listener'> = { identity, asked: [], ask: async ({ digest }) => sign(digest), address: ADDRESS, replayed: 0n };
    const listener = await listen({
      identity,
      pins: openPins({ own: identity.fingerprint, peers: new Map(), coordinators: [coordinator.fingerprint], operators: [] }),
      host: '127.0.0.1',
      port,
      limits: WIRE_LIMITS,
      onEvent: () => undefined,
      answer: async (_caller, method, payload) => {
        if (method === 'book/next') return utf8(JSON.stringify({ nextSeq: String(node.replayed + 1n) }));
        if (method === 'book/absorb') {
          const last = BigInt(Buffer.from(payload).toString());
          if (last === 13n) return utf8(JSON.stringify({ rule: 'record-legal', reason: 'The thirteenth is not legal.' }));
          node.replayed = last > node.replayed ? last : node.replayed;
          return utf8(JSON.stringify({ seq: String(node.replayed) }));
        }
        if (method === 'keys/list') return utf8(JSON.stringify([{ role: 'poster', address: node.address, t: 2 }]));
        const request = requestFromJson(payload);
        node.asked.push(request);
        return utf8(JSON.stringify({ signature: await node.ask(request) }));
      },
    });
    const node: Stand = Object.assign(made, { listener });
    closing.push(() => node.listener.close());
    return node;
  }

  function client(nodes: readonly Stand[], source?: { page(fromSeq: bigint): Promise<Uint8Array> }): ThresholdCustody {
    const custody = openThresholdCustody({
      nodes: nodes.map(({ identity, listener }, i) => ({ id: i + 1, host: '127.0.0.1', port: listener.port, fingerprint: identity.fingerprint })),
      threshold: 2,
      ...(source ? { source } : {}),
      identity: coordinator,
      limits: WIRE_LIMITS,
      attemptTimeoutMs: 5_000,
      downForMs: 1,
      retryAfterMs: 5,
      refusalHoldsMs: 60_000,
      clock: systemClock,
      random: (length) => new Uint8Array(randomBytes(length)),
      onEvent: (event) => events.push(event),
    });
    closing.push(() => custody.close());
    return custody;
  }

  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
    events = [];
  });

  it('asks two of three for the whole intent, and hands on a signature that it checked', async () => {
    const nodes = [await stand(), await stand(), await stand()];
    const intent = anchor();
    const signature = await signatureOf(client(nodes), 'poster', intent, PATIENCE);
    assert.equal(signature, sign(intentDigest(intent)));
    const asked = nodes.filter((node) => node.asked.length > 0);
    assert.equal(asked.length, 2);
    assert.deepEqual(asked[0]!.asked[0]!.intent, intent);
  });

  it('has the same request for the same intent, and another session for every attempt', async () => {
    const nodes = [await stand(), await stand(), await stand()];
    let fails = 3;
    for (const node of nodes) {
      node.ask = async ({ digest }) => {
        if (fails-- > 0) throw new Problem('session/timed-out', 'Somebody was silent.');
        return sign(digest);
      };
    }
    const custody = client(nodes);
    const intent = anchor();
    const first = await custody.requestSignature('poster', intent);
    assert.deepEqual(await custody.requestSignature('poster', intent), first);
    await signatureOf(custody, 'poster', intent, PATIENCE);
    const attempts = new Map(nodes.flatMap(({ asked }) => asked).map(({ requestId, signers }) => [requestId, signers.join()]));
    assert.ok(attempts.size >= 2);
    assert.equal(new Set(attempts.values()).size, attempts.size, 'each attempt was of another set');
  });

  it('goes on with any two while the third is down, whichever it is', async () => {
    for (const down of [0, 1, 2]) {
      const nodes = [await stand(), await stand(), await stand()];
      const custody = client(nodes);
      await nodes[down]!.listener.close();
      await signatureOf(custody, 'poster', anchor(), PATIENCE);
      assert.equal(events.some(({ kind }) => kind === 'waiting'), false); // prettier-ignore
    }
  });

  it('waits while two are down, says so once, and catches up when one is back', async () => {
    const nodes = [await stand(), await stand(), await stand()];
    const custody = client(nodes);
    await custody.address('poster');
    const { identity, listener } = nodes[2]!;
    await nodes[1]!.listener.close();
    await listener.close();
    const pending = [anchor(), anchor()].map((intent) => signatureOf(custody, 'poster', intent, PATIENCE));
    await until(() => events.some(({ kind }) => kind === 'waiting'), 'the event of a client that waits');
    await stand(listener.port, identity);
    await Promise.all(pending);
    assert.equal(events.filter(({ kind }) => kind === 'waiting').length, 1);
    assert.equal(events.filter(({ kind }) => kind === 'going-on').length, 1);
  });

  it('asks nobody else after a refusal, and names the rule', async () => {
    const nodes = [await stand(), await stand(), await stand()];
    for (const node of nodes) {
      node.ask = async () => {
        throw new Problem('session/refused', 'The leaf is no batch of the book.', { rule: 'batch-derived' });
      };
    }
    const custody = client(nodes);
    await assert.rejects(signatureOf(custody, 'poster', anchor(), PATIENCE), (error: unknown) => problem('custody/refused')(error) && (error as Problem).facts['rule'] === 'batch-derived'); // prettier-ignore
    assert.equal(nodes.reduce((total, { asked }) => total + asked.length, 0), 2); // prettier-ignore
  });

  it('tries another set where a pair cannot be used or a signer is not ready', async () => {
    for (const code of ['node/pair-poisoned', 'session/pair-unusable', 'session/not-yet', 'session/too-many'] as const) {
      const nodes = [await stand(), await stand(), await stand()];
      nodes[0]!.ask = async () => {
        throw new Problem(code, 'Not with me.');
      };
      nodes[1]!.ask = nodes[2]!.ask = async ({ digest, signers }) => {
        if (signers.includes(1)) throw new Problem('session/ended-by-peer', 'Party 1 ended it.');
        return sign(digest);
      };
      await signatureOf(client(nodes), 'poster', anchor(), PATIENCE);
      const [failed] = events.filter((event) => event.kind === 'attempt-failed');
      assert.equal(failed?.problem.code, code, 'the cause is told, not its echo');
      for (const close of closing.splice(0).toReversed()) await close();
      events = [];
    }
  });

  it('believes no signature that is not by the key over the intent', async () => {
    const nodes = [await stand(), await stand(), await stand()];
    let lies = 2;
    for (const node of nodes) node.ask = async ({ digest }) => (lies-- > 0 ? sign(digest.map((byte) => byte ^ 1)) : sign(digest));
    const intent = anchor();
    assert.equal(await signatureOf(client(nodes), 'poster', intent, PATIENCE), sign(intentDigest(intent)));
    assert.ok(events.some((event) => event.kind === 'attempt-failed' && event.problem.code === 'wire/bad-frame'));
  });

  it('takes no address from one node alone, nor where two disagree', async () => {
    const nodes = [await stand(), await stand(), await stand()];
    nodes[0]!.address = `0x${'99'.repeat(20)}`;
    await assert.rejects(client(nodes).address('poster'), problem('custody/signers-disagree'));
    await nodes[1]!.listener.close();
    await nodes[2]!.listener.close();
    await assert.rejects(client(nodes).address('poster'), problem('custody/no-answer'));
  });

  it('brings each node the book before it asks, and tells when a node does not take it', async () => {
    const nodes = [await stand(), await stand()];
    let sealedTo = 5n;
    // Two records a page; each page here says only with which record it ends.
    const source = { page: async (fromSeq: bigint) => utf8(String(fromSeq + 1n < sealedTo ? fromSeq + 1n : sealedTo)) };
    for (const node of nodes) {
      const { ask } = node;
      node.ask = async (request) => {
        assert.equal(node.replayed, sealedTo);
        return ask(request);
      };
    }
    const custody = client(nodes, source);
    await signatureOf(custody, 'poster', anchor(), PATIENCE);
    sealedTo = 8n;
    await signatureOf(custody, 'poster', anchor(), PATIENCE);
    sealedTo = 13n;
    for (const node of nodes) node.ask = async ({ digest }) => sign(digest);
    await signatureOf(custody, 'poster', anchor(), PATIENCE);
    assert.ok(events.some((event) => event.kind === 'feed-refused' && event.rule === 'record-legal'));
  });

  it('knows no request that was never made', async () => {
    await assert.rejects(client([await stand(), await stand()]).outcome('x' as never), problem('custody/unknown-request'));
  });
});
