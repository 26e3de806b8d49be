import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, domainSeparator, fromHex, hashTypedData, toHex, uintBytes, utf8, type Eip712Domain, type Eip712Struct, type Hex } from '#base';
import type { Role } from './intents.ts';

/**
 * "These tokens, which somebody sent to the address of this key, come into the vault": EIP-3009, receiveWithAuthorization, which the token takes from its recipient alone. Where they go, whom they
 * are credited to and the nonce are no members, because there is no choice: the vault, nobody, and what follows from `index`.
 */
export interface AuthorisationIntent {
  readonly kind: 'authorisation';
  readonly chainId: bigint;
  readonly vault: Hex;
  readonly token: Hex;
  /** Of the token's own EIP-712 domain. */
  readonly name: string;
  readonly version: string;
  /** The key whose address has the tokens, and which signs; and that address. */
  readonly holder: Role;
  readonly from: Hex;
  /** Minor units. */
  readonly value: bigint;
  readonly validBeforeS: number;
  /** How many authorisations of this token and address the token took before: each has one nonce, so that no money is moved by two. */
  readonly index: number;
}

export const AUTHORISATION_STRUCT: Eip712Struct = {
  name: 'ReceiveWithAuthorization',
  members: [
    ['address', 'from'],
    ['address', 'to'],
    ['uint256', 'value'],
    ['uint256', 'validAfter'],
    ['uint256', 'validBefore'],
    ['bytes32', 'nonce'],
  ],
};

/** What the vault calls such a deposit: no merchant's uuid, and not followed by zeros, so that nobody is ever credited and a person has to find out whose it is. 32 bytes. */
export const UNASSIGNED_REFERENCE: Hex = toHex(concat(new Uint8Array(16), utf8('cairn.unassigned')));

/** keccak("cairn.sweep" || chainId u256 || vault 20 || token 20 || from 20 || index u64): the vault's `salt`. */
export function sweepSalt({ chainId, vault, token, from, index }: Pick<AuthorisationIntent, 'chainId' | 'vault' | 'token' | 'from' | 'index'>): Hex {
  return toHex(keccak_256(concat(utf8('cairn.sweep'), uintBytes(chainId, 32), fromHex(vault), fromHex(token), fromHex(from), uintBytes(BigInt(index), 8))));
}

/** The vault takes no other nonce: keccak(reference || salt). */
export function sweepNonce(intent: Parameters<typeof sweepSalt>[0]): Hex {
  return toHex(keccak_256(concat(fromHex(UNASSIGNED_REFERENCE), fromHex(sweepSalt(intent)))));
}

/** What the token answers to DOMAIN_SEPARATOR() if its domain is the one that the intent names. 32 bytes. */
export function tokenSeparator(intent: Pick<AuthorisationIntent, 'name' | 'version' | 'chainId' | 'token'>): Hex {
  return toHex(domainSeparator(tokenDomain(intent)));
}

export function authorisationDigest(intent: AuthorisationIntent): Uint8Array {
  return hashTypedData(tokenDomain(intent), AUTHORISATION_STRUCT, {
    from: intent.from,
    to: intent.vault,
    value: intent.value,
    validAfter: 0n,
    validBefore: BigInt(intent.validBeforeS),
    nonce: sweepNonce(intent),
  });
}

function tokenDomain({ name, version, chainId, token }: Pick<AuthorisationIntent, 'name' | 'version' | 'chainId' | 'token'>): Eip712Domain {
  return { name, version, chainId, verifyingContract: token };
}
