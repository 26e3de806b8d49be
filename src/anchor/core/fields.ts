import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, uintBytes, utf8, uuidBytes, type BookId } from '#base';
import { FIELD_NAMES, type FieldName, type Fields } from '#ledger/core';
import { inclusionPath, mth, verifyInclusion, type Hash } from './merkle.ts';

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

function fieldLeaves(fields: Fields, salt: Hash): Hash[] {
  return Array.from({ length: SLOTS }, (_, slot) => {
    const name = FIELD_NAMES[slot];
    return fieldLeaf(slot, fieldSalt(salt, slot), (name && fields[name]) ?? '');
  });
}

/** fieldsRoot = MTH(sixteen field leaves), all slots present even when empty. */
export function fieldsRoot(fields: Fields, salt: Hash): Hash {
  for (const name of Object.keys(fields)) assert(FIELD_NAMES.includes(name as FieldName), `there is no slot for a field named ${name}`);
  return mth(fieldLeaves(fields, salt));
}

export function fieldProof(fields: Fields, salt: Hash, name: FieldName): FieldProof {
  const slot = FIELD_NAMES.indexOf(name);
  return { name, value: fields[name] ?? '', salt: fieldSalt(salt, slot), path: inclusionPath(fieldLeaves(fields, salt), slot) };
}

export function verifyField({ name, value, salt, path }: FieldProof, root: Hash): boolean {
  const slot = FIELD_NAMES.indexOf(name);
  if (slot < 0 || salt.length !== 32) return false;
  return verifyInclusion(fieldLeaf(slot, salt, value), BigInt(slot), BigInt(SLOTS), path, root);
}
