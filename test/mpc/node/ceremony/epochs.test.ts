import { strict as assert } from 'node:assert';
import { createPublicKey, sign, verify as checkSignature, type KeyObject } from 'node:crypto';
import { concat, Problem, systemClock, toHex, type ProblemCode } from '#base';
import { decodeEpoch, doneDigest, encodeEpoch, encodeRecord, importKey, partyId, type Epoch, type KeyId, type KeyRecord, type Verify } from '#mpc/protocol';
import { identityOf, type Identity } from '#mpc/node/wire';
import { NodeStore } from '#mpc/node';
import { AuditLog } from '../../../../mpc/node/audit/audit.ts';
import { Ceremonies } from '../../../../mpc/node/ceremony/ceremonies.ts';
import { EpochSwitch, identitiesIn } from '../../../../mpc/node/ceremony/epochs.ts';
import { verifierOf, type Group, type Peer } from '../../../../mpc/node/ceremony/peers.ts';
import { Conversations } from '../../../../mpc/node/session/conversations.ts';
import { epochDataOf, epochDataToJson, foundersOf, KeyRing } from '../../../../mpc/node/session/keyRing.ts';
import { clearHomes, home, NOW_MS, random, type Home } from '../fixtures.ts';

const KEY_ID = new Uint8Array(32).fill(7) as KeyId;
const SECRET = new Uint8Array(32).fill(9);

function bytesOf({ fingerprint }: Identity): Uint8Array {
  return new Uint8Array(Buffer.from(fingerprint, 'hex'));
}

function publicKeyOf({ publicKey }: Identity): KeyObject {
  return createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
}

/** P2 as it was, as it is since it was restored, and its peers. */
const [p1, p2Old, p2, p3] = [1, 2, 3, 4].map((seed) => identityOf(new Uint8Array(32).fill(seed))) as [Identity, Identity, Identity, Identity];

function group(): Group {
  const peer = (id: number, { fingerprint, publicKey }: Identity): Peer => ({
    id: partyId(id, 3),
    fingerprint,
    publicKey,
    link: { close: () => undefined, call: async () => new Uint8Array() },
  });
  return { own: partyId(2, 3), identity: p2, threshold: 2, peers: new Map([peer(1, p1), peer(3, p3)].map((each) => [each.id, each])) };
}

function records(identities: readonly Identity[], keyId = KEY_ID): KeyRecord[] {
  return importKey(SECRET, { n: identities.length, t: 2, keyId, identities: identities.map(bytesOf), chainCode: new Uint8Array(32).fill(8) }, random);
}

function made(record: KeyRecord) {
  return {
    keyId: toHex(record.keyId),
    epochId: toHex(record.epochId),
    epoch: record.epoch,
    parties: [1, 2, 3],
    data: epochDataToJson({ role: 'poster', epoch: record, founders: foundersOf(record) }),
    share: encodeRecord(record),
  };
}

function pending(record: KeyRecord) {
  const pairs = [1, 3].map((peer) => ({ peer, generation: 1, setupId: toHex(new Uint8Array(32)), secrets: new Uint8Array(8) }));
  return { ...made(record), pairs };
}

/** The same under another number, spelled anew so that its epochId is its own. */
function numbered(record: KeyRecord, epoch: number): KeyRecord {
  return { ...record, ...decodeEpoch(encodeEpoch({ ...record, epoch }))! };
}

function bundleOf(epoch: Epoch, signers: readonly Identity[]): Uint8Array {
  return concat(encodeEpoch(epoch), ...signers.map(({ privateKey }) => new Uint8Array(sign(null, doneDigest(epoch), privateKey))));
}

function refused(code: ProblemCode) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}

describe('the epochs of a node', () => {
  let at: Home;
  let store: NodeStore;
  const [alarms, fatal]: [Problem[], Problem[]] = [[], []];

  const open = () =>
    new EpochSwitch({
      group: group(),
      store,
      clock: systemClock,
      onPromoted: () => undefined,
      onLeft: () => undefined,
      onAlarm: (problem) => void alarms.push(problem),
      onFatal: (problem) => void fatal.push(problem),
    });

  beforeEach(async () => {
    alarms.length = fatal.length = 0;
    at = await home();
    store = await NodeStore.open(at.options);
  });
  afterEach(async () => {
    await store.close();
    clearHomes();
  });

  it('are not taken for lost by what one party signs in two slots, one of them with another’s old identity', async () => {
    const held = records([p1, p2Old, p3])[1]!;
    await store.putRestored(made(held), NOW_MS);
    // P1 alone: P2's old identity in the first slot, where P1's own number stands, and its own in the second.
    const forged = records([p2Old, p1])[0]!;
    const outranking = numbered(forged, 9);
    await assert.rejects(open().heardBundle(partyId(1, 3), concat(KEY_ID, bundleOf(outranking, [p1, p1]))), refused('mpc/malformed-message'));
    assert.deepEqual(fatal, []);
  });

  it('are known for lost by this node’s own signature under the identity that it had', async () => {
    const held = records([p1, p2Old, p3])[1]!;
    await store.putRestored(made(held), NOW_MS);
    const later = numbered(held, 9);
    await assert.rejects(open().heardBundle(partyId(1, 3), concat(KEY_ID, bundleOf(later, [p1, p2, p3]))), refused('mpc/state-behind'));
    assert.equal(fatal[0]?.code, 'mpc/state-behind');
  });

  it('are confirmed by a restored party under its new identity, and by nobody under an identity that no epoch here names', async () => {
    await store.putRestored(made(records([p1, p2Old, p3])[1]!), NOW_MS);
    const verify = verifierOf(group(), () => identitiesIn(store));
    const digest = new Uint8Array(32).fill(5);
    const by = ({ privateKey }: Identity) => new Uint8Array(sign(null, digest, privateKey));
    const stranger = identityOf(new Uint8Array(32).fill(77));
    for (const slot of [1, 2, 3].map((id) => partyId(id, 3))) {
      assert.equal(verify(slot, bytesOf(p2Old), digest, by(p2)), true);
      assert.equal(verify(slot, bytesOf(p2Old), digest, by(p1)), false);
      assert.equal(verify(slot, bytesOf(p2Old), digest, by(p2Old)), false, 'the old identity is revoked');
      assert.equal(verify(slot, bytesOf(p3), digest, by(p3)), true);
      for (const one of [p1, p2, p3, stranger]) assert.equal(verify(slot, bytesOf(stranger), digest, by(one)), false);
    }
  });

  it('measure the next number by all that were ever stored, after a restart too', async () => {
    const dropped = numbered(records([p1, p2, p3])[1]!, 5_000);
    await store.putPending(pending(dropped), NOW_MS);
    await store.dropUnconfirmed(made(dropped), NOW_MS);
    await store.close();
    store = await NodeStore.open(at.options);
    assert.ok(open().lastNumber(toHex(KEY_ID)) >= 5_001 + 2 ** 16);
    assert.equal(open().nextNumber(toHex(KEY_ID)), 1);
  });

  it('are not confirmed on the disk before the machine’s guards let them', async () => {
    const record = records([p1, p2, p3])[1]!;
    await store.putPending(pending(record), NOW_MS);
    const epochs = open();
    await epochs.prepared(record, record.id, [[partyId(1, 3), partyId(2, 3)]]);
    await assert.rejects(epochs.confirm(record), refused('mpc/epoch-not-tested'));
    assert.equal(store.epoch(made(record)).confirmed, undefined);
    await epochs.tested(toHex(KEY_ID), record.epochId, [partyId(1, 3), partyId(2, 3)]);
    await epochs.confirm(record);
    assert.equal(store.epoch(made(record)).confirmed, toHex(new Uint8Array(sign(null, doneDigest(record), p2.privateKey))));
  });

  it('are not judged again by signers who are strangers since: what was in use here raises no alarm', async () => {
    const held = records([p1, p2Old, p3])[1]!;
    await store.putRestored(made(held), NOW_MS);
    await open().heardBundle(partyId(1, 3), concat(KEY_ID, bundleOf(held, [p1, p2Old, p3])));
    assert.deepEqual([alarms, fatal], [[], []]);
  });

  it('are all erased, attempts that were confirmed too, when others have the key, and none of them before all of those have confirmed', async () => {
    const held = records([p1, p2, p3])[1]!;
    await store.putRestored(made(held), NOW_MS);
    for (const [number, isConfirmed] of [
      [2, true],
      [3, false],
    ] as const) {
      // prettier-ignore
      const attempt = numbered(held, number);
      await store.putPending(pending(attempt), NOW_MS);
      if (isConfirmed) await store.confirm(made(attempt), toHex(new Uint8Array(64)), NOW_MS);
    }
    const stranger = identityOf(new Uint8Array(32).fill(77));
    const now = [p1, stranger, p3];
    const gone = numbered({ ...held, origin: 'reshare', identities: now.map(bytesOf) }, 4);
    const signatures = now.map(({ privateKey }) => new Uint8Array(sign(null, doneDigest(gone), privateKey)));
    const verify: Verify = (party, _identity, digest, signature) => checkSignature(null, digest, publicKeyOf(now[party - 1]!), signature);
    const epochs = open();
    const statuses = () => store.epochs.map(({ status }) => status);
    await assert.rejects(epochs.leave(gone, [signatures[0]!, signatures[0]!, signatures[2]!], verify), refused('mpc/malformed-message'));
    await assert.rejects(epochs.leave(numbered(gone, 2), signatures, verify), refused('mpc/epoch-not-next'));
    assert.deepEqual(statuses(), ['RESTORED', 'PENDING', 'PENDING']);
    await epochs.leave(gone, signatures, verify);
    assert.deepEqual(statuses(), ['RETIRED', 'RETIRED', 'RETIRED']);
  });

  it('are read from their data once', async () => {
    const record = records([p1, p2, p3])[1]!;
    await store.putPending(pending(record), NOW_MS);
    const first = epochDataOf(store.epoch(made(record)));
    await store.dropUnconfirmed(made(record), NOW_MS);
    assert.equal(epochDataOf(store.epoch(made(record))), first);
  });

  describe('and their ceremonies', () => {
    let audit: AuditLog;
    const meetings: Problem[] = [];

    async function ceremonies(
      conversations: Partial<Conversations> = {},
      held = group(),
      ring = new KeyRing(store, async () => undefined),
    ): Promise<Ceremonies> {
      audit = await AuditLog.open({ path: `${at.folder}/audit.log`, storeId: store.storeId, remembered: [] });
      const meet = async () => {
        const problem = meetings[0];
        if (problem) throw problem;
        return { id: toHex(new Uint8Array(32)), number: 1 };
      };
      return new Ceremonies({
        group: held,
        store,
        audit,
        ring,
        epochs: open(),
        rendezvous: { meet } as never,
        conversations: conversations as Conversations,
        signer: undefined as never,
        selfTest: async () => undefined,
        recall: async () => undefined,
        timeouts: { gatheringMs: 1, roundMs: 1 },
        recoveryKey: undefined,
        clock: systemClock,
        random,
        onAlarm: (problem) => void alarms.push(problem),
        onEvidence: async () => undefined,
      });
    }
    beforeEach(() => void (meetings.length = 0));
    afterEach(() => audit.close());

    it('make no second key of a role that has one under other identities', async () => {
      await store.putRestored(made(records([p1, p2Old, p3])[1]!), NOW_MS);
      await assert.rejects(
        (await ceremonies()).generate('poster', () => undefined),
        refused('node/wrong-state'),
      );
    });

    it('make and move no key to fewer parties than the switch needs', async () => {
      const held = await ceremonies({}, { ...group(), threshold: 3 });
      await assert.rejects(
        held.generate('poster', () => undefined),
        refused('session/too-few-parties'),
      );
      await store.putRestored(made(records([p1, p2Old, p3])[1]!), NOW_MS);
      await assert.rejects(
        held.reshare('poster', { dealers: [partyId(1, 3), partyId(2, 3)], given: undefined }, () => undefined),
        refused('session/too-few-parties'),
      );
      // Its key is one of two signers, and node.json says three.
      await assert.rejects(
        held.refresh('poster', () => undefined),
        refused('session/wrong-ceremony'),
      );
    });

    it('hold against a peer what it did itself, also under the name of before its restore, and not what another node did under its number', async () => {
      const record = numbered(records([p1, p2, p3])[1]!, 2);
      const former = numbered({ ...record, identities: [p1, p2, p2Old].map(bytesOf) }, 1);
      await store.putRestored(made(former), NOW_MS);
      await store.putRestored(made(record), NOW_MS);
      const ref = { keyId: toHex(KEY_ID), epochId: toHex(record.epochId) };
      for (const { epochId } of [former, record])
        await store.putPair({ keyId: toHex(KEY_ID), epochId: toHex(epochId) }, pending(record).pairs[1]!, 'op1', NOW_MS);
      const cheated = (epoch: Epoch) => store.poison({ keyId: toHex(KEY_ID), epochId: toHex(epoch.epochId), peer: 3, generation: 1, sid: toHex(random(32)), check: 'ote', audit: { seq: 0, hash: toHex(new Uint8Array(32)) }, atMs: Date.now() }); // prettier-ignore
      meetings.push(new Problem('session/wrong-ceremony', 'Nobody came.'));
      const ring = { active: () => ({ ref, record, pairs: undefined, wipe: () => undefined }) };
      const held = await ceremonies({}, group(), ring as never);
      const repair = () => held.repair('poster', partyId(3, 3), 'op1', () => undefined);
      await cheated(former);
      await cheated(former);
      await assert.rejects(repair(), refused('session/wrong-ceremony'));
      await cheated(record);
      await assert.rejects(repair(), refused('session/wrong-ceremony'));
      await cheated(record);
      await assert.rejects(repair(), refused('session/pair-unusable'));
    });

    it('say before they begin that a key of this role waits for the confirmations of all', async () => {
      const record = records([p1, p2Old, p3])[1]!;
      await store.putPending(pending(record), NOW_MS);
      await store.confirm(made(record), toHex(new Uint8Array(64)), NOW_MS);
      await assert.rejects(
        (await ceremonies()).generate('poster', () => undefined),
        refused('session/generation-unfinished'),
      );
    });

    it('raise the alarm about who names a number that none can mean', async () => {
      meetings.push(new Problem('mpc/malformed-message', 'It is too high.', { culprit: 1, effect: 'count' }));
      await assert.rejects(
        (await ceremonies()).generate('poster', () => undefined),
        refused('mpc/malformed-message'),
      );
      assert.deepEqual(alarms.map(({ code }) => code), ['mpc/malformed-message']); // prettier-ignore
    });

    it('raise the alarm about whose message of a dealing is malformed, once', async () => {
      const end: Problem[] = [];
      const gather = async () => {
        throw new Problem('mpc/malformed-message', 'It is none.', { culprit: 3, effect: 'count' });
      };
      const conversation = { id: toHex(new Uint8Array(32)), send: () => undefined, gather, end: (problem: Problem) => void end.push(problem) };
      const held = await ceremonies({ open: () => conversation as never });
      await assert.rejects(
        held.generate('poster', () => undefined),
        refused('mpc/malformed-message'),
      );
      assert.deepEqual([alarms.map(({ facts }) => facts['culprit']), end.length], [[3], 1]);
    });
  });
});
