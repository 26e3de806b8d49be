import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { plant, PLANTED } from '../../../scripts/sim/planted.ts';

describe('the bugs that are planted to try the simulator', () => {
  const read = (file: string): string => readFileSync(join(import.meta.dirname, '..', '..', '..', file), 'utf8');

  it('are at least twelve, and each changes the sources as they are today', () => {
    assert.ok(new Set(PLANTED.map(({ name }) => name)).size >= 12);
    for (const bug of PLANTED) assert.notEqual(plant(read(bug.file), bug), read(bug.file), bug.name);
  });

  it('are refused where their text is not there', () => {
    const [bug] = PLANTED;
    assert.throws(() => plant('something else', bug!), /has to follow the sources/);
  });
});
