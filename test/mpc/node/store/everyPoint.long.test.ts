import { ok, strictEqual } from 'node:assert/strict';
import { clearHomes, emptyFolder } from '../fixtures.ts';
import { start } from '../run.ts';
import { audited } from './survivor.ts';

describe('a signer that is killed at every single operation on its disk', () => {
  afterEach(clearHomes);

  for (const when of ['middle', 'after']) {
    it(`in the ${when} of it, comes back with all that it promised, and goes on to the end`, async function () {
      this.timeout(3_600_000);
      const { told } = await start(emptyFolder(), 'life').ended;
      const operations = Number(told.at(-1)?.split(' ')[1]);
      ok(operations > 50, `${operations} operations`);
      // Lines that are appended at the same moment share a write and an fsync, so a life may have a few operations less than another and end before its turn comes.
      let spared = 0;
      for (let k = 1; k <= operations; k++) {
        const root = emptyFolder();
        const killed = await start(root, 'life', `*:${k}:${when}`).ended;
        if (killed.code === 0) {
          ok(++spared <= operations / 10, `${spared} lives ended before operation ${k} of ${operations}`);
          continue;
        }
        strictEqual(killed.signal, 'SIGKILL', killed.stderr);
        const found = await audited(root, killed.told);
        // What died while it was made, and never held a share, is made afresh; all else goes on.
        const next = await start(root, 'life').ended;
        if (found.size === 0 && !killed.told.includes('created')) ok(next.code === 0 || next.stderr.includes('node/store-'), next.stderr);
        else {
          strictEqual(next.code, 0, `operation ${k}: ${next.stderr}`);
          ok((await audited(root, next.told)).has('promoted 2'));
        }
      }
    });
  }
});
