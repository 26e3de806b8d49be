import { strict as assert } from 'node:assert';
import { utf8, toHex, type Hex, Problem, type ProblemCode } from '#base';
import { intentDigest, isSignatureBy, type AnchorIntent } from '#custody/intents';
import { requestToJson } from '#custody/requests';
import { rawPublicKey, type Link } from '#mpc/node/wire';
import { keyAnchorFromJson } from '../../../../mpc/node/ceremony/ceremony.ts';
import type { RunningNode } from '../../../../mpc/node/process/process.ts';
import { ANCHOR, hold, makeTrio, random, runHere, type Seat, type Trio } from './support/trio.ts';

const PATIENCE = { timeoutMs: 60_000, resendForMs: 2_000 };

interface Told {
  readonly anchor: Record<string, unknown>;
  readonly fingerprint: string;
  readonly proof: { readonly parties: { readonly publicKey: Hex; readonly signature: Hex }[] };
}

async function asked<Answer>(link: Link, method: string, body: unknown = {}): Promise<Answer> {
  return JSON.parse(Buffer.from(await link.call(method, utf8(JSON.stringify(body)), PATIENCE)).toString()) as Answer;
}

function refused(code: ProblemCode) {
  return (error: unknown) => error instanceof Problem && (error.code === code || error.message.includes(code));
}

/** Digest 11.1 with 10.3: party 3 is replaced by another node, which nobody but its operator told of the key. */
describe('a key that goes to another set of signer nodes', function () {
  this.timeout(180_000);
  let former: Trio;
  let other: Trio;
  let seats: readonly [Seat, Seat, Seat];
  let [old, running]: [RunningNode[], RunningNode[]] = [[], []];
  let address: Hex;
  let founded: Told;
  const lines: string[] = [];

  const operator = (party: number): Link => (party === 3 ? other : former).link(party, 'operator');
  const pinning = (seat: Seat, party: number, peer: Seat): Seat => ({
    ...seat,
    config: {
      ...seat.config,
      peers: seat.config.peers.map((each) =>
        each.party === party ? { ...each, port: peer.config.listen.port, identity: toHex(rawPublicKey(peer.identity)) } : each,
      ),
    },
  });

  async function signs(signers: readonly number[]): Promise<boolean> {
    const intent: AnchorIntent = { kind: 'anchor', chainId: 31337n, anchor: ANCHOR, previous: `0x${'22'.repeat(32)}`, leaf: toHex(random(32)) };
    const payload = requestToJson({ requestId: toHex(random(32)), intent, signers, path: [], evidence: undefined });
    const answers = await Promise.all(
      signers.map(async (party) => {
        const link = (party === 3 ? other : former).link(party, 'coordinator');
        return (JSON.parse(Buffer.from(await link.call('sign/ask', payload, PATIENCE)).toString()) as { signature: Hex }).signature;
      }),
    );
    return answers.every((signature) => isSignatureBy(address, intentDigest(intent), signature));
  }

  async function reshare(dealers: readonly number[], joins: Record<string, unknown>): Promise<string[]> {
    const runs = await Promise.all(
      [1, 2, 3].map(async (party) => {
        const link = operator(party);
        const { id } = await asked<{ id: string }>(link, 'ceremony/begin', { kind: 'reshare', role: 'poster', dealers, ...(party === 3 ? joins : {}) });
        for (;;) {
          const { state, lines: told } = await asked<{ state: string; lines: { text: string }[] }>(link, 'ceremony/progress', { id, after: 0 });
          if (state === 'failed') throw new Problem('session/ceremony-failed', told.at(-1)?.text ?? '');
          if (state === 'done') return told.map(({ text }) => text);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }),
    );
    return runs[2]!;
  }

  /** The last line of a reshare that one operator alone began. */
  async function alone(party: number, dealers: readonly number[], more: Record<string, unknown> = {}): Promise<string> {
    const { id } = await asked<{ id: string }>(operator(party), 'ceremony/begin', { kind: 'reshare', role: 'poster', dealers, ...more });
    for (;;) {
      const { state, lines: told } = await asked<{ state: string; lines: { text: string }[] }>(operator(party), 'ceremony/progress', { id, after: 0 });
      if (state !== 'running') return told.at(-1)?.text ?? '';
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  const ready = async (): Promise<void> => {
    for (const party of [1, 2, 3])
      while (!(await asked<{ peersReady: boolean }>(operator(party), 'node/status')).peersReady) await new Promise((resolve) => setTimeout(resolve, 20));
  };

  before(async () => {
    [former, other] = await Promise.all([makeTrio(), makeTrio()]);
    old = await Promise.all(former.seats.map((seat) => runHere(seat, lines)));
    await hold(former, { kind: 'generate', role: 'poster' });
    founded = await asked(former.link(1, 'operator'), 'key/anchor', { role: 'poster' });
    address = (await asked<{ keys: { address: Hex }[] }>(former.link(1, 'operator'), 'node/status')).keys[0]!.address;
    const [first, second] = former.seats as readonly [Seat, Seat, Seat];
    const joining = other.seats[2]!;
    seats = [pinning(first, 3, joining), pinning(second, 3, joining), pinning(pinning(joining, 1, first), 2, second)];
    // Party 3 goes on as it was; the others have named another one in its place.
    await Promise.all(old.slice(0, 2).map((node) => node.close()));
    running = await Promise.all(seats.map((seat) => runHere(seat, lines)));
    await ready();
  });
  after(async () => {
    await Promise.all([...running, ...old.slice(2)].map((node) => node.close()));
    await Promise.all([former?.remove(), other?.remove()]);
  });
  afterEach(function () {
    if (this.currentTest?.state === 'failed') process.stderr.write(lines.join(''));
  });

  it('goes to nobody who was told of another anchor than was read aloud, of another key, or of none', async () => {
    const begin = (more: Record<string, unknown>) => asked(operator(3), 'ceremony/begin', { kind: 'reshare', role: 'poster', dealers: [1, 2], ...more });
    const { anchor, fingerprint } = founded;
    const publicKey = (anchor['publicShares'] as Hex[])[0]!;
    await assert.rejects(begin({ anchor: { ...anchor, publicKey }, reads: fingerprint }), refused('session/bad-anchor'));
    await assert.rejects(begin({ anchor }), refused('session/bad-anchor'));
    await assert.rejects(begin({ anchor: { ...anchor, role: 'vault' }, reads: fingerprint }), refused('session/bad-anchor'));
    assert.throws(() => keyAnchorFromJson({ ...anchor, founders: { t: 3, identities: [] } }), refused('session/bad-anchor'));
    assert.match(await alone(3, [1, 2]), /node\/unknown-key/);
  });

  it('is not dealt by too few, nor by who has no share of it', async () => {
    const joins = { anchor: founded.anchor, reads: founded.fingerprint };
    assert.match(await alone(1, [1]), /session\/bad-request/);
    assert.match(await alone(1, [1, 1]), /session\/bad-request/);
    assert.match(await alone(1, [1, 4]), /session\/bad-request/);
    assert.match(await alone(3, [1, 3], joins), /node\/unknown-key/);
  });

  it('keeps its address, is signed with by every new set, and tells at each node the same new anchor', async () => {
    const transcript = await reshare([1, 2], { anchor: founded.anchor, reads: founded.fingerprint });
    assert.ok(transcript.includes('epoch 1 has 3 parties of whom 2 sign; parties 1, 2 deal to 3 parties'), transcript.join('\n'));
    for (const signers of [[1, 2], [1, 3], [2, 3]]) assert.ok(await signs(signers), signers.join()); // prettier-ignore
    const told = await Promise.all([1, 2, 3].map((party) => asked<Told>(operator(party), 'key/anchor', { role: 'poster' })));
    assert.equal(new Set(told.map(({ fingerprint }) => fingerprint)).size, 1);
    assert.notEqual(told[0]!.fingerprint, founded.fingerprint);
    for (const party of [1, 2, 3]) {
      const { keys } = await asked<{ keys: { address: Hex; epoch: number; status: string }[] }>(operator(party), 'node/status');
      assert.deepEqual(keys.map((key) => [key.address, key.epoch, key.status]), [[address, 2, 'ACTIVE']]); // prettier-ignore
    }
    assert.deepEqual(lines.filter((line) => line.startsWith('fatal')), []); // prettier-ignore
    assert.deepEqual(lines.filter((line) => (JSON.parse(line) as { level: number }).level >= 50), [], 'nobody was blamed for anything'); // prettier-ignore
  });

  it('is erased where it was before, by the confirmations of all who have it and what they read aloud, and by nothing less', async () => {
    const leaver = former.link(3, 'operator');
    const { proof, fingerprint } = await asked<Told>(operator(1), 'key/anchor', { role: 'poster' });
    const leave = (proof: unknown, reads: string) => asked(leaver, 'key/leave', { role: 'poster', proof, reads });
    const own = await asked<Told>(leaver, 'key/anchor', { role: 'poster' });
    await assert.rejects(leave(proof, founded.fingerprint), refused('session/bad-anchor'));
    await assert.rejects(leave(own.proof, own.fingerprint), refused('session/bad-anchor'));
    await assert.rejects(leave({}, fingerprint), refused('mpc/malformed-message'));
    const forged = proof.parties.map((party, i) => (i === 1 ? { ...party, signature: toHex(random(64)) } : party));
    await assert.rejects(leave({ ...proof, parties: forged }, fingerprint), refused('mpc/malformed-message'));
    const swapped = proof.parties.map(({ signature }, i) => ({ publicKey: proof.parties[i === 0 ? 1 : i]!.publicKey, signature }));
    await assert.rejects(leave({ ...proof, parties: swapped }, fingerprint), refused('mpc/malformed-message'));
    const { keys: kept } = await asked<{ keys: { status: string }[] }>(leaver, 'node/status');
    assert.deepEqual(kept.map(({ status }) => status), ['ACTIVE']); // prettier-ignore
    await leave(proof, fingerprint);
    assert.deepEqual((await asked<{ keys: unknown[] }>(leaver, 'node/status')).keys, []);
    await assert.rejects(leave(proof, fingerprint), refused('node/unknown-key'));
  });
});
