import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, fromHex, uintBytes, utf8, type Hex } from './bytes.ts';
import { assert } from './problem.ts';

/** The atomic types our messages use (EIP-712 "Definition of typed structured data"): nested structs and arrays are deliberately absent. */
export type Eip712Type = 'address' | 'bytes16' | 'bytes32' | 'string' | 'uint8' | 'uint16' | 'uint32' | 'uint64' | 'uint128' | 'uint256';

export interface Eip712Struct {
  readonly name: string;
  readonly members: readonly (readonly [type: Eip712Type, name: string])[];
}

export type Eip712Message = Readonly<Record<string, Hex | string | bigint>>;

export interface Eip712Domain {
  readonly name: string;
  readonly version: string;
  readonly chainId: bigint;
  readonly verifyingContract: Hex;
}

const DOMAIN: Eip712Struct = {
  name: 'EIP712Domain',
  members: [
    ['string', 'name'],
    ['string', 'version'],
    ['uint256', 'chainId'],
    ['address', 'verifyingContract'],
  ],
};

function encodeValue(type: Eip712Type, value: Hex | string | bigint | undefined): Uint8Array {
  if (type === 'string') {
    assert(typeof value === 'string', 'an EIP-712 string is a string');
    return keccak_256(utf8(value));
  }
  if (type.startsWith('uint')) {
    assert(typeof value === 'bigint' && value >= 0n && value < 1n << BigInt(type.slice(4)), `${String(value)} is no ${type}`);
    return uintBytes(value, 32);
  }
  const bytes = fromHex(value as Hex);
  assert(bytes.length === (type === 'address' ? 20 : Number(type.slice(5))), `${String(value)} is no ${type}`);
  // Addresses are padded on the left like uint160, bytesN on the right.
  return type === 'address' ? concat(new Uint8Array(12), bytes) : concat(bytes, new Uint8Array(32 - bytes.length));
}

/** hashStruct(s) = keccak256(typeHash || encodeData(s)), EIP-712. */
export function hashStruct(struct: Eip712Struct, message: Eip712Message): Uint8Array {
  const encodeType = `${struct.name}(${struct.members.map(([type, name]) => `${type} ${name}`).join(',')})`;
  return keccak_256(concat(keccak_256(utf8(encodeType)), ...struct.members.map(([type, name]) => encodeValue(type, message[name]))));
}

/** hashStruct(EIP712Domain): what a contract's DOMAIN_SEPARATOR() is, where it has one. 32 bytes. */
export function domainSeparator(domain: Eip712Domain): Uint8Array {
  return hashStruct(DOMAIN, { ...domain });
}

/** The 32-byte digest that is signed: keccak256(0x1901 || domainSeparator || hashStruct(message)), EIP-712. */
export function hashTypedData(domain: Eip712Domain, struct: Eip712Struct, message: Eip712Message): Uint8Array {
  return keccak_256(concat(Uint8Array.of(0x19, 0x01), domainSeparator(domain), hashStruct(struct, message)));
}
