import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { keccak_256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import {
  BODIES,
  canonicalJson,
  encodeRecord,
  fieldProof,
  NO_FIELDS,
  parseCanonicalJson,
  recordFieldsRoot,
  recordFromJson,
  recordLeaf,
  recordSalt,
  recordToJson,
  verifyField,
  type JsonValue,
} from '#anchor/core';
import { fromHex, Problem, toHex, type BookId, type Hex } from '#base';
import { FIELD_NAMES, KIND_NUMBERS, type LedgerRecord, type RecordKind } from '#ledger/core';

interface RecordVectors {
  readonly chainId: string;
  readonly book: BookId;
  readonly subjectKey: Hex;
  readonly kinds: readonly number[];
  readonly fieldsRoots: readonly Hex[];
  readonly preimages: readonly Hex[];
  readonly leaves: readonly Hex[];
  readonly records: readonly Record<string, JsonValue>[];
}

function load<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8')) as T;
}

const VECTORS = load<RecordVectors>('records.json');
const CONTEXT = { chainId: BigInt(VECTORS.chainId), book: VECTORS.book };

/** Members that any text fits (the code of a refusal is one). */
const TEXTS = ['peg', 'symbol', 'caip19', 'code', 'schedule'];

/** A vector's record as the ledger has it. */
function recordOf(json: Record<string, JsonValue>): LedgerRecord {
  const { fields, subject, ...bare } = json;
  return { ...recordFromJson(bare), ...(fields ? { fields, subject } : {}) } as LedgerRecord;
}

describe('records', () => {
  it('of every kind of docs/formats.md have the bodies it lays out', () => {
    const formats = readFileSync('docs/formats.md', 'utf8');
    for (const [kind, no] of Object.entries(KIND_NUMBERS) as [RecordKind, number][]) {
      const row = new RegExp(`^\\| ${no} \\| ${kind} \\| (.*) \\|$`, 'm').exec(formats)?.[1];
      assert.ok(row, `docs/formats.md has kind ${no} ${kind}`);
      // The types in the order of the table; the table's text and JSON stand behind a length of their own.
      const types = [...row.matchAll(/\b(u8|u16|u32|u64|u128|uuid|20|32)\b(?=[,| ]|$)/g)].map(([type]) => type);
      const ours = BODIES[kind].map(
        ([, encoding]) => ({ address: '20', bytes32: '32', ms: 'u64', s: 'u64', text: 'u16', about: 'u16', json: 'u32' })[encoding as string] ?? encoding,
      );
      assert.deepEqual(types, ours, `the body of ${kind}`);
    }
  });

  it('are all in the vectors, and hash to what those say', () => {
    assert.deepEqual(new Set(VECTORS.kinds), new Set(Object.values(KIND_NUMBERS)));
    VECTORS.records.forEach((json, i) => {
      const record = recordOf(json);
      const salt = record.fields ? recordSalt(fromHex(VECTORS.subjectKey), VECTORS.book, record.seq) : null;
      const root = recordFieldsRoot(record, salt);
      assert.equal(toHex(root), VECTORS.fieldsRoots[i]);
      assert.equal(toHex(encodeRecord(CONTEXT, record, root)), VECTORS.preimages[i]);
      assert.equal(toHex(recordLeaf(CONTEXT, record, root)), VECTORS.leaves[i]);
      assert.equal(toHex(keccak_256(fromHex(VECTORS.preimages[i]!))), VECTORS.leaves[i]);
    });
  });

  it('are encoded alike after one that could not be, and after one that is longer than any buffer', () => {
    const transfer = recordOf(VECTORS.records.find(({ kind }) => kind === 'transfer')!);
    const preimage = toHex(encodeRecord(CONTEXT, transfer, NO_FIELDS));
    for (const broken of [{ amount: 1n << 128n }, { amount: -1n }, { reference: 'none' as never }, { code: 65_536 }])
      assert.throws(() => encodeRecord(CONTEXT, { ...transfer, ...broken } as LedgerRecord, NO_FIELDS), /assertion failed/);
    assert.equal(toHex(encodeRecord(CONTEXT, transfer, NO_FIELDS)), preimage);
    const tariff = recordOf(VECTORS.records.find(({ kind }) => kind === 'tariff')!);
    const long = encodeRecord(CONTEXT, { ...tariff, schedule: JSON.stringify('x'.repeat(100_000)) } as LedgerRecord, NO_FIELDS);
    assert.equal(Buffer.from(long.subarray(-100_002)).toString(), JSON.stringify('x'.repeat(100_000)));
    assert.equal(toHex(encodeRecord(CONTEXT, transfer, NO_FIELDS)), preimage);
  });

  it('bind chain, book, seq, time and every member of the body: a change of any is another leaf', () => {
    for (const json of VECTORS.records) {
      const record = recordOf(json);
      const leaf = toHex(recordLeaf(CONTEXT, record, NO_FIELDS));
      const others = [
        recordLeaf({ ...CONTEXT, chainId: 1n }, record, NO_FIELDS),
        recordLeaf({ ...CONTEXT, book: '018f0000-0000-7000-8000-00000000b00d' as BookId }, record, NO_FIELDS),
        recordLeaf(CONTEXT, record, fromHex(VECTORS.leaves[0]!)),
        ...Object.keys(json)
          .filter((member) => !['kind', 'fields', 'subject'].includes(member))
          .map((member) => recordLeaf(CONTEXT, recordOf({ ...json, [member]: another(member, json[member]!) }), NO_FIELDS)),
      ].map(toHex);
      assert.ok(!others.includes(leaf), record.kind);
      assert.equal(new Set(others).size, others.length, record.kind);
    }
  });

  it('read back from JSON as they were, and are refused with any member missing, added or out of range', () => {
    for (const json of VECTORS.records) {
      const record = recordOf(json);
      assert.deepEqual(recordToJson(recordFromJson(recordToJson(record)) as LedgerRecord), recordToJson(record));
      const bare = recordToJson(record);
      for (const member of Object.keys(bare)) {
        const { [member]: _, ...missing } = bare;
        const wrongValues = [{}, -1, 2 ** 60, ...(TEXTS.includes(member) ? [] : ['01'])];
        for (const wrong of [missing, { ...bare, extra: 1 }, ...wrongValues.map((value) => ({ ...bare, [member]: value }))]) {
          assert.throws(() => recordFromJson(wrong), Problem, `${record.kind}.${member}: ${JSON.stringify(wrong)}`);
        }
      }
    }
    for (const wrong of [null, [], 'text', { kind: 'toString' }, { kind: 1 }]) assert.throws(() => recordFromJson(wrong), Problem);
  });
});

function another(member: string, value: JsonValue): JsonValue {
  if (member === 'schedule') return '{}';
  if (typeof value === 'number') return value > 0 ? value - 1 : value + 1;
  if (value === null) return 'eip155:1/erc20:0x00';
  const text = value as string;
  if (/^\d+$/.test(text)) return (BigInt(text) > 0n ? BigInt(text) - 1n : 1n).toString();
  return text.slice(0, -1) + (text.endsWith('0') ? '1' : '0');
}

describe('fields', () => {
  const {
    recordSalt: saltHex,
    root,
    names,
    values,
    salts,
    paths,
  } = load<{
    readonly recordSalt: Hex;
    readonly root: Hex;
    readonly names: readonly (typeof FIELD_NAMES)[number][];
    readonly values: readonly string[];
    readonly salts: readonly Hex[];
    readonly paths: readonly Hex[][];
  }>('fields.json');
  const fields = Object.fromEntries(names.flatMap((name, i) => (values[i] === '' ? [] : [[name, values[i]!]])));

  it('are each shown without the others, by the salt and path of the vectors', () => {
    names.forEach((name, slot) => {
      const proof = fieldProof(fields, fromHex(saltHex), name);
      assert.deepEqual([toHex(proof.salt), proof.path.map(toHex), proof.value], [salts[slot], paths[slot], values[slot]]);
      assert.ok(verifyField(proof, fromHex(root)));
    });
  });

  it('that are absent are provably empty', () => {
    const proof = fieldProof(fields, fromHex(saltHex), 'travelRule');
    assert.equal(proof.value, '');
    assert.ok(!verifyField({ ...proof, value: '{}' }, fromHex(root)));
  });

  it('cannot be shown as another field, with another value, salt or path', () => {
    fc.assert(
      fc.property(fc.nat({ max: names.length - 1 }), fc.nat({ max: names.length - 1 }), fc.nat({ max: 255 }), (at, other, bit) => {
        const proof = fieldProof(fields, fromHex(saltHex), names[at]!);
        const flip = (hash: Uint8Array) => hash.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        if (at !== other) assert.ok(!verifyField({ ...proof, name: names[other]! }, fromHex(root)));
        assert.ok(!verifyField({ ...proof, value: `${proof.value} ` }, fromHex(root)));
        assert.ok(!verifyField({ ...proof, salt: flip(proof.salt) }, fromHex(root)));
        assert.ok(!verifyField({ ...proof, path: proof.path.with(bit % 4, flip(proof.path[bit % 4]!)) }, fromHex(root)));
        assert.ok(!verifyField({ ...proof, path: proof.path.slice(1) }, fromHex(root)));
      }),
    );
  });

  it('in a slot that does not exist are refused, and so are fields without a salt', () => {
    assert.throws(() => recordFieldsRoot({ fields: { secret: '1' } as never }, fromHex(saltHex)), /no slot/);
    assert.throws(() => recordFieldsRoot({ fields: { order: '1' } }, null), /subject/);
    assert.deepEqual(recordFieldsRoot({ fields: {} }, null), NO_FIELDS);
  });
});

describe('canonical JSON', () => {
  it('spells as RFC 8785 does: sorted by UTF-16 units, no blanks, shortest escapes', () => {
    assert.equal(
      canonicalJson({ b: [1, true, null], a: 'é"\\\n\u0001', '\u20ac': 0, '\ud83d\ude02': -5, '\ufb33': {} }),
      '{"a":"é\\"\\\\\\n\\u0001","b":[1,true,null],"€":0,"😂":-5,"\ufb33":{}}',
    );
  });

  it('reads what it writes, and refuses every other spelling of the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        const json = safe(value as JsonValue);
        if (json === null) return;
        assert.deepEqual(canonicalJson(parseCanonicalJson(json)), json);
        assert.throws(() => parseCanonicalJson(` ${json}`), Problem);
      }),
    );
    for (const wrong of ['', '{"b":1,"a":2}', '{"a":1,"a":1}', '[1.0]', '1e3', '"\\u0041"', '1.5', '9007199254740993', '"\\ud800"', '-0', '{a:1}']) {
      assert.throws(() => parseCanonicalJson(wrong), Problem, wrong);
    }
  });
});

function safe(value: JsonValue): string | null {
  try {
    return canonicalJson(value);
  } catch (error) {
    assert.ok(error instanceof Problem);
    return null;
  }
}
