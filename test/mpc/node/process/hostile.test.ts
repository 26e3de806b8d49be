import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { concat, fromHex, Problem, toHex, utf8, type Hex, type ProblemCode } from '#base';
import { intentDigest, isSignatureBy, type AnchorIntent, type Intent } from '#custody/intents';
import { requestToJson } from '#custody/requests';
import { identityOf, type Link } from '#mpc/node/wire';
import type { RunningNode } from '../../../../mpc/node/process/process.ts';
import { ANCHOR, hold, makeTrio, runHere, type Trio } from './support/trio.ts';

const PATIENCE = { timeoutMs: 20_000, resendForMs: 0 };

function anchor(changes: Partial<AnchorIntent> = {}): AnchorIntent {
  return { kind: 'anchor', chainId: 31337n, anchor: ANCHOR, previous: `0x${'22'.repeat(32)}`, leaf: freshHash(), ...changes };
}

function freshHash(): Hex {
  return toHex(randomBytes(32));
}

function request(intent: Intent, signers: readonly number[], requestId = freshHash()): Uint8Array {
  return requestToJson({ requestId, intent, signers, path: [], evidence: undefined });
}

type Answer = Hex | ProblemCode;

async function answerTo(link: Link, payload: Uint8Array): Promise<Answer> {
  try {
    const { signature } = JSON.parse(Buffer.from(await link.call('sign/ask', payload, PATIENCE)).toString()) as { signature: Hex };
    return signature;
  } catch (error) {
    assert.ok(error instanceof Problem, String(error));
    return error.code;
  }
}

/**
 * Three nodes, and somebody who has the coordinator: its key, and every word that it says. What it can reach is that nothing is signed; never that something is, and never that two honest nodes take each
 * other for cheats.
 */
describe('a hostile coordinator', function () {
  this.timeout(120_000);
  let trio: Trio;
  let nodes: RunningNode[];
  let to: Record<number, Link>;
  let address: Hex;
  const lines: string[] = [];

  before(async () => {
    trio = await makeTrio({ timeouts: { decisionMs: 1_500, roundMs: 5_000 } });
    nodes = await Promise.all(trio.seats.map((seat) => runHere(seat, lines)));
    await hold(trio, { kind: 'generate', role: 'poster' });
    to = Object.fromEntries(trio.seats.map(({ party }) => [party, trio.link(party, 'coordinator')]));
    const keys = JSON.parse(Buffer.from(await to[1]!.call('keys/list', new Uint8Array(), PATIENCE)).toString()) as { address: Hex }[];
    address = keys[0]!.address;
  });
  after(async () => {
    await Promise.all((nodes ?? []).map((node) => node.close()));
    await trio?.remove();
  });
  afterEach(function () {
    if (this.currentTest?.state === 'failed') process.stderr.write(lines.join(''));
  });

  /** The rest of the nodes still trust each other: every pair signs, and none was poisoned. */
  async function demandUnharmed(): Promise<void> {
    for (const signers of [
      [1, 2],
      [1, 3],
      [2, 3],
    ]) {
      const intent = anchor();
      const payload = request(intent, signers);
      const answers = await Promise.all(signers.map((party) => answerTo(to[party]!, payload)));
      assert.ok(answers.every((answer) => isSignatureBy(address, intentDigest(intent), answer)), `${signers.join()}: ${answers.join()}`); // prettier-ignore
    }
    for (const { party } of trio.seats) {
      const status = JSON.parse(Buffer.from(await trio.link(party, 'operator').call('node/status', utf8('{}'), PATIENCE)).toString()) as {
        poisonings: unknown[];
      };
      assert.deepEqual(status.poisonings, []);
    }
  }

  it('gets signatures for what the nodes would sign anyway, from every pair', demandUnharmed);

  const refusedByEach: readonly (readonly [string, () => Uint8Array, ProblemCode])[] = [
    [
      'a blind digest',
      () => utf8(JSON.stringify({ requestId: freshHash(), signers: [1, 2], path: [], intent: { kind: 'digest', digest: freshHash() } })),
      'custody/bad-intent',
    ],
    [
      'a digest beside the intent',
      () =>
        utf8(
          Buffer.from(request(anchor(), [1, 2]))
            .toString()
            .replace('{', `{"digest":"${freshHash()}",`),
        ),
      'session/bad-request',
    ],
    [
      'a role that it chose itself',
      () =>
        utf8(
          Buffer.from(request(anchor(), [1, 2]))
            .toString()
            .replace('{', '{"role":"vault",'),
        ),
      'session/bad-request',
    ],
    ['an anchor of another contract', () => request(anchor({ anchor: `0x${'bb'.repeat(20)}` }), [1, 2]), 'session/refused'],
    ['an anchor on another chain', () => request(anchor({ chainId: 1n }), [1, 2]), 'session/refused'],
    [
      'a cancellation, for which there is no key',
      () => request({ kind: 'cancel', chainId: 31337n, vault: ANCHOR, instruction: freshHash(), index: 0 }, [1, 2]),
      'node/unknown-key',
    ],
    ['more signers than must sign', () => request(anchor(), [1, 2, 3]), 'mpc/bad-parameters'],
    ['fewer signers than must sign', () => request(anchor(), [1]), 'mpc/bad-parameters'],
    ['a signer that there is not', () => request(anchor(), [1, 2, 9]), 'mpc/bad-parameters'],
    ['one signer twice', () => request(anchor(), [1, 1]), 'session/bad-request'],
    [
      'a hardened path',
      () =>
        utf8(
          Buffer.from(request(anchor(), [1, 2]))
            .toString()
            .replace('"path":[]', '"path":[2147483648]'),
        ),
      'session/bad-request',
    ],
    [
      'a path below the key',
      () =>
        utf8(
          Buffer.from(request(anchor(), [1, 2]))
            .toString()
            .replace('"path":[]', '"path":[7]'),
        ),
      'session/refused',
    ],
    [
      'no request id',
      () =>
        utf8(
          Buffer.from(request(anchor(), [1, 2]))
            .toString()
            .replace(/"requestId":"0x[0-9a-f]{64}",/, ''),
        ),
      'session/bad-request',
    ],
    [
      'a request id of another length',
      () =>
        utf8(
          Buffer.from(request(anchor(), [1, 2]))
            .toString()
            .replace(/"requestId":"0x/, '"requestId":"0x00'),
        ),
      'session/bad-request',
    ],
    ['no JSON', () => utf8('{"requestId":'), 'session/bad-request'],
    ['a list', () => utf8('[]'), 'session/bad-request'],
    [
      'an intent with a member too many',
      () =>
        utf8(
          Buffer.from(request(anchor(), [1, 2]))
            .toString()
            .replace('"kind"', '"note":"hi","kind"'),
        ),
      'custody/bad-intent',
    ],
  ];
  for (const [what, payload, code] of refusedByEach) {
    it(`is refused by each node alone: ${what}`, async () => {
      const bytes = payload();
      assert.deepEqual(await Promise.all([answerTo(to[1]!, bytes), answerTo(to[2]!, bytes)]), [code, code]);
    });
  }

  it('is told no by whom it did not name as a signer', async () => {
    assert.equal(await answerTo(to[3]!, request(anchor(), [1, 2])), 'mpc/bad-parameters');
  });

  const split: readonly (readonly [string, (requestId: Hex) => readonly [Uint8Array, Uint8Array]])[] = [
    ['another leaf', (id) => [request(anchor(), [1, 2], id), request(anchor(), [1, 2], id)]],
    ['another request', () => { const intent = anchor(); return [request(intent, [1, 2]), request(intent, [1, 2])]; }], // prettier-ignore
    ['another set of signers', (id) => { const intent = anchor(); return [request(intent, [1, 2], id), request(intent, [2, 3], id)]; }], // prettier-ignore
  ];
  for (const [what, make] of split) {
    it(`shows each of two signers ${what}: neither evaluates anything of the other, and nobody is poisoned`, async () => {
      const [first, second] = make(freshHash());
      assert.deepEqual(await Promise.all([answerTo(to[1]!, first), answerTo(to[2]!, second)]), ['session/timed-out', 'session/timed-out']);
      await demandUnharmed();
    });
  }

  it('asks the same thing again while it runs: one session, one signature', async () => {
    const intent = anchor();
    const payload = request(intent, [1, 2]);
    const answers = await Promise.all([to[1]!, to[1]!, to[2]!, to[2]!].map((link) => answerTo(link, payload)));
    assert.equal(new Set(answers).size, 1);
    assert.ok(isSignatureBy(address, intentDigest(intent), answers[0]!));
  });

  it('replays a request that was signed: it is started no second time', async () => {
    const payload = request(anchor(), [2, 3]);
    await Promise.all([answerTo(to[2]!, payload), answerTo(to[3]!, payload)]);
    assert.deepEqual(await Promise.all([answerTo(to[2]!, payload), answerTo(to[3]!, payload)]), ['session/started-before', 'session/started-before']);
  });

  it('has no say in the rounds, in ceremonies, or in what peers remember', async () => {
    const id = fromHex(freshHash());
    const calls: readonly (readonly [string, Uint8Array])[] = [
      ['talk/say', concat(id, Uint8Array.of(0), randomBytes(64))],
      ['talk/end', concat(id, utf8('mpc/ot-check-failed'))],
      ['ceremony/meet', randomBytes(68)],
      ['ceremony/begin', utf8(JSON.stringify({ kind: 'refresh', role: 'poster' }))],
      ['ceremony/begin', utf8(JSON.stringify({ kind: 'repair', role: 'poster', peer: 2 }))],
      ['epoch/confirmed', randomBytes(200)],
      ['epoch/bundle', randomBytes(200)],
      ['heads/tell', utf8('{}')],
      ['heads/remembered', new Uint8Array()],
      ['test/ask', utf8('{}')],
      ['node/status', utf8('{}')],
      ['node/backups', utf8('{}')],
    ];
    for (const [method, payload] of calls) {
      for (const party of [1, 3]) await assert.rejects(to[party]!.call(method, payload, PATIENCE), (error: unknown) => error instanceof Problem && error.code === 'wire/not-allowed', method); // prettier-ignore
    }
    await demandUnharmed();
  });

  it('cannot speak as a peer or as an operator, whatever it calls itself, and neither can anybody else', async () => {
    const forged = identityOf(randomBytes(32));
    for (const [identity, part] of [
      [trio.coordinator, 'peer'],
      [trio.coordinator, 'operator'],
      [forged, 'peer'],
      [forged, 'coordinator'],
      [trio.operator, 'peer'],
      [trio.operator, 'coordinator'],
    ] as const) {
      // prettier-ignore
      const link = trio.linkAs(identity, 1, part);
      await assert.rejects(link.call('talk/say', concat(fromHex(freshHash()), Uint8Array.of(0)), PATIENCE), (error: unknown) => error instanceof Problem && error.code === 'wire/unreachable'); // prettier-ignore
    }
    assert.ok(lines.some((line) => line.includes('A stranger was turned away.')));
    await demandUnharmed();
  });

  it('floods two nodes with requests: at most sixteen run with a peer at once, and all nodes go on', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) => answerTo(to[1 + (i % 2)]!, request(anchor(), [1, 2]))), // each to one of the two only
    );
    assert.ok(
      answers.every((answer) => answer === 'session/timed-out' || answer === 'session/too-many'),
      [...new Set(answers)].join(),
    );
    assert.ok(answers.includes('session/too-many'));
    await demandUnharmed();
  });

  it('leaves traces: what was refused and why is in every log', async () => {
    const leaf = freshHash();
    await answerTo(to[3]!, request(anchor({ anchor: `0x${'cc'.repeat(20)}`, leaf }), [1, 3]));
    assert.ok(lines.some((line) => line.includes('Refused: ') && line.includes('"rule":"contract"')));
    await answerTo(to[3]!, utf8(JSON.stringify({ requestId: freshHash(), signers: [1, 3], path: [], intent: { kind: 'digest', digest: freshHash() } })));
    // No answer waits for these lines to be on the disk.
    const audit = (): Promise<string> => readFile(join(trio.seats[2]!.folder, 'audit.log'), 'utf8');
    for (const trace of ['"rule":"contract"', '"code":"custody/bad-intent"', '"code":"wire/not-allowed"'])
      while (!(await audit()).includes(trace)) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  describe('that has captured a node as well', () => {
    let peer: Link;

    before(async () => {
      await nodes.pop()!.close();
      peer = trio.linkAs(trio.seats[2]!.identity, 1, 'peer');
    });

    /** The two others still sign together, and neither has poisoned anybody nor ended. */
    async function demandTwoUnharmed(): Promise<void> {
      const intent = anchor();
      const payload = request(intent, [1, 2]);
      for (const answer of await Promise.all([answerTo(to[1]!, payload), answerTo(to[2]!, payload)]))
        assert.ok(isSignatureBy(address, intentDigest(intent), answer), answer);
      assert.equal(lines.filter((line) => line.startsWith('fatal')).length, 0);
      const status = JSON.parse(Buffer.from(await trio.link(1, 'operator').call('node/status', utf8('{}'), PATIENCE)).toString()) as {
        poisonings: unknown[];
        keys: { status: string }[];
      };
      assert.deepEqual([status.poisonings, status.keys.map((key) => key.status)], [[], ['ACTIVE']]);
    }

    it('has no say in what coordinators and operators ask for', async () => {
      for (const method of ['sign/ask', 'keys/list', 'book/next', 'book/absorb', 'node/status', 'node/backups', 'policy/change', 'ceremony/begin'])
        await assert.rejects(peer.call(method, utf8('{}'), PATIENCE), (error: unknown) => error instanceof Problem && error.code === 'wire/not-allowed', method); // prettier-ignore
      await demandTwoUnharmed();
    });

    it('sends anything to every call of the peers: it is refused or changes nothing', async () => {
      const { keyId, epochId } = await keyFacts();
      const bodies: readonly Uint8Array[] = [
        new Uint8Array(),
        randomBytes(1),
        randomBytes(31),
        randomBytes(33),
        randomBytes(68),
        randomBytes(70_000),
        concat(fromHex(keyId), randomBytes(129)),
        concat(fromHex(keyId), randomBytes(600)),
        utf8('null'),
        utf8('{}'),
        utf8('[]'),
        utf8(JSON.stringify({ keyId, epochId, signers: [1, 2], requestId: freshHash() })),
        utf8(JSON.stringify({ keyId, epochId, signers: [3], requestId: freshHash() })),
        utf8(JSON.stringify({ keyId, epochId: freshHash(), signers: [1, 3], requestId: freshHash() })),
        utf8(JSON.stringify({ keyId, epochId, signers: ['1', null], requestId: 7 })),
        utf8(JSON.stringify({ node: 'party-3', storeId: `0x${'00'.repeat(16)}`, heads: { store: { seq: 1, hash: freshHash() }, audit: { seq: 1, hash: freshHash() } }, atMs: 1, signature: `0x${'00'.repeat(64)}` })), // prettier-ignore
      ];
      for (const method of [
        'talk/say',
        'talk/end',
        'ceremony/meet',
        'epoch/confirmed',
        'epoch/bundle',
        'heads/tell',
        'heads/remembered',
        'heads/bodies',
        'test/ask',
        'store/memory',
      ]) {
        for (const body of bodies) {
          await peer.call(method, body, PATIENCE).catch((error: unknown) => {
            // A refusal with a code; what a bug of ours would answer is wire/failed.
            assert.ok(error instanceof Problem && error.code !== 'wire/failed', `${method} with ${body.length} bytes: ${String(error)}`);
          });
        }
      }
      await demandTwoUnharmed();
    });

    it('floods conversations that nobody holds, and the others go on', async () => {
      await Promise.all(
        Array.from({ length: 1_000 }, () => peer.call('talk/say', concat(fromHex(freshHash()), Uint8Array.of(1), randomBytes(8_848)), PATIENCE)),
      );
      await demandTwoUnharmed();
    });

    it('is named for the session that it is missing from, and for nothing else', async () => {
      assert.ok(['wire/unreachable', 'session/timed-out'].includes(await answerTo(to[1]!, request(anchor(), [1, 3]))));
      await demandTwoUnharmed();
    });

    async function keyFacts(): Promise<{ readonly keyId: Hex; readonly epochId: Hex }> {
      const audit = await readFile(join(trio.seats[0]!.folder, 'audit.log'), 'utf8');
      const made = audit.split('\n').find((line) => line.includes('"kind":"ceremony"'))!;
      return (JSON.parse(made) as { data: { keyId: Hex; epochId: Hex } }).data;
    }
  });
});
