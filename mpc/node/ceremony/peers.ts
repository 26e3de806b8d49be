import type { PartyId, Verify } from '#mpc/protocol';
import { createPublicKey, sign, verify } from 'node:crypto';
import { fingerprintOf, type CallPatience, type Fingerprint, type Identity, type Link } from '../wire/wire.ts';

/** Another node, as this node's operator wrote it down. */
export interface Peer {
  readonly id: PartyId;
  readonly fingerprint: Fingerprint;
  /** SubjectPublicKeyInfo, 44 bytes. */
  readonly publicKey: Uint8Array;
  readonly link: Link;
}

/** All parties of this node's keys: itself, and the peers it can call. */
export interface Group {
  readonly own: PartyId;
  readonly identity: Identity;
  readonly peers: ReadonlyMap<PartyId, Peer>;
  readonly threshold: number;
}

export function call(group: Group, peer: PartyId, method: string, payload: Uint8Array, patience: CallPatience): Promise<Uint8Array> {
  return group.peers.get(peer)!.link.call(method, payload, patience);
}

/** Ids of all parties, this one too, in order. */
export function partiesOf({ own, peers }: Group): PartyId[] {
  return [own, ...peers.keys()].sort((a, b) => a - b);
}

/** Of all parties in id order: the fingerprint that each channel is pinned to, 32 bytes (digest 2.5). */
export function identitiesOf(group: Group): Uint8Array[] {
  return partiesOf(group).map((id) => bytesOf(id === group.own ? group.identity.fingerprint : group.peers.get(id)!.fingerprint));
}

function bytesOf(fingerprint: Fingerprint): Uint8Array {
  return new Uint8Array(Buffer.from(fingerprint, 'hex'));
}

/** ed25519 over exactly these 32 bytes, which a tagged hash made: no statement and no handshake is 32 bytes long. */
export function signDigest(identity: Identity, digest: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, digest, identity.privateKey));
}

/**
 * Whether a signature over a digest is by the key that the epoch names for a party, or by the one that this node's operator has pinned for it since: a party that was restored from its backup has a new identity, and is
 * believed under it by whoever pinned it (digest 11.3).
 */
export function verifierOf({ own, identity, peers }: Group): Verify {
  const keys = [identity.publicKey, ...[...peers.values()].map(({ publicKey }) => publicKey)];
  const byFingerprint = new Map<string, Uint8Array>(keys.map((key) => [fingerprintOf(key), key]));
  return (party, named, digest, signature) => {
    const publicKey = byFingerprint.get(Buffer.from(named).toString('hex')) ?? (party === own ? identity.publicKey : peers.get(party)?.publicKey);
    return publicKey !== undefined && verify(null, digest, createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' }), signature);
  };
}
