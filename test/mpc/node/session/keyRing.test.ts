import { strict as assert } from 'node:assert';
import { Problem, toHex, type ProblemCode } from '#base';
import { decodeRecord, encodePair, encodeRecord, importKey, partyId, type KeyId } from '#mpc/protocol';
import { epochDataToJson, foundersOf, KeyRing } from '../../../../mpc/node/session/keyRing.ts';
import type { EpochRecord, EpochRef, NodeStore } from '../../../../mpc/node/store/store.ts';
import { dealPair, random } from '../../protocol/support/dealer.ts';

const [OWN, PEER] = [partyId(1, 3), partyId(2, 3)];

function refused(code: ProblemCode) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}

/** A ring over a store in memory, which hands out copies and keeps them for a look; `change` is what becomes of the epoch. */
function ringOf() {
  const identities = [1, 2, 3].map((id) => new Uint8Array(32).fill(id));
  const facts = { n: 3, t: 2, keyId: random(32) as KeyId, identities, chainCode: random(32) };
  const [mine, theirs] = importKey(random(32), facts, random);
  const [pair] = dealPair(mine!, theirs!, 1);
  const handedOut: Uint8Array[] = [];
  const handOut = (bytes: Uint8Array): Uint8Array => {
    handedOut.push(bytes);
    return bytes;
  };
  let stored = {
    keyId: toHex(mine!.keyId),
    epochId: toHex(mine!.epochId),
    status: 'ACTIVE',
    epoch: 1,
    data: epochDataToJson({ role: 'poster', epoch: mine!, founders: foundersOf(mine!) }),
    pairs: new Map([[PEER, { peer: PEER, generation: 1, status: 'ACTIVE', file: {} }]]),
  } as unknown as EpochRecord;
  const store = {
    get epochs() {
      return [stored];
    },
    epoch: () => stored,
    share: () => handOut(encodeRecord(mine!)),
    pairSecrets: () => handOut(encodePair(pair)),
  };
  const ring = new KeyRing(store as unknown as NodeStore, async () => undefined);
  return { ring, handedOut, change: (changes: object) => void (stored = { ...stored, ...changes }) };
}

function isWiped(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

describe('the keys of a node', () => {
  it('are refreshed from the epoch in use, and from either epoch of a backup that held two', () => {
    const facts = { n: 3, t: 2, keyId: random(32) as KeyId, identities: [1, 2, 3].map((id) => new Uint8Array(32).fill(id)), chainCode: random(32) };
    const secret = random(32);
    const records = [1, 2].map((epoch) => decodeRecord(encodeRecord({ ...importKey(secret, facts, random)[0]!, epoch }))!);
    const originsWhere = (...statuses: readonly string[]): number[] => {
      const epochs = records.map((record, i) => ({
        keyId: toHex(record.keyId),
        epochId: toHex(record.epochId),
        status: statuses[i],
        epoch: record.epoch,
        data: epochDataToJson({ role: 'poster', epoch: record, founders: foundersOf(record) }),
      }));
      const indexOf = ({ epochId }: EpochRef): number => epochs.findIndex((each) => each.epochId === epochId);
      const store = { epochs, epoch: (ref: EpochRef) => epochs[indexOf(ref)], share: (ref: EpochRef) => encodeRecord(records[indexOf(ref)]!) };
      return new KeyRing(store as unknown as NodeStore, async () => undefined).origins('poster').map(({ record }) => record.epoch);
    };
    assert.deepEqual(originsWhere('RESTORED', 'RESTORED'), [2, 1]);
    assert.deepEqual(originsWhere('ACTIVE', 'PENDING'), [1]);
    assert.deepEqual(originsWhere('RESTORED', 'ACTIVE'), [2]);
    assert.deepEqual(originsWhere('RETIRED', 'RESTORED'), [2]);
  });

  it('leave no copy of what the store handed out', () => {
    const { ring, handedOut } = ringOf();
    const key = ring.active('poster');
    assert.equal(key.pair(PEER).secrets.own, OWN);
    assert.ok(ring.isWhole(key));
    assert.deepEqual(handedOut.map(isWiped), [true, true, true]);
  });

  it('retire a pair with whoever still has it when its epoch is over, so that none of it is computed with zeros', () => {
    const { ring, change } = ringOf();
    const key = ring.active('poster');
    const inFlight = key.pair(PEER);
    const { delta, k0 } = inFlight.secrets;
    change({ status: 'RETIRED' });
    ring.prune();
    assert.throws(() => inFlight.mustBeWhole(), refused('mpc/pair-not-usable'));
    assert.throws(() => inFlight.secrets, refused('mpc/pair-not-usable'));
    assert.ok([delta, k0, key.record.share].every(isWiped));
    assert.throws(() => ring.at(key.ref), refused('node/wrong-state'));
  });

  it('retire the pair of which nothing is left, or that was set up anew, and keep the share', () => {
    const { ring, change } = ringOf();
    const key = ring.active('poster');
    const first = key.pair(PEER);
    change({ pairs: new Map([[PEER, { peer: PEER, generation: 2, status: 'RESTORED', file: {} }]]) });
    const second = key.pair(PEER);
    assert.throws(() => first.secrets, refused('mpc/pair-not-usable'));
    change({ pairs: new Map([[PEER, { peer: PEER, generation: 2, status: 'POISONED', file: undefined }]]) });
    ring.prune();
    assert.throws(() => second.secrets, refused('mpc/pair-not-usable'));
    assert.ok(!isWiped(key.record.share));
  });
});
