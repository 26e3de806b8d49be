import { assert, isUuid } from '#base';

const FIRST_BYTES = 1_024;
const TEXT = new TextEncoder();

/** 0 to 15 for the codes of 0-9 and a-f. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => Math.max(0, '0123456789abcdef'.indexOf(String.fromCharCode(code))));

/**
 * Bytes one behind the other in a buffer that is used again for the next message. A record has a dozen members, and sealing takes every record of a book: an array
 * for each member took four times as long as hashing what they say.
 */
export class ByteWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  #end = 0;

  /** Forgets what was written: also what somebody left behind who could not go on. */
  restart(): void {
    this.#end = 0;
  }

  /** A copy of what was written since the restart. */
  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#end);
  }

  bytes(bytes: Uint8Array): void {
    const from = this.#room(bytes.length);
    this.#bytes.set(bytes, from);
  }

  /** Big-endian and unsigned, exactly `byteLength` bytes; a value that does not fit is a bug of ours. */
  uint(value: bigint | number, byteLength: number): void {
    const number = Number(value);
    // Nearly every value is one that a number holds exactly.
    if (!Number.isSafeInteger(number)) return this.#bigUint(BigInt(value), byteLength);
    assert(number >= 0 && number < 2 ** (8 * byteLength), `${value} does not fit ${byteLength} bytes`);
    const from = this.#room(byteLength);
    this.#bytes.fill(0, from, this.#end);
    for (let place = this.#end - 1, rest = number; rest > 0; place--, rest = Math.floor(rest / 256)) this.#bytes[place] = rest % 256;
  }

  uuid(id: string): void {
    assert(isUuid(id), `not a canonical UUID: ${id}`);
    let place = this.#room(16);
    for (let i = 0; i < id.length; i += 2) {
      // The dashes stand at odd distances from one another: after each the pairs begin one place later.
      if (id.charCodeAt(i) === 45) i += 1;
      this.#bytes[place++] = (DIGITS[id.charCodeAt(i)]! << 4) | DIGITS[id.charCodeAt(i + 1)]!;
    }
  }

  /** UTF-8 behind its length. */
  text(text: string, lengthBytes: number): void {
    const bytes = TEXT.encode(text);
    this.uint(bytes.length, lengthBytes);
    this.bytes(bytes);
  }

  #bigUint(value: bigint, byteLength: number): void {
    assert(value >= 0n && value < 1n << BigInt(8 * byteLength), `${value} does not fit ${byteLength} bytes`);
    const from = this.#room(byteLength);
    this.#bytes.fill(0, from, this.#end);
    for (let place = this.#end, rest = value; rest > 0n; rest >>= 8n) this.#bytes[--place] = Number(rest & 0xffn);
  }

  /** Where so many bytes more begin. */
  #room(count: number): number {
    const from = this.#end;
    this.#end += count;
    if (this.#end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#end));
      larger.set(this.#bytes.subarray(0, from));
      this.#bytes = larger;
    }
    return from;
  }
}
