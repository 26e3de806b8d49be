import { allParties, type PartyId, type Threshold, type Verify } from '#mpc/protocol';
import { createPublicKey, sign, verify } from 'node:crypto';
import { Problem } from '#base';
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

/**
 * The answer of a peer. What it refuses with is its word, and decides nothing here: a code of ours for a disk that failed would end this node, facts about a culprit would blame another party. So its code is told
 * inside session/ended-by-peer and nothing else of it is kept; what the own end of the channel noticed has wire codes, and so has a peer that is not named, as by a key that has not gone to this group yet.
 */
export async function call(group: Group, peer: PartyId, method: string, payload: Uint8Array, patience: CallPatience): Promise<Uint8Array> {
  const found = group.peers.get(peer);
  if (!found) throw new Problem('wire/failed', `node.json names no party ${peer}.`, { peer });
  try {
    return await found.link.call(method, payload, patience);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.code.startsWith('wire/')) throw new Problem(error.code, error.detail, { peer }, error);
    throw new Problem('session/ended-by-peer', `Party ${peer} refused ${method} (${error.code}).`, { peer, code: error.code }, error);
  }
}

/** SubjectPublicKeyInfo, 44 bytes. */
export function publicKeyOf({ own, identity, peers }: Group, party: PartyId): Uint8Array {
  return party === own ? identity.publicKey : peers.get(party)!.publicKey;
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
 * Whether a signature over a digest is by the key that the epoch names, or by the one that this node's operator has pinned since for the party that had it: a party that was restored from its backup has a new
 * identity, and is believed under it by whoever pinned it (digest 11.3). Whose an old identity was, the epochs in this node's own store say (`stored`: of each, the identities in id order), never the number of the
 * slot that it stands in: that one is the sender's word, and with another's old identity in its own slot it would sign for both.
 */
export function verifierOf({ own, identity, peers }: Group, stored: () => readonly (readonly Uint8Array[])[]): Verify {
  const byParty = new Map<PartyId, Uint8Array>([...peers].map(([id, { publicKey }]) => [id, publicKey])).set(own, identity.publicKey);
  const byFingerprint = new Map<string, Uint8Array>([...byParty.values()].map((key) => [fingerprintOf(key), key]));
  return (_party, named, digest, signature) => {
    const held = stored().find((identities) => placeOf(identities, named) > 0);
    const publicKey = byFingerprint.get(Buffer.from(named).toString('hex')) ?? (held && byParty.get(placeOf(held, named) as PartyId));
    return publicKey !== undefined && verify(null, digest, createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' }), signature);
  };
}

/** The number of the party with this identity, from 1; 0 where none has it. */
function placeOf(identities: readonly Uint8Array[], named: Uint8Array): number {
  return identities.findIndex((identity) => Buffer.compare(identity, named) === 0) + 1;
}

/** Every set of t parties, in order. */
export function signerSetsOf({ n, t }: Threshold): PartyId[][] {
  const subsets = (ids: readonly PartyId[], size: number): PartyId[][] =>
    size === 0 ? [[]] : ids.flatMap((id, i) => subsets(ids.slice(i + 1), size - 1).map((rest) => [id, ...rest]));
  return subsets(allParties(n), t);
}

/** The two-phase switch keeps a key alive with t - 1 liars where the other parties are t or more (mpc/PROTOCOL.md, "The switch"). */
export function demandEnough({ n, t }: Threshold): void {
  if (n < 2 * t - 1)
    throw new Problem('session/too-few-parties', `Where ${t} must sign, ${2 * t - 1} parties or more hold a key, not ${n}.`, { n, threshold: t });
}
