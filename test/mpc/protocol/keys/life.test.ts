import assert from 'node:assert/strict';
import { ed25519 } from '@noble/curves/ed25519.js';
import {
  anchorOf,
  beginSetup,
  confirm,
  contextOf,
  derive,
  doneDigest,
  exchangeSetup,
  finishSetup,
  NO_EPOCHS,
  openSetup,
  prepared,
  publicPart,
  received,
  testDigest,
  tested,
  verifyIndependently,
  watched,
  type Aborted,
  type Duty,
  type Epoch,
  type Epochs,
  type KeyId,
  type KeyRecord,
  type Pair,
  type PartyId,
  type Signed,
  type Turn,
  type Verify,
} from '#mpc/protocol';
import { isAbort, recordsOf, runDkg, runRefresh, runReshare } from '../support/ceremony.ts';
import { digestOf, random, type Party } from '../support/dealer.ts';
import { runSession, type SessionOptions } from '../support/session.ts';

const P = (id: number): PartyId => id as PartyId;

/** One node: a long-term Ed25519 identity, whose public key is its 32 bytes in every epoch, and what it keeps. */
class Node {
  readonly #secret = random(32);
  readonly identity = ed25519.getPublicKey(this.#secret);
  epochs: Epochs = NO_EPOCHS;
  readonly records = new Map<string, KeyRecord>();
  readonly pairs = new Map<string, Map<PartyId, Pair>>();

  sign(epoch: Epoch): Uint8Array {
    return ed25519.sign(doneDigest(epoch), this.#secret);
  }

  /** Takes the turn, does its erasures, and gives the confirmations to be sent. */
  take({ state, duties }: Turn): Uint8Array[] {
    this.epochs = state;
    for (const duty of duties) if (duty.kind === 'erase') this.#erase(duty);
    return duties.flatMap((duty) => (duty.kind === 'send-confirmation' ? [duty.message] : []));
  }

  #erase({ epochId }: Extract<Duty, { kind: 'erase' }>): void {
    this.records.delete(hex(epochId));
    this.pairs.delete(hex(epochId));
  }

  record({ epochId }: Epoch): KeyRecord {
    return this.records.get(hex(epochId))!;
  }

  party(epoch: Epoch): Party {
    return { key: this.record(epoch), pairs: this.pairs.get(hex(epoch.epochId))! };
  }
}

const verify: Verify = (_party, identity, digest, signature) => ed25519.verify(signature, digest, identity, { zip215: false });

function must<T extends { readonly kind: string }>(outcome: T | Aborted): T {
  if (isAbort(outcome)) throw outcome.abort.problem;
  return outcome;
}

/** Section 4 between two nodes, as far as an honest run goes. */
function setUp(a: Node, b: Node, epoch: Epoch): void {
  const [i, j] = [a, b].map((node) => node.record(epoch).id) as [PartyId, PartyId];
  const ctx = contextOf(a.record(epoch));
  const [aBegun, bBegun] = [beginSetup({ ctx, own: i, peer: j, generation: 0 }, random), beginSetup({ ctx, own: j, peer: i, generation: 0 }, random)];
  const [aSent, bSent] = [must(exchangeSetup(aBegun.next, bBegun.bytes, random)), must(exchangeSetup(bBegun.next, aBegun.bytes, random))];
  const [aOpened, bOpened] = [must(openSetup(aSent.next, bSent.bytes)), must(openSetup(bSent.next, aSent.bytes))];
  a.pairs.get(hex(epoch.epochId))!.set(j, must(finishSetup(aOpened.next, bOpened.bytes)).pair);
  b.pairs.get(hex(epoch.epochId))!.set(i, must(finishSetup(bOpened.next, aOpened.bytes)).pair);
}

/** Stored as PENDING, set up, tested by the signer sets, confirmed by all, promoted: the whole of D4 and 10.3. `nodes` are those of the new epoch, by id. */
function become(nodes: readonly Node[], records: readonly KeyRecord[], signerSets: readonly (readonly number[])[], leaving: readonly Node[] = []): Epoch {
  const epoch = publicPart(records[0]!);
  const sets = signerSets.map((S) => S.map(P));
  for (const [index, node] of nodes.entries()) {
    node.records.set(hex(epoch.epochId), records[index]!);
    node.pairs.set(hex(epoch.epochId), new Map());
    node.take(prepared(node.epochs, epoch, P(index + 1), sets));
  }
  for (const node of leaving) node.take(watched(node.epochs, epoch));
  const pairs = new Set(sets.flatMap((S) => S.flatMap((i) => S.filter((j) => i < j).map((j) => `${i} ${j}`))));
  for (const pair of pairs) {
    const [i, j] = pair.split(' ').map(Number) as [number, number];
    setUp(nodes[i - 1]!, nodes[j - 1]!, epoch);
  }
  for (const S of sets) {
    sign(
      S.map((id) => nodes[id - 1]!.party(epoch)),
      testDigest(epoch, S),
    );
    for (const id of S) nodes[id - 1]!.take(tested(nodes[id - 1]!.epochs, epoch.epochId, S));
  }
  const sent = nodes.map((node) => node.take(confirm(node.epochs, epoch.epochId, node.sign(epoch), verify))[0]!);
  for (const [from, message] of sent.entries())
    for (const node of [...nodes, ...leaving]) if (node !== nodes[from]) node.take(must(received(node.epochs, P(from + 1), message, verify)));
  return epoch;
}

/** All signers end with the same signature, which two libraries take for one of the derived key. */
function sign(signers: readonly Party[], digest: Uint8Array, path: readonly number[] = []): Signed {
  const endings = [...runSession({ signers, digest, path } satisfies SessionOptions).values()].map((ending) => must<Signed>(ending!));
  const [first] = endings;
  for (const ending of endings) assert.deepEqual(ending, first);
  assert.deepEqual(first!.publicKey, derive(signers[0]!.key, path).publicKey);
  assert.ok(verifyIndependently({ ...first!, digest }));
  return first!;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

describe('the life of a key', () => {
  it('is generated, set up, signs, is refreshed, signs, is reshared to 3 of 5, and signs for the same address all along', () => {
    const [a, b, c, d, f] = [new Node(), new Node(), new Node(), new Node(), new Node()];
    const three = [a, b, c];
    const facts = { keyId: random(32) as KeyId, identities: three.map(({ identity }) => identity) };
    const first = become(three, recordsOf(runDkg(2, 3, { facts: () => facts })), [[1, 2]]);
    for (const node of three) assert.equal(node.epochs.active!.epoch.epochId, first.epochId);
    const path = [44, 60, 7];
    const address = derive(first, path).publicKey;
    assert.deepEqual(sign([a.party(first), b.party(first)], digestOf('first'), path).publicKey, address);

    const [aBefore, bBefore] = [a.party(first), b.party(first)];
    const second = become(three, recordsOf(runRefresh(three.map((node) => node.record(first)))), [[1, 2]]);
    for (const node of three) {
      assert.equal(node.epochs.active!.epoch.epochId, second.epochId);
      // Of the old epoch there is nothing left.
      assert.deepEqual([...node.records.keys()], [hex(second.epochId)]);
      assert.deepEqual([...node.pairs.keys()], [hex(second.epochId)]);
    }
    assert.deepEqual(sign([a.party(second), b.party(second)], digestOf('second'), path).publicKey, address);

    // T-12: a share of one epoch and a share of another sign nothing, and poison nobody.
    for (const signers of [
      [aBefore, b.party(second)],
      [a.party(second), bBefore],
    ])
      for (const ending of runSession({ signers, digest: digestOf('mixed') }).values()) {
        assert.ok(isAbort(ending));
        assert.equal(ending.abort.problem.code, 'mpc/session-differs');
        assert.equal(ending.abort.culprit, null);
      }
    for (const { pairs } of [aBefore, bBefore, a.party(second), b.party(second)]) for (const pair of pairs.values()) assert.ok(!pair.isPoisoned);

    // Old parties 1 and 3 deal; the second one leaves, and the first keeps its machine, but not its share.
    const next = [d, a, f, c, new Node()];
    const reshareFacts = {
      anchor: anchorOf(second),
      dealers: [P(1), P(3)],
      next: { t: 3, n: 5, identities: next.map(({ identity }) => identity) },
      epoch: 3,
    };
    const third = become(next, recordsOf(runReshare([a.record(second), c.record(second)], reshareFacts)), [[1, 2, 4]], [b]);
    assert.equal(b.epochs.active, null);
    assert.equal(b.records.size, 0);
    for (const node of next) assert.deepEqual([...node.records.keys()], [hex(third.epochId)]);
    assert.deepEqual(sign([d.party(third), a.party(third), c.party(third)], digestOf('third'), path).publicKey, address);
  }).timeout(120_000);
});
