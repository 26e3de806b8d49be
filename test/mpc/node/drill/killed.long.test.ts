import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem, systemClock, toHex, type Hex } from '#base';
import { openThresholdCustody, signatureOf, type ThresholdEvent } from '#custody';
import { intentDigest, isSignatureBy } from '#custody/intents';
import { WIRE_LIMITS } from '#mpc/node/wire';
import { anchorIntent, Impostor, Rehearsal, rehearsalPolicy, spoiled } from '#mpc/node/drill';
import { SAY } from '../../../../mpc/node/session/session.ts';
import { decodeRound1, type PartyId } from '#mpc/protocol';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const fresh = (): Hex => toHex(random(32));
const PAIRS: readonly (readonly number[])[] = [
  [1, 2],
  [1, 3],
  [2, 3],
];

interface Poisoning {
  readonly peer: number;
  readonly check: string;
}

/** Real processes over TLS, killed with SIGKILL where it hurts. One key for all of it; each test leaves three nodes running whose pairs all sign. */
describe('signer processes that are killed and cheated', function () {
  this.timeout(600_000);
  let rehearsal: Rehearsal;
  let address: Hex;

  before(async () => {
    rehearsal = await Rehearsal.make({ n: 3, threshold: 2, policy: rehearsalPolicy, random, timeouts: { decisionMs: 4_000, roundMs: 8_000 } });
    await rehearsal.startAll();
    await rehearsal.ceremony({ kind: 'generate', role: 'poster' });
    address = await rehearsal.address(1, 'poster');
  });
  after(() => rehearsal?.end());

  async function signs(signers: readonly number[]): Promise<void> {
    const intent = anchorIntent(fresh());
    assert.ok(isSignatureBy(address, intentDigest(intent), await rehearsal.sign(intent, signers)), signers.join());
  }
  async function allSign(): Promise<void> {
    for (const pair of PAIRS) await signs(pair);
  }
  async function poisonings(party: number): Promise<readonly Poisoning[]> {
    return ((await rehearsal.status(party)) as { poisonings: Poisoning[] }).poisonings;
  }
  async function backUp(...parties: number[]): Promise<void> {
    for (const party of parties) await rehearsal.start(party);
    await rehearsal.ready();
  }
  /** By anything that was said in a session: what the operators gave up themselves, to set a pair up anew, stands in the list as well. */
  async function noneIsPoisoned(...parties: number[]): Promise<void> {
    for (const party of parties)
      assert.deepEqual(
        (await poisonings(party)).filter(({ check }) => check !== 'operator'),
        [],
        `party ${party}`,
      );
  }

  /** A session of party 1 with the impostor of party 3, up to where both have drawn: what each then says is up to the test. */
  async function meet(impostor: Impostor, requestId = fresh(), intent = anchorIntent(fresh()), known: ReadonlySet<Hex> = new Set()) {
    const answers = rehearsal.ask(intent, [1, 3], requestId);
    const answer = answers.then(([first]) => (first!.status === 'rejected' ? (first!.reason as Problem).code : 'signed'));
    const { conversation, message } = await impostor.hears(1, 0, known);
    return { answer, conversation, theirs: message, requestId, intent, ...impostor.begin(1, intentDigest(intent), requestId, message) };
  }

  it('sign with every pair, with any one of them killed, and with it again when it is back', async () => {
    await allSign();
    for (const killed of [1, 2, 3]) {
      await rehearsal.stop(killed);
      await signs([1, 2, 3].filter((party) => party !== killed));
      await backUp(killed);
      await signs([killed, killed === 1 ? 2 : 1].sort((a, b) => a - b));
    }
  });

  it('answer a client that goes on with any two, waits with one, and catches up', async () => {
    const events: ThresholdEvent[] = [];
    const custody = openThresholdCustody({
      nodes: await Promise.all(
        rehearsal.nodes.map(async ({ party, port }) => ({
          id: party,
          host: '127.0.0.1',
          port,
          fingerprint: String((await rehearsal.status(party))['fingerprint']) as never,
        })),
      ),
      threshold: 2,
      identity: rehearsal.coordinator,
      limits: WIRE_LIMITS,
      attemptTimeoutMs: 20_000,
      downForMs: 100,
      retryAfterMs: 50,
      refusalHoldsMs: 60_000,
      clock: systemClock,
      random,
      onEvent: (event) => events.push(event),
    });
    try {
      assert.equal(await custody.address('poster'), address);
      await rehearsal.stop(2);
      await signatureOf(custody, 'poster', anchorIntent(fresh()), { patienceMs: 60_000 });
      await rehearsal.stop(3);
      const waiting = signatureOf(custody, 'poster', anchorIntent(fresh()), { patienceMs: 120_000 });
      while (!events.some(({ kind }) => kind === 'waiting')) await new Promise((resolve) => setTimeout(resolve, 10));
      // Party 3 stays down, so party 2 cannot hear from it; with party 1 it signs all the same.
      await rehearsal.start(2);
      await waiting;
      assert.ok(events.some(({ kind }) => kind === 'going-on'));
      await backUp(3);
    } finally {
      custody.close();
    }
  });

  describe('T-08: one N_i, one session', () => {
    it('a SIGKILL between acceptance and R1 voids N_i: the same request draws another one, and other bytes', async () => {
      await rehearsal.stop(3);
      const impostor = await Impostor.take(rehearsal, 3, 'poster', random);
      const [requestId, intent] = [fresh(), anchorIntent(fresh())];
      const first = await meet(impostor, requestId, intent);
      await rehearsal.stop(1);
      await rehearsal.start(1);
      // The impostor speaks for party 3 to the node that starts, so that this one hears from all its peers.
      await rehearsal.ready([1]);
      impostor.heard.length = 0;
      const second = await meet(impostor, requestId, intent);
      assert.equal(second.conversation, first.conversation, 'it is the same request');
      assert.notDeepEqual(second.theirs.subarray(0, 32), first.theirs.subarray(0, 32));

      // Both times the impostor sends the very slot of the first: with equal N of the peer the session is still another one, and u with it.
      await impostor.say(1, second.conversation, 0, first.slot);
      const { message: round1 } = await impostor.hears(1, 1);
      await rehearsal.stop(1);
      await rehearsal.start(1);
      await rehearsal.ready([1]);
      impostor.heard.length = 0;
      const third = await meet(impostor, requestId, intent);
      await impostor.say(1, third.conversation, 0, first.slot);
      const { message: round1Again } = await impostor.hears(1, 1);
      const [one, two] = [round1, round1Again].map((bytes) => decodeRound1(bytes, 1 as PartyId));
      assert.notDeepEqual(one!.sid, two!.sid);
      assert.notDeepEqual(one!.ot.subarray(0, 8_704), two!.ot.subarray(0, 8_704));

      // No N_i is on any disk or in any log.
      for (const nonce of [first, second, third].map(({ theirs }) => Buffer.from(theirs.subarray(0, 32)))) {
        for (const file of await filesUnder(rehearsal.root)) {
          const bytes = await readFile(file);
          assert.ok(!bytes.includes(nonce) && !bytes.includes(nonce.toString('hex')) && !bytes.includes(nonce.toString('base64')), file);
        }
      }
      await impostor.leave();
      await backUp(3);
      await noneIsPoisoned(1, 2, 3);
      await allSign();
    });

    it('a tuple that was started is started no second time, and its late messages change nothing', async () => {
      const [intent, requestId] = [anchorIntent(fresh()), fresh()];
      const first = await rehearsal.ask(intent, [1, 2], requestId);
      assert.ok(first.every(({ status }) => status === 'fulfilled'));
      const second = await rehearsal.ask(intent, [1, 2], requestId);
      assert.deepEqual(second.map((answer) => ((answer as PromiseRejectedResult).reason as Problem).code), ['session/started-before', 'session/started-before']); // prettier-ignore
    });

    it('a folder that is put back as it was is noticed by what the peers remember, and signs nothing', async () => {
      const { folder } = rehearsal.node(2);
      const copy = `${folder}-copy`;
      await rehearsal.stop(2);
      await cp(folder, copy, { recursive: true });
      await backUp(2);
      await signs([1, 2]);
      // What was told is on the peer's disk a moment later.
      await untilRemembered(rehearsal, 1, 2);
      await rehearsal.stop(2);
      const newest = `${folder}-newest`;
      await cp(folder, newest, { recursive: true });
      await rm(folder, { recursive: true });
      await cp(copy, folder, { recursive: true });
      await rehearsal.start(2).catch(() => undefined);
      while (rehearsal.node(2).process!.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.equal(rehearsal.node(2).process!.exitCode, 3);
      assert.ok((await rehearsal.log(2)).some(({ code }) => code === 'node/store-behind'));
      await rm(folder, { recursive: true });
      await cp(newest, folder, { recursive: true });
      await backUp(2);
      await allSign();
    });
  });

  describe('T-09: sessions that differ', () => {
    it('end plainly, before anything that depends on Delta, whatever differs; nobody is poisoned', async () => {
      await rehearsal.stop(3);
      const impostor = await Impostor.take(rehearsal, 3, 'poster', random);
      const differing: readonly (readonly [string, (round1: Uint8Array) => Uint8Array])[] = [
        ['another sid: other N, m, tau or S', (round1) => flipped(round1, 0)],
        ['another set-up generation', (round1) => flipped(round1, 32)],
      ];
      for (const [what, change] of differing) {
        impostor.heard.length = 0;
        const session = await meet(impostor);
        await impostor.say(1, session.conversation, 0, session.slot);
        // Spoiled as well: were it evaluated, it would poison.
        await impostor.say(1, session.conversation, 1, change(spoiled(session.round1)));
        assert.equal(await session.answer, 'mpc/session-differs', what);
        assert.equal(await impostor.hearsEnd(1, session.conversation), 'mpc/session-differs');
      }

      // Another N than the one that R1 was made with: a peer that shows its N set differently to others.
      impostor.heard.length = 0;
      const session = await meet(impostor);
      await impostor.say(1, session.conversation, 0, flipped(session.slot, 3));
      await impostor.say(1, session.conversation, 1, session.round1);
      assert.equal(await session.answer, 'mpc/session-differs');

      // Two different slots for one session are an equivocation, and no cheating either.
      impostor.heard.length = 0;
      const twice = await meet(impostor);
      await impostor.say(1, twice.conversation, 1, twice.round1);
      await impostor.say(1, twice.conversation, 1, twice.round1);
      await assert.rejects(
        impostor.say(1, twice.conversation, 1, flipped(twice.round1, 5)),
        (error: unknown) => error instanceof Problem && error.code === 'mpc/equivocation',
      );
      assert.equal(await twice.answer, 'mpc/equivocation');

      // Cut short, too long, of a round that there is not.
      for (const wrong of [(bytes: Uint8Array) => bytes.subarray(1), (bytes: Uint8Array) => Uint8Array.of(...bytes, 0), () => new Uint8Array(1)]) {
        impostor.heard.length = 0;
        const malformed = await meet(impostor);
        await impostor.say(1, malformed.conversation, 0, malformed.slot);
        await impostor.say(1, malformed.conversation, 1, wrong(malformed.round1));
        assert.equal(await malformed.answer, 'mpc/malformed-message');
      }
      await impostor.leave();
      await backUp(3);
      await noneIsPoisoned(1, 2, 3);
      await allSign();
    });

    it('a stale set-up of a pair is refused by both, and poisons neither', async () => {
      await rehearsal.stop(3);
      const impostor = await Impostor.take(rehearsal, 3, 'poster', random);
      const session = await meet(impostor);
      const other = impostor.pair(2).secrets.setupId;
      await impostor.say(1, session.conversation, 0, session.slot);
      const message = Uint8Array.from(session.round1);
      message.set(other, 32);
      await impostor.say(1, session.conversation, 1, message);
      assert.equal(await session.answer, 'mpc/session-differs');
      await impostor.leave();
      await backUp(3);
      await noneIsPoisoned(1, 3);
    });
  });

  describe('T-05: selective failure', () => {
    it('is answered by POISON before anything else, survives SIGKILL at the very reply, and ends every session of the pair unevaluated', async () => {
      await rehearsal.stop(3);
      const impostor = await Impostor.take(rehearsal, 3, 'poster', random);
      // As many sessions as may run at once, all of them forged, all first rounds sent before any is answered.
      const sessions = [];
      const known = new Set<Hex>();
      for (let i = 0; i < 16; i++) {
        const session = await meet(impostor, fresh(), anchorIntent(fresh()), known);
        known.add(session.conversation);
        sessions.push(session);
      }
      await Promise.all(sessions.map(({ conversation, slot }) => impostor.say(1, conversation, 0, slot)));
      const said = Promise.allSettled(sessions.map(({ conversation, round1 }) => impostor.say(1, conversation, 1, spoiled(round1))));
      await impostor.hearsEnd(1, sessions[0]!.conversation);
      // At the reply: what was promised before it has to be on the disk.
      await rehearsal.stop(1);
      await said;
      await Promise.all(sessions.map(({ answer }) => answer));
      await rehearsal.start(1);
      await rehearsal.ready([1]);
      const found = await poisonings(1);
      assert.deepEqual(found.map(({ peer, check }) => [peer, check]), [[3, 'ote']], 'one check of sixteen was evaluated'); // prettier-ignore

      const refused = await rehearsal.ask(anchorIntent(fresh()), [1, 3]);
      assert.equal(((refused[0] as PromiseRejectedResult).reason as Problem).code, 'node/pair-poisoned');
      await impostor.leave();
      await backUp(3);
      await signs([1, 2]);
      await signs([2, 3]);
      const both = await rehearsal.ask(anchorIntent(fresh()), [1, 3]);
      assert.ok(both.every(({ status }) => status === 'rejected'));
      assert.equal(JSON.stringify(await rehearsal.log(1)).includes('a bug of ours'), false);
    });

    it('is healed by both operators with a whole new set-up, once; a second time the peer is banned', async () => {
      await rehearsal.ceremony({ kind: 'repair', role: 'poster' }, [1, 3]);
      await allSign();
      await rehearsal.stop(3);
      const impostor = await Impostor.take(rehearsal, 3, 'poster', random);
      const session = await meet(impostor);
      await impostor.say(1, session.conversation, 0, session.slot);
      await impostor.say(1, session.conversation, 1, spoiled(session.round1));
      assert.equal(await session.answer, 'mpc/ot-check-failed');
      await impostor.leave();
      await backUp(3);
      await assert.rejects(
        rehearsal.ceremony({ kind: 'repair', role: 'poster', peer: 3 }, [1]),
        (error: unknown) => error instanceof Problem && error.detail.includes('session/pair-unusable'),
      );
      await signs([1, 2]);
      await signs([2, 3]);
    });
  });

  it('T-17: suspend a peer whose last messages are spoiled after three signatures, over a SIGKILL between any two, until both operators set the pair up anew', async () => {
    await rehearsal.stop(3);
    // Party 3 spoils its last message to party 2, and nothing else.
    const captured = await rehearsal.runCaptured(3, 2, (method, payload) =>
      method === SAY && payload[32] === 3 ? flipped(payload, payload.length - 1) : payload,
    );
    await rehearsal.ready([1, 2, 3]);
    const asked = async (): Promise<string> => {
      const [answer] = await rehearsal.ask(anchorIntent(fresh()), [2, 3]);
      return answer!.status === 'fulfilled' ? 'signed' : (answer!.reason as Problem).code;
    };
    try {
      for (let i = 0; i < 3; i++) {
        assert.equal(await asked(), 'mpc/invalid-signature');
        await rehearsal.stop(2);
        await backUp(2);
      }
      assert.equal(await asked(), 'session/pair-unusable');
      await signs([1, 2]);
    } finally {
      await captured.close();
    }
    await backUp(3);
    assert.equal(await asked(), 'session/pair-unusable', 'an honest process in its place is not believed yet');
    await rehearsal.ceremony({ kind: 'repair', role: 'poster' }, [2, 3]);
    assert.equal(await asked(), 'signed');
  });

  it('log nothing secret: no share, no pair state, no key of an identity', async () => {
    await rehearsal.stop(3);
    const impostor = await Impostor.take(rehearsal, 3, 'poster', random);
    const { share } = impostor.record;
    const { delta, zeroSeed } = impostor.pair(2).secrets;
    await impostor.leave();
    for (const file of await filesUnder(rehearsal.root)) {
      const bytes = await readFile(file);
      for (const secret of [share, delta, zeroSeed].map((each) => Buffer.from(each)))
        assert.ok(!bytes.includes(secret) && !bytes.includes(secret.toString('hex')), file);
    }
    await backUp(3);
  });
});

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[at]! ^= 1;
  return changed;
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Waits until what `party` remembers of `peer` is on its disk and as new as the peer's own log. */
async function untilRemembered(rehearsal: Rehearsal, party: number, peer: number): Promise<void> {
  for (;;) {
    const text = await readFile(join(rehearsal.node(party).folder, 'peer-heads.json'), 'utf8').catch(() => '[]');
    const found = (JSON.parse(text) as [number, { heads: { store: { seq: number } } }][]).find(([id]) => id === peer);
    const { heads } = (await rehearsal.status(peer)) as { heads: { store: { seq: number } } };
    if (found && found[1].heads.store.seq >= heads.store.seq) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
