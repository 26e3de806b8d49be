import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, uintBytes, utf8, uuidBytes, type BookId } from '#base';
import { FIELD_NAMES, type FieldName, type Fields } from '#ledger/core';
import { messageHashes } from '../kernel/kernel.ts';
import { verifyInclusion, type Hash } from './merkle.ts';
import { merkleTree } from './tree.ts';

const SLOTS = 16;
const FIELD_LEAF = Uint8Array.of(0x00, 0x04);

/** The fieldsRoot of a record that carries no field at all. */
export const NO_FIELDS: Hash = new Uint8Array(32);

/** One field shown without the others. `path` has four siblings. */
export interface FieldProof {
  readonly name: FieldName;
  /** Canonical JSON; empty when the record has no such field. */
  readonly value: string;
  readonly salt: Hash;
  readonly path: readonly Hash[];
}

/** recordSalt = HMAC-SHA256(subjectKey, book || seq u64): gone with the subject's key. */
export function recordSalt(subjectKey: Uint8Array, book: BookId, seq: bigint): Hash {
  assert(subjectKey.length === 32, 'a subject key has 32 bytes');
  return hmac(sha256, subjectKey, concat(uuidBytes(book), uintBytes(seq, 8)));
}

/** salt = keccak(recordSalt || slot u8): shown with one field, it says nothing about the others. */
export function fieldSalt(salt: Hash, slot: number): Hash {
  assert(salt.length === 32, 'a record salt has 32 bytes');
  return keccak_256(concat(salt, uintBytes(slot, 1)));
}

function fieldLeaf(slot: number, salt: Hash, value: string): Hash {
  return keccak_256(concat(FIELD_LEAF, uintBytes(slot, 1), salt, utf8(value)));
}

/** All sixteen, flat: two calls of the batched kernel, since a record with evidence has forty-seven hashes beside its own. */
function fieldLeaves(fields: Fields, salt: Hash): Uint8Array {
  assert(salt.length === 32, 'a record salt has 32 bytes');
  const slots = Array.from({ length: SLOTS }, (_, slot) => uintBytes(slot, 1));
  const salts = messageHashes(slots.map((slot) => concat(salt, slot)));
  return messageHashes(
    slots.map((slot, i) => {
      const name = FIELD_NAMES[i];
      return concat(FIELD_LEAF, slot, salts.subarray(32 * i, 32 * i + 32), utf8((name && fields[name]) ?? ''));
    }),
  );
}

/** fieldsRoot = MTH(sixteen field leaves), all slots present even when empty. */
export function fieldsRoot(fields: Fields, salt: Hash): Hash {
  for (const name of Object.keys(fields)) assert(FIELD_NAMES.includes(name as FieldName), `there is no slot for a field named ${name}`);
  return merkleTree(fieldLeaves(fields, salt)).root;
}

export function fieldProof(fields: Fields, salt: Hash, name: FieldName): FieldProof {
  const slot = FIELD_NAMES.indexOf(name);
  return { name, value: fields[name] ?? '', salt: fieldSalt(salt, slot), path: merkleTree(fieldLeaves(fields, salt)).path(slot) };
}

export function verifyField({ name, value, salt, path }: FieldProof, root: Hash): boolean {
  const slot = FIELD_NAMES.indexOf(name);
  if (slot < 0 || salt.length !== 32) return false;
  return verifyInclusion(fieldLeaf(slot, salt, value), BigInt(slot), BigInt(SLOTS), path, root);
}
