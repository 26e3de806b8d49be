import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';

describe('the shared vectors', () => {
  it('are what the code makes now', () => {
    const run = spawnSync(process.execPath, ['scripts/vectors.ts', '--check'], { encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
  }).timeout(120_000);
});
