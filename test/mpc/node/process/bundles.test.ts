import { strict as assert } from 'node:assert';
import { sign } from 'node:crypto';
import { toHex, utf8, type Hex } from '#base';
import { keyFileProvider, NodeStore } from '#mpc/node';
import { doneDigest, encodeRecord, importKey, type KeyId } from '#mpc/protocol';
import type { RunningNode } from '../../../../mpc/node/process/process.ts';
import { epochDataToJson, foundersOf } from '../../../../mpc/node/session/session.ts';
import { nodeName } from '../../../../mpc/node/process/process.ts';
import { makeTrio, random, runHere, type Trio } from './support/trio.ts';

const KEY_ID = new Uint8Array(32).fill(7) as KeyId;
const PATIENCE = { timeoutMs: 20_000, resendForMs: 5_000 };

/** Digest 10.3: whoever holds all confirmations gives them on, or a party that keeps silent decides who has the key. */
describe('signer nodes of which one holds the bundle of an epoch and the third keeps silent', function () {
  this.timeout(60_000);
  let trio: Trio;
  let running: RunningNode[] = [];

  before(async () => {
    trio = await makeTrio();
    const identities = trio.seats.map(({ identity }) => new Uint8Array(Buffer.from(identity.fingerprint, 'hex')));
    const records = importKey(new Uint8Array(32).fill(9), { n: 3, t: 2, keyId: KEY_ID, identities, chainCode: new Uint8Array(32).fill(8) }, random);
    const bundle = trio.seats.map(({ party, identity }) => ({ party, signature: toHex(sign(null, doneDigest(records[0]!), identity.privateKey)) }));
    // All three have confirmed. Party 1 had heard everybody when the power went, party 2 nobody.
    for (const { party, folder, keyFile } of trio.seats.slice(0, 2)) {
      const [record, provider] = [records[party - 1]!, keyFileProvider(keyFile)];
      const store = await NodeStore.open({ folder, node: nodeName(party), provider, random, isConfirmation: () => true, isTestDigest: () => false });
      const ref = { keyId: toHex(record.keyId), epochId: toHex(record.epochId) };
      const data = epochDataToJson({ role: 'poster', epoch: record, founders: foundersOf(record) });
      const pairs = [1, 2, 3].filter((peer) => peer !== party).map((peer) => ({ peer, generation: 1, setupId: toHex(random(32)), secrets: random(8) }));
      await store.putPending({ ...ref, epoch: record.epoch, parties: [1, 2, 3], data, share: encodeRecord(record), pairs }, Date.now());
      await store.confirm(ref, bundle[party - 1]!.signature, Date.now());
      if (party === 1) await store.promote(ref, bundle, Date.now());
      await store.close();
    }
    running = await Promise.all(trio.seats.slice(0, 2).map((seat) => runHere(seat)));
  });
  after(async () => {
    await Promise.all(running.map((node) => node.close()));
    await trio?.remove();
  });

  it('come to hold it both, without a word of the third', async () => {
    const operator = trio.link(2, 'operator');
    for (;;) {
      const answer = await operator.call('node/status', utf8('{}'), PATIENCE);
      const { keys, peersReady } = JSON.parse(Buffer.from(answer).toString()) as { keys: { status: string; address: Hex }[]; peersReady: boolean };
      assert.equal(peersReady, false, 'party 3 has said nothing');
      if (keys[0]!.status === 'ACTIVE') return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
});
