/**
 * The encrypted backup of one node (digest 11.3): its share and what is public of the epoch, sealed by HPKE to that node's own recovery key. A recovery key for all nodes would be a custodian of the whole
 * key. There is no parameter by which OT seeds, Delta, zero seeds or anything of a session could get in: what is restored signs only after section 4 was run afresh with every peer.
 */
import { concat, Problem, utf8, type RandomBytes } from '#base';
import { equal, wipe } from '../../primitives/constantTime.ts';
import { H, u16 } from '../../primitives/hash.ts';
import type { EpochId, KeyId } from '../../primitives/ids.ts';
import { HASH_BYTES } from '../../primitives/parameters.ts';
import type { PartyId } from '../../primitives/parties.ts';
import { drawn } from '../../primitives/scalars.ts';
import { decodeRecord, encodeRecord, type Epoch, type KeyRecord } from '../epoch.ts';
import { openBase, sealBase } from './hpke.ts';

const INFO = utf8('cairn node backup/v1');
const VERSION = 1;
/** version 1 || keyId 32 || epochId 32 || id 2, in clear so that an operator finds the right file, and authenticated. */
const HEADER_BYTES = 1 + HASH_BYTES + HASH_BYTES + 2;
const ENC_BYTES = 32;

/** What a backup gives back. RESTORED is not ACTIVE: a new channel identity, section 4 with every peer, and a test come first; POISON flags and counters come back from the peers. */
export interface Restored {
  readonly status: 'RESTORED';
  readonly record: KeyRecord;
  /** H of the policy that the node had; the policy itself is not secret and is kept elsewhere. */
  readonly policyHash: Uint8Array;
}

function headerOf({ keyId, epochId, id }: Pick<KeyRecord, 'keyId' | 'epochId' | 'id'>): Uint8Array {
  return concat(Uint8Array.of(VERSION), keyId, epochId, u16(id));
}

function aadOf(header: Uint8Array): Uint8Array {
  return H('backup-aad/v1', header);
}

/** header || enc 32 || ciphertext. `recoveryKey` is the node's own X25519 public key, 32 bytes; mpc/bad-parameters where it is none. */
export function sealBackup(record: KeyRecord, policyHash: Uint8Array, recoveryKey: Uint8Array, random: RandomBytes): Uint8Array {
  if (policyHash.length !== HASH_BYTES) throw new Problem('mpc/bad-parameters', `A policy hash has ${HASH_BYTES} bytes.`);
  const header = headerOf(record);
  const encoded = encodeRecord(record);
  const plaintext = concat(policyHash, encoded);
  try {
    const { enc, ciphertext } = sealBase(recoveryKey, INFO, aadOf(header), plaintext, drawn(32, random));
    return concat(header, enc, ciphertext);
  } catch (cause) {
    throw new Problem('mpc/bad-parameters', 'The recovery key is no X25519 public key.', {}, cause);
  } finally {
    wipe(encoded, plaintext);
  }
}

/** mpc/bad-backup unless it is a backup of exactly this party's share of this key, unchanged, by its recovery key, and x_i G == X_i. */
export function openBackup(backup: Uint8Array, recoverySecret: Uint8Array, expected: { readonly keyId: KeyId; readonly id: PartyId }): Restored {
  const header = backup.slice(0, HEADER_BYTES);
  const refuse = (why: string): never => {
    throw new Problem('mpc/bad-backup', why);
  };
  if (backup.length < HEADER_BYTES + ENC_BYTES || header[0] !== VERSION) return refuse('This is no backup of a node.');
  const sealed = { enc: backup.slice(HEADER_BYTES, HEADER_BYTES + ENC_BYTES), ciphertext: backup.slice(HEADER_BYTES + ENC_BYTES) };
  const plaintext = openBase(sealed, recoverySecret, INFO, aadOf(header)) ?? refuse('It was sealed for another recovery key, or was changed.');
  const record = decodeRecord(plaintext.subarray(HASH_BYTES)) ?? refuse('The share in it is not that of its public share.');
  const policyHash = plaintext.slice(0, HASH_BYTES);
  wipe(plaintext);
  if (!equal(headerOf(record), header)) return refuse('Its header names another share than is in it.');
  if (!equal(record.keyId, expected.keyId) || record.id !== expected.id) return refuse(`It is of party ${record.id} or of another key.`);
  return { status: 'RESTORED', record, policyHash };
}

/** Before section 4 with a peer that was restored: mpc/restored-epoch-stale unless its backup is of the epoch that is active here (11.3). */
export function admitRestored(active: Pick<Epoch, 'epochId'>, claimed: EpochId): void {
  if (!equal(active.epochId, claimed)) throw new Problem('mpc/restored-epoch-stale', 'The restored party holds a share of another epoch than the active one.');
}
