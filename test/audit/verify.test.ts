import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checkReceiptOffline, parseReceipt } from '#anchor/core';
import { Problem } from '#base';
import { recordedReceipt } from './recorded.ts';

/** What the chain is asked about a receipt, as text; everything else a receipt says has to fail without the chain. */
function askedOfChain(text: string): string {
  const { story, ...asked } = checkReceiptOffline(parseReceipt(text));
  assert.ok(story);
  return JSON.stringify(asked, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
}

describe('a receipt with one character changed', () => {
  const receipt = recordedReceipt();
  const asked = askedOfChain(receipt);
  // Blanks between the members are no part of what a receipt says.
  const positions = [...receipt].flatMap((character, at) => (/\s/.test(character) ? [] : [at]));

  it('is refused, or asks something else of the chain', function () {
    this.timeout(120_000);
    fc.assert(
      fc.property(fc.constantFrom(...positions), fc.constantFrom(...'0123456789abcdefxyz"{[,:'), (at, character) => {
        fc.pre(receipt[at] !== character);
        const changed = receipt.slice(0, at) + character + receipt.slice(at + 1);
        try {
          assert.notEqual(askedOfChain(changed), asked, `position ${at}: ${receipt.slice(at - 40, at + 1)}`);
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          assert.match(error.code, /^anchor\/|^base\//);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('is refused wherever the character is one of a proof, a leaf, a salt or a root', function () {
    this.timeout(120_000);
    const proof = [...receipt.matchAll(/"(?:leaf|fieldsRoot|salt|previousHead|hash)": "(0x[0-9a-f]{64})"/g)].map(
      ({ index, 0: all }) => index + all.length - 65,
    );
    assert.ok(proof.length > 20);
    for (const start of proof) {
      for (const at of [start, start + 31, start + 63]) {
        const changed = receipt.slice(0, at) + (receipt[at] === '0' ? '1' : '0') + receipt.slice(at + 1);
        assert.throws(() => askedOfChain(changed), Problem, `position ${at}`);
      }
    }
  });
});
