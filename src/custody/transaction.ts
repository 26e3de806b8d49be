import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, fromHex, toHex, uintBytes, type Hex } from '#base';
import type { Signature } from './signature.ts';

/** A call that an account of its own sends and pays for: type 2 of EIP-2718 (EIP-1559) with an empty access list. Amounts are wei. */
export interface UnsignedTransaction {
  readonly chainId: bigint;
  readonly nonce: bigint;
  readonly maxPriorityFeePerGas: bigint;
  readonly maxFeePerGas: bigint;
  readonly gas: bigint;
  readonly to: Hex;
  readonly value: bigint;
  readonly data: Hex;
}

type Item = Uint8Array | readonly Item[];

const TYPE_2 = Uint8Array.of(0x02);

/** A number as RLP takes it: big-endian without leading zeros, so that zero is empty (Yellow Paper, appendix B). */
function scalar(value: bigint): Uint8Array {
  const digits = value.toString(16);
  return value === 0n ? new Uint8Array() : uintBytes(value, Math.ceil(digits.length / 2));
}

/** What stands before a payload: its kind and length (Yellow Paper, appendix B, equations 199 and 202). */
function prefix(offset: number, length: number): Uint8Array {
  if (length < 56) return Uint8Array.of(offset + length);
  const size = scalar(BigInt(length));
  return concat(Uint8Array.of(offset + 55 + size.length), size);
}

/** RLP, by hand because the pure cores have no chain library. */
function rlp(item: Item): Uint8Array {
  if (item instanceof Uint8Array) return item.length === 1 && item[0]! < 0x80 ? item : concat(prefix(0x80, item.length), item);
  const payload = concat(...item.map(rlp));
  return concat(prefix(0xc0, payload.length), payload);
}

function fields({ chainId, nonce, maxPriorityFeePerGas, maxFeePerGas, gas, to, value, data }: UnsignedTransaction): Item[] {
  const destination = fromHex(to);
  assert(destination.length === 20, `${to} is no address`);
  return [scalar(chainId), scalar(nonce), scalar(maxPriorityFeePerGas), scalar(maxFeePerGas), scalar(gas), destination, scalar(value), fromHex(data), []];
}

/** What the account signs: keccak256(0x02 || rlp([chain_id, nonce, max_priority_fee_per_gas, max_fee_per_gas, gas_limit, destination, amount, data, access_list])), EIP-1559. 32 bytes. */
export function transactionDigest(transaction: UnsignedTransaction): Uint8Array {
  return keccak_256(concat(TYPE_2, rlp(fields(transaction))));
}

/** The bytes that anybody can hand to a node: 0x02 || rlp([..., signature_y_parity, signature_r, signature_s]), EIP-1559. */
export function signedTransaction(transaction: UnsignedTransaction, signature: Signature): Hex {
  const bytes = fromHex(signature);
  const [r, s] = [BigInt(toHex(bytes.slice(0, 32))), BigInt(toHex(bytes.slice(32, 64)))];
  return toHex(concat(TYPE_2, rlp([...fields(transaction), scalar(BigInt(bytes[64]! - 27)), scalar(r), scalar(s)])));
}
