import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';

/** Well below the time-out of a test, so that what does not come fails by its name; far above what any machine needs. */
const PATIENCE_MS = 30_000;

/** Gives way to everything else until `isSo`; fails where it does not become so. An unbounded loop would go on after its test had failed, and hold up the whole run. */
export async function until(isSo: () => boolean, what: string, patienceMs = PATIENCE_MS): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, `${what} did not come within ${patienceMs} ms`);
    await turn();
  }
}
