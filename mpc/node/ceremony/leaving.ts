import { createPublicKey, verify } from 'node:crypto';
import { fromHex, isHex, Problem, toHex, type Hex } from '#base';
import type { Role } from '#custody/intents';
import { decodeEpoch, encodeEpoch, type Epoch, type Verify } from '#mpc/protocol';
import { epochDataOf, type EpochData } from '../session/session.ts';
import type { EpochRecord } from '../store/store.ts';
import { fingerprintOf, publicKeyInfo } from '../wire/wire.ts';
import { fingerprintOfAnchor, keyAnchorOf } from './anchor.ts';
import { partiesOf, publicKeyOf, type Group } from './peers.ts';

/** The confirmations of all parties of an epoch with the keys that they are by, for a party that is not among them (digest 11.1, 10.3). Confidential, because the chain code is in it. */
interface LeavingProof {
  readonly format: 'cairn-leaving-proof/1';
  readonly role: Role;
  readonly epoch: Hex;
  /** In the order of their numbers. */
  readonly parties: readonly { readonly publicKey: Hex; readonly signature: Hex }[];
}

/** Of an epoch that is in use here; node/confirmations-missing where it came from a backup, which has none. */
export function leavingProofOf(group: Group, record: EpochRecord): LeavingProof {
  const { role, epoch } = epochDataOf(record);
  const { bundle } = record;
  if (!bundle) throw new Problem('node/confirmations-missing', `Epoch ${record.epoch} came back from a backup, and has no confirmations here.`, { role });
  const signatures = new Map(bundle.map(({ party, signature }) => [party, signature]));
  const parties = partiesOf(group).map((party) => ({ publicKey: toHex(publicKeyOf(group, party).subarray(-32)), signature: signatures.get(party)! }));
  return { format: 'cairn-leaving-proof/1', role, epoch: toHex(encodeEpoch(epoch)), parties };
}

interface Leaving {
  readonly epoch: Epoch;
  readonly confirmations: readonly Uint8Array[];
  /** By the keys in the proof, each of which is the one that the epoch names. */
  readonly verify: Verify;
}

/**
 * What lets this node erase its share: the epoch whose anchor the remaining operators read aloud, which does not have this node in it. session/bad-anchor where it is another one than they read, or this node is in it,
 * mpc/malformed-message where the proof has another form.
 */
export function readLeavingProof(value: unknown, reads: string, own: string, held: EpochData): Leaving {
  const { role, epoch: hex, parties } = (value ?? {}) as LeavingProof;
  const isWhole =
    (value as LeavingProof | null)?.format === 'cairn-leaving-proof/1' &&
    typeof hex === 'string' &&
    isHex(hex) &&
    Array.isArray(parties) &&
    parties.every(({ publicKey, signature }) => typeof publicKey === 'string' && isHex(publicKey, 32) && typeof signature === 'string' && isHex(signature, 64));
  const epoch = isWhole ? decodeEpoch(fromHex(hex)) : null;
  if (!epoch || role !== held.role || parties.length !== epoch.n)
    throw new Problem('mpc/malformed-message', `This is no proof that the ${held.role} key has gone to others.`);
  if (fingerprintOfAnchor(keyAnchorOf({ role, epoch, founders: held.founders })) !== reads)
    throw new Problem('session/bad-anchor', 'The proof is of another epoch than the one whose anchor was read aloud.');
  const names = epoch.identities.map((identity) => Buffer.from(identity).toString('hex'));
  if (names.includes(own)) throw new Problem('session/bad-anchor', 'This node is a party of that epoch: it does not leave.');
  const keys = new Map(parties.map(({ publicKey }) => [fingerprintOf(publicKeyInfo(fromHex(publicKey))) as string, publicKeyInfo(fromHex(publicKey))]));
  return {
    epoch,
    confirmations: parties.map(({ signature }) => fromHex(signature)),
    verify: (_party, identity, digest, signature) => {
      const key = keys.get(Buffer.from(identity).toString('hex'));
      return key !== undefined && verify(null, digest, createPublicKey({ key: Buffer.from(key), format: 'der', type: 'spki' }), signature);
    },
  };
}
