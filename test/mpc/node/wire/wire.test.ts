import { strict as assert } from 'node:assert';
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { Problem, toHex, utf8, type ProblemCode } from '#base';
import {
  identityOf,
  listen,
  openLink,
  openPins,
  WIRE_LIMITS,
  type Answer,
  type Caller,
  type Identity,
  type Listener,
  type Part,
  type WireEvent,
  type WireLimits,
} from '#mpc/node/wire';
import { encodeFrame } from '../../../../mpc/node/wire/frames.ts';
import { until } from '../../../support/until.ts';

const LIMITS: WireLimits = { ...WIRE_LIMITS, handshakeTimeoutMs: 2_000, reconnectAfterMs: 5 };
const PATIENCE = { timeoutMs: 5_000, resendForMs: 0 };
const NOTHING = new Uint8Array(0);

function fresh(): Identity {
  return identityOf(randomBytes(32));
}

function problem(code: ProblemCode) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}

/** Not `once`: that would take the error which ended the socket for a failure of the wait. */
function closed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

const OPTIONS_OF: Readonly<Record<Part, string>> = { peer: 'cairn-peer/1', coordinator: 'cairn-coordinator/1', operator: 'cairn-operator/1' };

describe('the wire between nodes', () => {
  const [node, peer, coordinator, operator, stranger] = [fresh(), fresh(), fresh(), fresh(), fresh()];
  const pins = openPins({
    own: node.fingerprint,
    peers: new Map([[2, peer.fingerprint]]),
    coordinators: [coordinator.fingerprint],
    operators: [operator.fingerprint],
  });
  const closing: (() => unknown)[] = [];
  let events: WireEvent[] = [];

  async function start(answer: Answer, limits = LIMITS, port = 0): Promise<Listener> {
    // Of this test: what an earlier one left behind still closes while we run.
    const mine = events;
    const listener = await listen({ identity: node, pins, host: '127.0.0.1', port, limits, answer, onEvent: (event) => mine.push(event) });
    closing.push(() => listener.close());
    return listener;
  }

  function link(identity: Identity, part: Part, port: number, expected: Identity = node) {
    const opened = openLink({ identity, part, host: '127.0.0.1', port, fingerprint: expected.fingerprint, limits: LIMITS });
    closing.push(() => opened.close());
    return opened;
  }

  const echo: Answer = async (_caller, _method, payload) => payload;

  function rawConnect(port: number, identity: Identity | undefined, part: Part, more: ConnectionOptions = {}): TLSSocket {
    const socket = connect({
      host: '127.0.0.1',
      port,
      ALPNProtocols: [OPTIONS_OF[part]],
      rejectUnauthorized: false,
      ...(identity ? { cert: identity.certificate, key: identity.privateKey.export({ format: 'pem', type: 'pkcs8' }) } : {}),
      ...more,
    });
    closing.push(() => socket.destroy());
    socket.on('error', () => undefined);
    return socket;
  }

  async function seen<Kind extends WireEvent['kind']>(kind: Kind): Promise<Extract<WireEvent, { kind: Kind }>> {
    await until(() => events.some((event) => event.kind === kind), `the event ${kind}`);
    return events.find((event) => event.kind === kind) as Extract<WireEvent, { kind: Kind }>;
  }

  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
    events = [];
  });

  describe('its certificates', () => {
    it('are read by node’s own parser: version 3, self-signed by ed25519, no authority over others', () => {
      const certificate = new X509Certificate(node.certificate);
      assert.equal(certificate.verify(certificate.publicKey), true);
      assert.equal(certificate.publicKey.asymmetricKeyType, 'ed25519');
      assert.equal(certificate.ca, false);
      assert.equal(certificate.subject, certificate.issuer);
      assert.equal(certificate.validTo, 'Dec 31 23:59:59 9999 GMT');
      assert.equal(certificate.validFrom, 'Jan  1 00:00:00 2020 GMT');
      assert.equal(toHex(certificate.publicKey.export({ format: 'der', type: 'spki' })), toHex(node.publicKey));
      assert.equal(new X509Certificate(peer.certificate).verify(certificate.publicKey), false);
    });

    it('follow from the seed alone, and another seed has another fingerprint', () => {
      const seed = randomBytes(32);
      assert.deepEqual({ ...identityOf(seed), privateKey: 0 }, { ...identityOf(seed), privateKey: 0 });
      assert.notEqual(identityOf(seed).fingerprint, fresh().fingerprint);
      assert.throws(() => identityOf(seed.subarray(1)), problem('wire/bad-identity'));
    });

    it('parse for any seed, whatever its numbers look like in DER', () => {
      for (let round = 0; round < 64; round++) {
        const { certificate } = fresh();
        assert.match(new X509Certificate(certificate).serialNumber, /^[0-9A-F]+$/);
      }
    });
  });

  describe('pins', () => {
    it('give one key one part', () => {
      const base = { own: node.fingerprint, peers: new Map([[2, peer.fingerprint]]), coordinators: [], operators: [] };
      assert.throws(() => openPins({ ...base, coordinators: [peer.fingerprint] }), problem('wire/bad-pins'));
      assert.throws(() => openPins({ ...base, operators: [node.fingerprint] }), problem('wire/bad-pins'));
      assert.throws(() => openPins({ ...base, peers: new Map([[2, peer.fingerprint], [3, peer.fingerprint]]) }), problem('wire/bad-pins')); // prettier-ignore
      assert.throws(() => openPins({ ...base, operators: [peer.fingerprint.toUpperCase() as never] }), problem('wire/bad-pins'));
    });

    it('name each caller by his key, and only in the protocol of his part', async () => {
      const callers: Caller[] = [];
      const { port } = await start(async (caller) => {
        callers.push(caller);
        return NOTHING;
      });
      await link(peer, 'peer', port).call('who', NOTHING, PATIENCE);
      await link(coordinator, 'coordinator', port).call('who', NOTHING, PATIENCE);
      await link(operator, 'operator', port).call('who', NOTHING, PATIENCE);
      assert.deepEqual(callers, [
        { part: 'peer', id: 2, fingerprint: peer.fingerprint },
        { part: 'coordinator', fingerprint: coordinator.fingerprint },
        { part: 'operator', fingerprint: operator.fingerprint },
      ]);
    });

    for (const [who, identity, part] of [
      ['a coordinator as a peer', coordinator, 'peer'],
      ['a coordinator as an operator', coordinator, 'operator'],
      ['a peer as a coordinator', peer, 'coordinator'],
      ['a stranger as a peer', stranger, 'peer'],
      ['an operator as a peer', operator, 'peer'],
    ] as const) {
      it(`never hear ${who}`, async () => {
        let heard = 0;
        const { port } = await start(async () => (heard++, NOTHING));
        await assert.rejects(link(identity, part, port).call('sign/r1', NOTHING, PATIENCE), problem('wire/unreachable'));
        assert.equal((await seen('stranger')).fingerprint, identity.fingerprint);
        assert.equal(heard, 0);
      });
    }

    it('never hear whoever shows no certificate, and refuse older TLS and foreign protocols in the handshake', async () => {
      const { port } = await start(echo);
      const nobody = rawConnect(port, undefined, 'peer');
      await closed(nobody);
      assert.equal((await seen('stranger')).fingerprint, undefined);
      for (const more of [{ maxVersion: 'TLSv1.2' }, { ALPNProtocols: ['http/1.1'] }, { sigalgs: 'RSA-PSS+SHA256' }, { ecdhCurve: 'P-256' }] as const) {
        let secured = false;
        const socket = rawConnect(port, peer, 'peer', more).on('secureConnect', () => (secured = true));
        await closed(socket);
        assert.equal(secured, false);
      }
    });

    it('are the caller’s too: another key at the address gets no byte of the call', async () => {
      let heard = 0;
      const { port } = await start(async () => (heard++, NOTHING));
      await assert.rejects(link(peer, 'peer', port, stranger).call('sign/r1', NOTHING, PATIENCE), problem('wire/wrong-identity'));
      assert.equal(heard, 0);
    });
  });

  describe('calls', () => {
    it('answer each caller his own, many at once and of every size, in any order', async () => {
      const { port } = await start(async (_caller, method, payload) => {
        if (method === 'slow') await new Promise((resolve) => setTimeout(resolve, 5));
        return payload;
      });
      const toNode = link(peer, 'peer', port);
      const payloads = Array.from({ length: 200 }, (_, i) => randomBytes((i * 997) % 60_000));
      const answers = await Promise.all(payloads.map((payload, i) => toNode.call(i % 3 === 0 ? 'slow' : 'quick', payload, PATIENCE)));
      assert.deepEqual(answers.map(toHex), payloads.map(toHex));
    });

    it('carry a refusal with its code and facts, and tell nothing of a bug', async () => {
      const { port } = await start(async (_caller, method) => {
        if (method === 'no') throw new Problem('custody/refused', 'Not this one.', { rule: 'chain' });
        throw new TypeError('the private share is 42');
      });
      const toNode = link(coordinator, 'coordinator', port);
      await assert.rejects(
        toNode.call('no', NOTHING, PATIENCE),
        (error: unknown) => problem('custody/refused')(error) && (error as Problem).facts['rule'] === 'chain',
      );
      await assert.rejects(toNode.call('bug', NOTHING, PATIENCE), (error: unknown) => problem('wire/failed')(error) && !String(error).includes('42'));
      assert.match(String((await seen('call-failed')).error), /42/);
    });

    it('end with wire/no-answer in their own time, and the channel stays good', async () => {
      let release = (): void => undefined;
      const { port } = await start(async (_caller, method) => {
        if (method === 'hang') await new Promise<void>((resolve) => (release = resolve));
        return NOTHING;
      });
      const toNode = link(peer, 'peer', port);
      await assert.rejects(toNode.call('hang', NOTHING, { timeoutMs: 20, resendForMs: 0 }), problem('wire/no-answer'));
      await toNode.call('quick', NOTHING, PATIENCE);
      release();
      await toNode.call('quick', NOTHING, PATIENCE);
      assert.equal(events.filter(({ kind }) => kind === 'channel-opened').length, 1);
    });

    it('say at once that a node is down, or send the same bytes again until it is back', async () => {
      const first = await start(echo);
      const toNode = link(peer, 'peer', first.port);
      await toNode.call('echo', NOTHING, PATIENCE);
      await first.close();
      await assert.rejects(toNode.call('echo', NOTHING, PATIENCE), problem('wire/unreachable'));
      const seenBytes: string[] = [];
      const waiting = toNode.call('sign/r1', utf8('the same bytes'), { timeoutMs: 10_000, resendForMs: 10_000 });
      const second = await start(
        async (_caller, _method, payload) => {
          seenBytes.push(Buffer.from(payload).toString());
          // The first answer is lost with its channel; the call must come again as it was.
          if (seenBytes.length === 1) await second.close();
          return payload;
        },
        LIMITS,
        first.port,
      );
      await until(() => seenBytes.length > 0, 'the first call');
      await second.close();
      await start(async (_caller, _method, payload) => (seenBytes.push(Buffer.from(payload).toString()), payload), LIMITS, first.port);
      assert.equal(Buffer.from(await waiting).toString(), 'the same bytes');
      assert.deepEqual(new Set(seenBytes), new Set(['the same bytes']));
    });

    it('are worked on so many at a time and no more: the rest waits at the sender', async () => {
      let [running, most] = [0, 0];
      const { port } = await start(
        async (_caller, _method, payload) => {
          most = Math.max(most, ++running);
          await new Promise((resolve) => setImmediate(resolve));
          running--;
          return payload;
        },
        { ...LIMITS, maxCallsInFlight: 4 },
      );
      const toNode = link(peer, 'peer', port);
      // Each larger than what one read of a socket returns, so that reading stops between them.
      await Promise.all(Array.from({ length: 40 }, () => toNode.call('work', randomBytes(200_000), PATIENCE)));
      assert.ok(most >= 2 && most <= 5, `${most} at once`);
    });
  });

  describe('a hostile caller with a pinned key', () => {
    const attacks: readonly (readonly [string, Uint8Array])[] = [
      ['a frame longer than allowed', Uint8Array.of(0xff, 0xff, 0xff, 0xff)],
      ['a frame too short for its head', Uint8Array.of(0, 0, 0, 4, 1, 0, 0, 0)],
      ['a frame of an unknown kind', Uint8Array.of(0, 0, 0, 5, 9, 0, 0, 0, 1)],
      ['an answer to nothing', encodeFrame({ kind: 'answer', call: 1, payload: NOTHING })],
      ['a request without a method', Uint8Array.of(0, 0, 0, 6, 1, 0, 0, 0, 1, 0)],
      ['a method longer than its frame', Uint8Array.of(0, 0, 0, 7, 1, 0, 0, 0, 1, 9, 97)],
      ['a method with odd letters', Uint8Array.of(0, 0, 0, 8, 1, 0, 0, 0, 1, 2, 46, 46)],
      ['a refusal that is no JSON', Uint8Array.of(0, 0, 0, 6, 3, 0, 0, 0, 1, 123)],
    ];
    for (const [what, bytes] of attacks) {
      it(`is cut off after ${what}, and others are served on`, async () => {
        const { port } = await start(echo);
        const other = link(coordinator, 'coordinator', port);
        await other.call('echo', NOTHING, PATIENCE);
        const socket = rawConnect(port, peer, 'peer');
        await once(socket, 'secureConnect');
        socket.write(bytes);
        await once(socket, 'close');
        assert.match((await seen('channel-closed')).problem ?? '', /wire\/bad-frame/);
        await other.call('echo', NOTHING, PATIENCE);
      });
    }

    it('holds so many channels and no more: a new one closes his oldest', async () => {
      const { port } = await start(echo, { ...LIMITS, maxChannelsPerKey: 2 });
      const sockets = [];
      for (let i = 0; i < 3; i++) {
        const socket = rawConnect(port, peer, 'peer');
        await once(socket, 'secureConnect');
        sockets.push(socket);
        await until(() => events.filter(({ kind }) => kind === 'channel-opened').length > i, 'the channel');
      }
      await once(sockets[0]!, 'close');
      assert.equal(sockets[1]!.destroyed || sockets[2]!.destroyed, false);
    });

    it('and a stranger who opens connections without a handshake keep nobody out for ever', async () => {
      const { port } = await start(echo, { ...LIMITS, maxHandshakes: 2, handshakeTimeoutMs: 50 });
      const { connect: connectPlain } = await import('node:net');
      const idle = Array.from({ length: 4 }, () => connectPlain(port, '127.0.0.1').on('error', () => undefined));
      await Promise.all(idle.map((socket) => once(socket, 'close')));
      await link(peer, 'peer', port).call('echo', NOTHING, PATIENCE);
    });
  });

  it('says no secret in its events', async () => {
    const { port } = await start(async () => {
      throw new Problem('custody/refused', 'No.');
    });
    const secret = randomBytes(32);
    await assert.rejects(link(peer, 'peer', port).call('sign/r1', secret, PATIENCE));
    await assert.rejects(link(stranger, 'peer', port).call('sign/r1', secret, PATIENCE));
    assert.equal(JSON.stringify(events).includes(secret.toString('hex')), false);
  });
});
