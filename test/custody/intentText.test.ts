import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { Problem, type BookId, type Hex, type WindowId } from '#base';
import { intentFromJson, intentToJson, type Intent } from '#custody/intents';

const hex = (bytes: number): fc.Arbitrary<Hex> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => `0x${Buffer.from(value).toString('hex')}` satisfies Hex);
const uint = (bits: number): fc.Arbitrary<bigint> => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });

const intent: fc.Arbitrary<Intent> = fc.oneof(
  fc.record({ kind: fc.constant('anchor' as const), chainId: uint(64), anchor: hex(20), previous: hex(32), leaf: hex(32) }),
  fc.record({ kind: fc.constant('cancel' as const), chainId: uint(64), vault: hex(20), instruction: hex(32), index: fc.nat(255) }),
  fc.record({
    kind: fc.constant('governance' as const),
    chainId: uint(64),
    safe: hex(20),
    to: hex(20),
    value: uint(256),
    data: fc.nat(90).chain(hex),
    nonce: uint(256),
  }),
  fc.record({
    kind: fc.constant('timelockCancel' as const),
    chainId: uint(64),
    timelock: hex(20),
    operation: hex(32),
    nonce: uint(64),
    gas: uint(64),
    maxFeePerGas: uint(96),
    maxPriorityFeePerGas: uint(96),
  }),
  fc.record({
    kind: fc.constant('authorisation' as const),
    chainId: uint(256),
    vault: hex(20),
    token: hex(20),
    name: fc.constantFrom('', 'USD Coin', 'Test token €', 'a'.repeat(64)),
    version: fc.constantFrom('', '1', '2'),
    holder: fc.constantFrom('poster' as const, 'vault' as const, 'owner' as const),
    from: hex(20),
    value: uint(256),
    validBeforeS: fc.nat(),
    index: fc.nat(),
  }),
  fc.record({
    kind: fc.constant('instruction' as const),
    chainId: uint(64),
    vault: hex(20),
    instruction: fc.record({
      book: fc.uuid().map((id) => id as BookId),
      window: fc.uuid().map((id) => id as WindowId),
      index: fc.nat(0xffff),
      token: hex(20),
      listHash: hex(32),
      count: fc.nat(255),
      total: uint(128),
      notAfterS: fc.nat(),
    }),
  }),
);

const isRefusal = (error: unknown): boolean => error instanceof Problem && error.code === 'custody/bad-intent';

/** Every path to a member, the root included. */
function paths(value: unknown, at: readonly string[] = []): string[][] {
  const inner = typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([key, member]) => paths(member, [...at, key])) : [];
  return [[...at], ...inner];
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  return key === undefined ? by : { ...(value as object), [key]: replaced((value as Record<string, unknown>)[key], rest, by) };
}

const NOTHING = [undefined, null, -1, 1.5, 2 ** 60, '', '0X00', '0x0', '01', '-1', '1e3', 'ff', '9'.repeat(79), [], {}, true];
/** Of what a token may call itself anything else is some text. */
const NO_TEXT = [undefined, null, 7, [], 'a'.repeat(65), 'two\nlines', 'half \ud800', 'hidden \u202e'];

describe('intents in JSON', () => {
  it('read back as they were', () => {
    fc.assert(fc.property(intent, (value) => assert.deepEqual(intentFromJson(JSON.parse(intentToJson(value))), structuredClone(value))));
  });

  it('are refused with any member missing, added, or of another form', () => {
    fc.assert(
      fc.property(intent, (value) => {
        const json: unknown = JSON.parse(intentToJson(value));
        for (const path of paths(json)) {
          const isText = ['name', 'version'].includes(path.join('.'));
          for (const wrong of isText ? NO_TEXT : NOTHING)
            assert.throws(() => intentFromJson(replaced(json, path, wrong)), isRefusal, `${path.join('.')} = ${JSON.stringify(wrong)}`);
        }
        assert.throws(() => intentFromJson({ ...(json as object), digest: `0x${'00'.repeat(32)}` }), isRefusal);
      }),
      { numRuns: 20 },
    );
  });

  it('are of a known kind: a digest is none, and neither is what every object inherits', () => {
    for (const kind of ['digest', 'toString', '__proto__', 'constructor', '', 7])
      assert.throws(() => intentFromJson({ kind, digest: `0x${'11'.repeat(32)}` }), isRefusal);
  });
});
