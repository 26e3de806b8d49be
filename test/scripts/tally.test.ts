import assert from 'node:assert/strict';
import { closingLine, failures, leftOut, tally } from '../../scripts/dev/tally.ts';

const ran = (output: string, code = 0, overtime = false) => ({ output, code, overtime, seconds: 1 });

describe('the count of a run', () => {
  it('is the summary that mocha and Hardhat print', () => {
    assert.deepEqual(tally(ran('  ✔ 3 passing lorries\n\n  12 passing (3s)\n  2 failing\n', 2)), { passed: 12, failed: 2 });
    assert.deepEqual(tally(ran('\n  40 passing (12s)\n')), { passed: 40, failed: 0 });
  });

  it('has a failure where the run broke off after some passed', () => {
    assert.equal(tally(ran('  12 passing (3s)\n', 1)).failed, 1);
    assert.equal(tally(ran('Segmentation fault', 139)).failed, 1);
  });

  it('has a failure where nothing ran', () => assert.equal(tally(ran('  0 passing (1ms)\n')).failed, 1));

  it('has a failure where the run did not end in time, whatever passed', () => assert.equal(tally(ran('  12 passing (3s)\n', 0, true)).failed, 1));

  it('adds up to the closing line', () =>
    assert.equal(
      closingLine([
        { passed: 12, failed: 0 },
        { passed: 3, failed: 1 },
      ]),
      '15 passed, 1 failed',
    ));

  it('comes with the cases that were left out, each once', () => {
    assert.deepEqual(leftOut('left out: the bank file\n   ✔ a test\nleft out: the bank file\n  left out: the real list \n'), [
      'the bank file',
      'the real list',
    ]);
  });

  it('comes with what failed, in the words of the runner', () => {
    assert.deepEqual(failures('  12 passing (3s)\n  1 failing\n\n  1) a book\n       is gapless:\n     it is not\n'), [
      '  1 failing',
      '  1) a book',
      '       is gapless:',
      '     it is not',
    ]);
    assert.deepEqual(failures('  12 passing (3s)\n'), []);
  });
});
