import assert from 'node:assert/strict';
import { Problem, utf8 } from '#base';
import { parsePain001 } from '#payments/core';
import { DEFECTIVE_PAYMENTS, MALFORMED_FILES, SOUND } from './malformed.ts';

const sound = Buffer.from(utf8(SOUND));

describe('a malformed order file', () => {
  it('is told from the sound one it was made of', () => {
    assert.deepEqual(
      parsePain001(sound).payments.map(({ creditor, defects }) => [creditor.name, defects.length]),
      [
        ['Société Lumière & Cie', 0],
        ['Linse KG', 0],
      ],
    );
    const unchanged = [...MALFORMED_FILES, ...DEFECTIVE_PAYMENTS].filter(({ bytes }) => sound.equals(bytes));
    assert.deepEqual(
      unchanged.map(({ what }) => what),
      [],
    );
  });

  for (const { what, code, bytes } of MALFORMED_FILES) {
    it(`${what}: ${code}`, () => {
      assert.throws(
        () => parsePain001(bytes),
        (thrown: unknown) => {
          assert.ok(thrown instanceof Problem, String(thrown));
          assert.equal(thrown.code, code, thrown.detail);
          return true;
        },
      );
    });
  }
});

describe('a defective payment in a sound file', () => {
  for (const { what, code, bytes, index } of DEFECTIVE_PAYMENTS) {
    it(`${what}: ${code}, that payment and no other`, () => {
      const { payments } = parsePain001(bytes);
      assert.ok(
        payments[index]!.defects.some((defect) => defect.code === code),
        JSON.stringify(payments[index]!.defects),
      );
      const isGroupWide = bytes.length > 0 && /<PmtMtd>CHK|CH94/.test(Buffer.from(bytes).toString());
      const others = payments.filter((payment) => payment.index !== index && payment.defects.length > 0);
      assert.equal(others.length, isGroupWide ? 1 : 0);
    });
  }
});
