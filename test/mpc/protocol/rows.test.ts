import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';

const ROOT = new URL('../../../', import.meta.url);
const ROWS = Array.from({ length: 20 }, (_, i) => `T-${String(i + 1).padStart(2, '0')}`);

/** "T-05" and every other row that a test or suite of this file is named by. */
function rowsIn(path: string): Set<string> {
  const source = readFileSync(new URL(path, ROOT), 'utf8');
  return new Set([...source.matchAll(/\b(?:it|describe)\(\s*['"`](T-\d\d)\b/g)].map(([, row]) => row!));
}

describe('the table of rows in mpc/PROTOCOL.md', () => {
  it('names for every row of section 17 exactly the files with tests of its name', () => {
    const table = new Map<string, string[]>();
    for (const [, row, , files] of readFileSync(new URL('mpc/PROTOCOL.md', ROOT), 'utf8').matchAll(/^\| (T-\d\d) \| (.*?) \| (.*) \|$/gm))
      table.set(row!, [...files!.matchAll(/`([^`]+)`/g)].map(([, file]) => file!).sort());
    assert.deepEqual([...table.keys()], ROWS);

    const found = new Map<string, string[]>(ROWS.map((row) => [row, []]));
    for (const path of globSync('test/mpc/**/*.test.ts', { cwd: ROOT }).sort())
      for (const row of rowsIn(path)) {
        assert.ok(found.has(row), `${path}: there is no row ${row}`);
        found.get(row)!.push(path.slice('test/mpc/'.length));
      }
    for (const row of ROWS) assert.deepEqual(found.get(row)!.sort(), table.get(row), row);
  });
});
