import { strict as assert } from 'node:assert';
import { toHex, utf8, type Hex } from '#base';
import { auditTag, HashChain, signHeads } from '#mpc/node';
import { partyId, type PartyId } from '#mpc/protocol';
import { identityOf } from '#mpc/node/wire';
import type { Group, Peer } from '../../../../mpc/node/ceremony/ceremony.ts';
import { nodeName, PeerHeads } from '../../../../mpc/node/process/peerHeads.ts';
import { storeTag } from '../../../../mpc/node/store/store.ts';
import { bytes, clearHomes, emptyFolder, NOW_MS, random } from '../fixtures.ts';

const PEER = partyId(2, 2);
const STORE_ID = bytes(5, 16);
const MOST = { bodies: 4, answers: 3 };
const body = (): Hex => toHex(random(32));

describe('what a node remembers of a peer', () => {
  afterEach(clearHomes);

  /** A node that remembers a peer, whose logs can be made to grow and be written anew. */
  async function remembering() {
    const identity = identityOf(random(32));
    const logs = { store: new HashChain(storeTag(STORE_ID)), audit: new HashChain(auditTag(STORE_ID)) };
    const asked: number[] = [];
    const peer: Peer = {
      id: PEER,
      fingerprint: identity.fingerprint,
      publicKey: identity.publicKey,
      link: {
        close: () => undefined,
        call: async (_method, payload) => {
          const after = Buffer.from(payload).readUInt32BE(1);
          asked.push(after);
          return new Uint8Array(Buffer.concat((await logs[payload[0] === 0 ? 'store' : 'audit'].bodiesAfter(after, MOST.bodies)).map((hex) => Buffer.from(hex.slice(2), 'hex')))); // prettier-ignore
        },
      },
    };
    const group: Group = { own: partyId(1, 2), identity: identityOf(random(32)), threshold: 2, peers: new Map<PartyId, Peer>([[PEER, peer]]) };
    const alarms: string[] = [];
    const heads = await PeerHeads.open({
      folder: emptyFolder(),
      group,
      store: {} as never,
      audit: {} as never,
      clock: { nowMs: () => NOW_MS },
      onAlarm: ({ code }) => void alarms.push(code),
      onFatal: (problem) => assert.fail(problem),
      most: MOST,
    });
    return {
      logs,
      asked,
      alarms,
      grow: (lines: number) => Array.from({ length: lines }, body).forEach((one) => void logs.store.push(one)),
      tell: async () => {
        const said = { node: nodeName(PEER), storeId: STORE_ID, heads: { store: logs.store.head, audit: logs.audit.head }, atMs: NOW_MS };
        await heads.heard(PEER, utf8(JSON.stringify(signHeads(said, identity.privateKey))));
      },
      remembered: () => (JSON.parse(Buffer.from(heads.rememberedOf(PEER)).toString()) as { heads: { store: { seq: number } } }).heads.store.seq,
      end: () => heads.settle(),
    };
  }

  it('goes on from where it came to at the last tell, where the peer’s log grew by more than it asks for at once', async () => {
    const { grow, tell, remembered, asked, alarms, end } = await remembering();
    grow(2);
    await tell();
    assert.equal(remembered(), 2);
    grow(29);
    await tell();
    assert.deepEqual([remembered(), asked.splice(0)], [2, [2, 6, 10]]);
    grow(2);
    await tell();
    assert.deepEqual([remembered(), asked.splice(0)], [2, [14, 18, 22]]);
    await tell();
    assert.deepEqual([remembered(), asked, alarms], [33, [26, 30], []]);
    await end();
  });

  it('is what was written before, when the peer writes its log anew behind the place that was come to', async () => {
    const { logs, grow, tell, remembered, alarms, end } = await remembering();
    grow(2);
    await tell();
    grow(29);
    await tell();
    logs.store = new HashChain(storeTag(STORE_ID));
    grow(33);
    await tell();
    await tell();
    assert.deepEqual([remembered(), alarms], [2, ['node/peer-rewrote-its-log']]);
    await end();
  });
});
