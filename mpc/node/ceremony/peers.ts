import type { PartyId, Verify } from '#mpc/protocol';
import { createPublicKey, sign, verify } from 'node:crypto';
import type { CallPatience, Fingerprint, Identity, Link } from '../wire/wire.ts';

/** Another node, as this node's operator wrote it down. */
export interface Peer {
  readonly id: PartyId;
  readonly fingerprint: Fingerprint;
  /** SubjectPublicKeyInfo, 44 bytes. */
  readonly publicKey: Uint8Array;
  /** Identities that it had before it was made anew. */
  readonly formerly: readonly Fingerprint[];
  readonly link: Link;
}

/** All parties of this node's keys: itself, and the peers it can call. */
export interface Group {
  readonly own: PartyId;
  readonly identity: Identity;
  readonly formerly: readonly Fingerprint[];
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
 * Whether a signature over a digest is by the key that the epoch names for a party: a pinned one, or the pinned one of a party whose operators named that identity as its former one, because it was restored under a new one
 * (digest 11.3). Never by the party's number: who is which party is the epoch's own word until its signatures hold.
 */
export function verifierOf({ identity, formerly, peers }: Group): Verify {
  const keys = new Map<string, Uint8Array>();
  for (const known of [{ fingerprint: identity.fingerprint, formerly, publicKey: identity.publicKey }, ...peers.values()])
    for (const fingerprint of [known.fingerprint, ...known.formerly]) keys.set(fingerprint, known.publicKey);
  return (_party, named, digest, signature) => {
    const publicKey = keys.get(Buffer.from(named).toString('hex'));
    return publicKey !== undefined && verify(null, digest, createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' }), signature);
  };
}
