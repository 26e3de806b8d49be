import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { partyId, type PartyId } from '#mpc/protocol';
import { identityOf, type Identity } from '#mpc/node/wire';
import { signDigest, verifierOf, type Peer } from '../../../../mpc/node/ceremony/peers.ts';

const [ONE, TWO, THREE] = [1, 2, 3].map((id) => partyId(id, 3)) as [PartyId, PartyId, PartyId];

function fresh(): Identity {
  return identityOf(randomBytes(32));
}

function bytesOf({ fingerprint }: Identity): Uint8Array {
  return new Uint8Array(Buffer.from(fingerprint, 'hex'));
}

describe('who signed a confirmation', () => {
  const [own, two, three, threeBefore, stranger] = [fresh(), fresh(), fresh(), fresh(), fresh()];
  const peer = (id: PartyId, { fingerprint, publicKey }: Identity, ...formerly: readonly Identity[]): [PartyId, Peer] => [
    id,
    { id, fingerprint, publicKey, formerly: formerly.map((before) => before.fingerprint), link: null as never },
  ];
  const verify = verifierOf({ own: ONE, identity: own, formerly: [], peers: new Map([peer(TWO, two), peer(THREE, three, threeBefore)]), threshold: 2 });
  const digest = new Uint8Array(randomBytes(32));

  it('is whom the epoch names, by the key that is pinned for that identity', () => {
    for (const [party, identity] of [[ONE, own], [TWO, two], [THREE, three]] as const) assert.ok(verify(party, bytesOf(identity), digest, signDigest(identity, digest))); // prettier-ignore
    assert.equal(verify(TWO, bytesOf(two), digest, signDigest(three, digest)), false);
    assert.equal(verify(TWO, bytesOf(two), randomBytes(32), signDigest(two, digest)), false);
  });

  it('is a party that was made anew where the epoch names its former identity, and its operators did too', () => {
    assert.ok(verify(THREE, bytesOf(threeBefore), digest, signDigest(three, digest)));
    assert.equal(verify(THREE, bytesOf(threeBefore), digest, signDigest(threeBefore, digest)), false, 'the former key is worth nothing any more');
  });

  it('is never found by the party’s number: nobody signs for an identity that he puts into his own place', () => {
    assert.equal(verify(TWO, bytesOf(stranger), digest, signDigest(two, digest)), false);
    assert.equal(verify(TWO, bytesOf(threeBefore), digest, signDigest(two, digest)), false);
    assert.equal(verify(ONE, bytesOf(stranger), digest, signDigest(own, digest)), false);
  });
});
