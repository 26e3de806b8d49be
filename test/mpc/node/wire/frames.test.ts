import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { concat, Problem, toHex } from '#base';
import { createFrameReader, encodeFrame, type Frame } from '../../../../mpc/node/wire/frames.ts';

const payload = fc.uint8Array({ maxLength: 300 });
const call = fc.integer({ min: 0, max: 0xffffffff });
const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ kind: fc.constant('request' as const), call, method: fc.constantFrom('sign/r1', 'status', 'a/b-c/9'), payload }),
  fc.record({ kind: fc.constant('answer' as const), call, payload }),
  fc.record({ kind: fc.constant('refusal' as const), call, problem: fc.string().map((detail) => new Problem('wire/failed', detail, { n: detail.length })) }),
);

function shown(value: Frame): unknown {
  return value.kind === 'refusal'
    ? { ...value, problem: [value.problem.code, value.problem.detail, value.problem.facts] }
    : { ...value, payload: toHex(value.payload) };
}

describe('frames', () => {
  it('read back as they were, wherever the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (frames, cuts) => {
        const stream = concat(...frames.map(encodeFrame));
        const reader = createFrameReader(10_000);
        const read: Frame[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const next = at + cuts[i % cuts.length]!;
          read.push(...reader.push(stream.subarray(at, next)));
          at = next;
        }
        assert.deepEqual(read.map(shown), frames.map(shown));
      }),
    );
  });

  it('are refused or read, and never break the reader otherwise, whatever bytes come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          createFrameReader(100).push(bytes);
        } catch (error) {
          assert.ok(error instanceof Problem && error.code === 'wire/bad-frame', String(error));
        }
      }),
    );
  });

  it('are refused by their announced length before any of them is kept', () => {
    assert.throws(() => createFrameReader(100).push(Uint8Array.of(0, 0, 0, 101)), /wire\/bad-frame/);
    assert.deepEqual(createFrameReader(100).push(Uint8Array.of(0, 0, 0, 100)), []);
  });
});
