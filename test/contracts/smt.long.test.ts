import assert from 'node:assert/strict';
import { check } from '../../scripts/smt.ts';

function unproven(name: string, change?: (library: string) => string): string[] {
  return check(name, change)
    .filter(({ isProven }) => !isProven)
    .map(({ assertion }) => assertion);
}

/** Breaks one line of a library, and is sure that it did. */
function instead(line: string, broken: string): (library: string) => string {
  return (library) => {
    assert.ok(library.includes(line), `the library has the line ${line}`);
    return library.replace(line, broken);
  };
}

describe('what the model checker proves of the vault', function () {
  this.timeout(600_000);

  it('no transaction and no day pays more than its cap, and what was paid is known to the unit', () => {
    assert.deepEqual(unproven('CapsModel'), []);
  });

  it('nothing is paid twice or after it was cancelled, and an instruction is opened once', () => {
    assert.deepEqual(unproven('ReplayModel'), []);
  });

  it('it notices when the day is not looked at', () => {
    assert.notDeepEqual(unproven('CapsModel', instead('if (amount > remaining) return', 'if (amount > perTransaction + remaining) return')), []);
  });

  it('it notices when settled payments are tried again', () => {
    assert.notDeepEqual(unproven('ReplayModel', instead('return asked & ~state;', 'return asked;')), []);
  });
});
