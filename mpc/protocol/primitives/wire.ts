import { abort } from './abort.ts';
import { COMPRESSED_BYTES, POINT_BYTES, SCALAR_BYTES } from './parameters.ts';
import type { PartyId } from './parties.ts';
import { compressedPointOf, pointOf, type Point } from './points.ts';
import { scalarOf } from './scalars.ts';

/**
 * Reads one message of an authenticated sender: exact length, exact order, nothing after the end (2.3). The length is checked before the content is touched, and whatever is
 * wrong is mpc/malformed-message with the sender as the culprit. What it gives out are copies: the caller's buffer may be used again, also where it is a Node Buffer, whose own slice() is a view of it.
 */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #from: PartyId;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Uint8Array, byteLength: number, from: PartyId, what: string) {
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#from = from;
    this.#what = what;
    if (bytes.length !== byteLength) this.#refuse(`has ${bytes.length} bytes instead of ${byteLength}`);
  }

  bytes(length: number): Uint8Array {
    const part = this.#bytes.slice(this.#at, this.#at + length);
    if (part.length !== length) this.#refuse(`ends within a field at byte ${this.#at}`);
    this.#at += length;
    return part;
  }

  /** A scalar in [0, q). */
  scalar(): bigint {
    const at = this.#at;
    return scalarOf(this.bytes(SCALAR_BYTES)) ?? this.#refuse(`has a scalar that is not below q at byte ${at}`);
  }

  /** 65 bytes, on the curve, not O. */
  point(): Point {
    const at = this.#at;
    return pointOf(this.bytes(POINT_BYTES)) ?? this.#refuse(`has no point of the curve at byte ${at}`);
  }

  /** 33 bytes, on the curve, not O: in base OT only. */
  compressedPoint(): Point {
    const at = this.#at;
    return compressedPointOf(this.bytes(COMPRESSED_BYTES)) ?? this.#refuse(`has no point of the curve at byte ${at}`);
  }

  u16(): number {
    const [high = 0, low = 0] = this.bytes(2);
    return (high << 8) | low;
  }

  u32(): number {
    return this.u16() * 0x1_0000 + this.u16();
  }

  /** Every decoder ends with it. */
  end(): void {
    if (this.#at !== this.#bytes.length) this.#refuse(`goes on after its end at byte ${this.#at}`);
  }

  #refuse(why: string): never {
    throw abort('mpc/malformed-message', this.#from, `${this.#what} of party ${this.#from} ${why}.`);
  }
}
