import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { encodeParts, H, H512, list, u16, u32, XOF } from '../../../../mpc/protocol/primitives/hash.ts';
import { q } from '../../../../mpc/protocol/primitives/scalars.ts';
import { TAGS } from '../../../../mpc/protocol/primitives/tags.ts';
import { concat, utf8 } from '#base';

const PROTOCOL = join(import.meta.dirname, '../../../../mpc/protocol');
const parts = fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 5 });
const tag = fc.constantFrom(...TAGS);

/** The encoding read back: what an injective function must allow. */
function decode(bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const read: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint32(at);
    read.push(Buffer.from(bytes.subarray(at + 4, at + 4 + length)).toString('latin1'));
    at += 4 + length;
  }
  return read;
}

describe('hashing of the protocol', () => {
  it('T-19 the encoding of a tag and its parts can be read back, so no two of them have the same bytes', () => {
    fc.assert(
      fc.property(tag, parts, (name, items) => {
        assert.deepEqual(decode(encodeParts(name, items)), [name, ...items.map((item) => Buffer.from(item).toString('latin1'))]);
      }),
    );
  });

  it('T-19 moving a boundary between parts, or a byte from the tag, makes another hash', () => {
    fc.assert(
      fc.property(tag, fc.uint8Array({ minLength: 2, maxLength: 40 }), fc.nat(), fc.nat(), (name, bytes, a, b) => {
        const [first, second] = [a % (bytes.length + 1), b % (bytes.length + 1)];
        fc.pre(first !== second);
        const cut = (at: number): string => Buffer.from(H(name, bytes.slice(0, at), bytes.slice(at))).toString('hex');
        assert.notEqual(cut(first), cut(second));
        assert.notEqual(cut(first), Buffer.from(H(name, bytes)).toString('hex'));
      }),
    );
  });

  it('T-19 a list is one part that says how many items it has', () => {
    assert.deepEqual(list([u16(1), u16(2)], 2), Uint8Array.of(0, 0, 0, 2, 0, 1, 0, 2));
    assert.throws(() => list([u16(1), u32(2)], 2), /2 bytes, not 4/);
  });

  it('T-19 every tag is in the list once, and every tag that the sources name is in the list', () => {
    assert.equal(new Set(TAGS).size, TAGS.length);
    const named = readdirSync(PROTOCOL, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.name.endsWith('.ts') && entry.name !== 'tags.ts')
      .flatMap((entry) => [...readFileSync(join(entry.parentPath, entry.name), 'utf8').matchAll(/'([a-z0-9-]+\/v\d+)'/g)].map((match) => match[1]!));
    assert.ok(named.includes('ctx/v1'));
    assert.deepEqual(
      named.filter((name) => !(TAGS as readonly string[]).includes(name)),
      [],
    );
  });

  it('H, H512 and XOF are SHA-256, SHA-512 and SHAKE256 of that encoding', () => {
    const encoded = concat(Uint8Array.of(0, 0, 0, 6), utf8('ctx/v1'), Uint8Array.of(0, 0, 0, 2, 7, 8));
    const part = Uint8Array.of(7, 8);
    assert.equal(Buffer.from(H('ctx/v1', part)).toString('hex'), createHash('sha256').update(encoded).digest('hex'));
    assert.equal(H512('ctx/v1', part), BigInt(`0x${createHash('sha512').update(encoded).digest('hex')}`) % q);
    assert.equal(Buffer.from(XOF('ctx/v1', 68, part)).toString('hex'), createHash('shake256', { outputLength: 68 }).update(encoded).digest('hex'));
  });

  it('numbers that do not fit are refused', () => {
    for (const value of [-1, 65_536, 1.5]) assert.throws(() => u16(value), /no u16/);
    for (const value of [-1, 2 ** 32, 1.5]) assert.throws(() => u32(value), /no u32/);
    assert.deepEqual(u32(0x0102_0304), Uint8Array.of(1, 2, 3, 4));
  });
});
