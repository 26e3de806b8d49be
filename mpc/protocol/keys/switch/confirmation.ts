/** Signed confirmations of a new epoch, and the bundle of all n of them (digest D4, 10.1, 10.3). Pure: the caller signs with the party's long-term identity, and says how a signature of one is checked. */
import { concat } from '#base';
import { abort } from '../../primitives/abort.ts';
import { equal } from '../../primitives/constantTime.ts';
import { HASH_BYTES } from '../../primitives/parameters.ts';
import { allParties, type PartyId } from '../../primitives/parties.ts';
import { doneDigest, encodeEpoch, readEpoch, type Epoch } from '../epoch.ts';
import { frame, unframe } from '../rounds.ts';

/** Of Ed25519 (RFC 8032), and of ECDSA over P-256 as r || s. */
const SIGNATURE_BYTES = 64;

/**
 * Whether `signature` is by party `party`, whose identity in that epoch is `identity`, over the 32 bytes of `digest`. Both are the bundle's word until its signatures hold: a party that was restored under a new
 * identity is the caller's to know by its old identity, never by `party` alone, or whoever puts the old one into its own place signs for it.
 */
export type Verify = (party: PartyId, identity: Uint8Array, digest: Uint8Array, signature: Uint8Array) => boolean;

export type Signatures = ReadonlyMap<PartyId, Uint8Array>;

/** An epoch, and the confirmations of all its parties: whoever holds it may promote the epoch. */
export interface Bundle {
  readonly epoch: Epoch;
  readonly signatures: Signatures;
}

export function confirmationMessage(epoch: Epoch, from: PartyId, signature: Uint8Array): Uint8Array {
  return frame({ kind: 'confirmation', sid: epoch.attempt, from }, doneDigest(epoch), signature);
}

/** The signature of `from` over exactly this epoch; mpc/confirmation-differs where it confirmed another result or somebody forged it. */
export function readConfirmation(epoch: Epoch, from: PartyId, bytes: Uint8Array, verify: Verify): Uint8Array {
  const reader = unframe(bytes, { kind: 'confirmation', sid: epoch.attempt, from }, HASH_BYTES + SIGNATURE_BYTES);
  const [digest, signature] = [reader.bytes(HASH_BYTES), reader.bytes(SIGNATURE_BYTES)];
  reader.end();
  if (!equal(digest, doneDigest(epoch))) throw abort('mpc/confirmation-differs', from, `Party ${from} confirmed another result.`);
  if (!isSigned(epoch, from, signature, verify)) throw abort('mpc/confirmation-differs', from, `The confirmation of party ${from} is not signed by it.`);
  return signature;
}

export function isSigned(epoch: Epoch, party: PartyId, signature: Uint8Array, verify: Verify): boolean {
  return signature.length === SIGNATURE_BYTES && verify(party, epoch.identities[party - 1]!, doneDigest(epoch), signature);
}

/** The epoch, then the signatures in id order, 64 bytes each. Confidential, because cc is in it. */
export function encodeBundle({ epoch, signatures }: Bundle): Uint8Array {
  return concat(encodeEpoch(epoch), ...allParties(epoch.n).map((party) => signatures.get(party)!));
}

/** The bundle that these bytes spell, or null. Whether the signatures are good is not looked at here, nor, before that is known, any arithmetic of its points: it may be anybody's invention. */
export function decodeBundle(bytes: Uint8Array): Bundle | null {
  const n = bytes.length < 3 ? 0 : (bytes[1]! << 8) | bytes[2]!;
  const split = bytes.length - n * SIGNATURE_BYTES;
  const epoch = n === 0 || split <= 0 ? null : readEpoch(bytes.subarray(0, split));
  if (!epoch) return null;
  return {
    epoch,
    signatures: new Map(
      allParties(n).map((party) => [party, Uint8Array.from(bytes.subarray(split + (party - 1) * SIGNATURE_BYTES, split + party * SIGNATURE_BYTES))]),
    ),
  };
}

export function isComplete({ epoch, signatures }: Bundle, verify: Verify): boolean {
  return allParties(epoch.n).every((party) => isSigned(epoch, party, signatures.get(party) ?? new Uint8Array(), verify));
}
