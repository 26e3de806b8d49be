import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fromHex, Problem, type Hex } from '#base';
import { createMarkReader, readFrame, readMessage, statusFrame, type Mark } from '../../../src/cdc/core/core.ts';
import { beginBytes, commitBytes, insertBytes, keepaliveBytes, relationBytes, updateBytes } from '../support/messages.ts';

const BOOK = 'book_0198aaaa00007000800000000000cdc1';

/** What PostgreSQL 18.4 sent when a book was opened with nine records, and when a tenth was booked. */
const RECORDED: readonly Hex[] = [
  '0x6b00000000025e9c9800030430994e445b00',
  '0x7700000000025e9cd800000000025e9cd800030430994e60154200000000025ebf9800030430994e5e790000030a',
  '0x770000000000000000000000000000000000030430994e60555200004242626f6f6b5f3031393861616161303030303730303038303030303030303030303063646331006865616400640002007365710000000014ffffffff016f6e6c795f726f770000000010ffffffff',
  '0x7700000000025e9cd800000000025e9cd800030430994e607455000042424e0002740000000139740000000174',
  '0x7700000000025ebfc800000000025ebfc800030430994e60d9430000000000025ebf9800000000025ebfc800030430994e5e79',
  '0x7700000000025ebfc800000000025ebfc80003043099561eda4200000000025ec1c00003043099561d660000030b',
  '0x7700000000025ebfc800000000025ebfc80003043099561ee455000042424e000274000000023130740000000174',
  '0x7700000000025ec1f000000000025ec1f00003043099561eec430000000000025ec1c000000000025ec1f00003043099561d66',
  '0x6b00000000025ec1f000030430995df5e101',
];

function marksIn(frames: readonly Uint8Array[]): Mark[] {
  const read = createMarkReader();
  return frames.map(readFrame).flatMap((frame) => (frame.kind === 'data' ? read(readMessage(frame.message)) : []));
}

const isUnreadable = (error: unknown) => error instanceof Problem && error.code === 'store/unreadable-stream';

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((text) => !text.includes('\0'));
const value = fc.oneof(fc.constant(null), fc.constant(undefined), fc.string({ unit: 'grapheme', maxLength: 20 }));
const oid = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const lsn = fc.bigInt(0n, 2n ** 64n - 1n);

describe('the messages of a logical replication', () => {
  it('say what a server said when they were recorded', () => {
    const frames = RECORDED.map(fromHex);
    assert.deepEqual(marksIn(frames), [
      { schema: BOOK, seq: 9n },
      { schema: BOOK, seq: 10n },
    ]);
    assert.deepEqual(readFrame(frames[0]!), { kind: 'keepalive', end: 0x25e9c98n, wantsReply: false });
    assert.deepEqual(readFrame(frames.at(-1)), { kind: 'keepalive', end: 0x25ec1f0n, wantsReply: true });
    const relation = readFrame(frames[2]!);
    assert.ok(relation.kind === 'data');
    assert.deepEqual(readMessage(relation.message), { kind: 'relation', relation: 0x4242, schema: BOOK, table: 'head', columns: ['seq', 'only_row'] });
  });

  it('are read as they were written, whatever they hold', () => {
    fc.assert(
      fc.property(oid, name, name, fc.array(name, { maxLength: 5 }), (relation, schema, table, columns) => {
        assert.deepEqual(readMessage(relationBytes({ relation, schema, table, columns })), { kind: 'relation', relation, schema, table, columns });
      }),
    );
    fc.assert(
      fc.property(
        oid,
        fc.array(value, { maxLength: 5 }),
        fc.option(fc.tuple(fc.constantFrom('K', 'O'), fc.array(value, { maxLength: 3 }))),
        (relation, values, old) => {
          assert.deepEqual(readMessage(updateBytes({ relation, values, old })), { kind: 'update', relation, values });
        },
      ),
    );
    fc.assert(fc.property(lsn, (end) => assert.deepEqual(readMessage(commitBytes(end)), { kind: 'commit', end })));
    fc.assert(
      fc.property(lsn, fc.boolean(), (end, wantsReply) => assert.deepEqual(readFrame(keepaliveBytes(end, wantsReply)), { kind: 'keepalive', end, wantsReply })),
    );
  });

  it('are refused as unreadable, and never by anything else, where they are cut short or are none', () => {
    for (const frame of RECORDED.map(fromHex)) {
      for (let length = 0; length < frame.length; length++) {
        const cut = frame.subarray(0, length);
        assert.throws(() => {
          const read = readFrame(cut);
          // A message that says nothing here is not looked into.
          if (read.kind === 'data' && readMessage(read.message).kind === 'other') throw new Problem('store/unreadable-stream', 'not looked into');
        }, isUnreadable);
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom('R', 'U', 'C', 'B', '?'), (bytes, tag) => {
        try {
          readMessage(new Uint8Array([tag.charCodeAt(0), ...bytes]));
        } catch (error) {
          assert.ok(isUnreadable(error), String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('give the marks of a transaction when it is committed, and not before', () => {
    const read = createMarkReader();
    const say = (bytes: Uint8Array) => read(readMessage(bytes));
    assert.deepEqual(say(relationBytes({ relation: 7, schema: 'book_a', table: 'head', columns: ['only_row', 'seq'] })), []);
    assert.deepEqual(say(relationBytes({ relation: 8, schema: 'book_b', table: 'head', columns: ['seq', 'only_row'] })), []);
    assert.deepEqual(say(beginBytes()), []);
    assert.deepEqual(say(updateBytes({ relation: 7, values: ['t', '41'], old: null })), []);
    assert.deepEqual(say(updateBytes({ relation: 8, values: ['9223372036854775807', 't'], old: null })), []);
    assert.deepEqual(say(commitBytes(99n)), [
      { schema: 'book_a', seq: 41n },
      { schema: 'book_b', seq: 9_223_372_036_854_775_807n },
    ]);
    assert.deepEqual(say(commitBytes(100n)), []);
    assert.throws(() => say(updateBytes({ relation: 9, values: ['1'], old: null })), isUnreadable, 'of a table that was not described');
    assert.throws(() => say(updateBytes({ relation: 7, values: ['t', null], old: null })), isUnreadable, 'without its seq');
    assert.deepEqual(say(insertBytes()), []);
  });

  it('answer with the position that is dealt with, three times, and the time since 2000', () => {
    const frame = statusFrame({ lsn: 0x0102030405060708n, nowMs: Date.UTC(2000, 0, 1) + 5, wantsReply: true });
    const lsnHex = '0102030405060708';
    assert.equal(Buffer.from(frame).toString('hex'), `72${lsnHex.repeat(3)}${(5000).toString(16).padStart(16, '0')}01`);
  });
});
