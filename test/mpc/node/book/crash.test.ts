import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { inForge } from './support/attack.ts';
import type { Forge } from './support/forge.ts';
import type { Question } from './support/voter.ts';

const VOTER = join(import.meta.dirname, 'support', 'voter.ts');

/** Runs a voter and kills it at a line of its output, or so long after it is ready; everything that it said. */
function kill(folder: string, question: string, at: 'yes' | { readonly afterMs: number }): Promise<readonly string[]> {
  const child = spawn(process.execPath, [VOTER, folder, question], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    said.push(line);
    if (line === 'ready' && at !== 'yes') setTimeout(() => child.kill('SIGKILL'), at.afterMs);
    if (line === at) child.kill('SIGKILL');
  });
  return new Promise((resolve) => child.once('close', () => resolve(said)));
}

describe('a signer’s book that is killed while it votes', function () {
  this.timeout(180_000);

  inForge('never says yes to a second batch at the same place, whenever that was', async (forge: Forge) => {
    const short = forge.seal(10n, 'aside');
    const long = forge.seal();
    const fed = mkdtempSync(join(tmpdir(), 'cairn-node-book-'));
    await forge.stop(await forge.fed({ folder: fed }));
    const question: Question = { registration: forge.registration, intent: short, url: await forge.chain.serve(), nowMs: forge.nowMs };
    const file = join(fed, 'question.json');
    writeFileSync(
      file,
      JSON.stringify(question, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)),
    );
    for (const at of ['yes', ...[0, 3].map((afterMs) => ({ afterMs }))] as const) {
      const folder = mkdtempSync(join(tmpdir(), 'cairn-node-book-'));
      cpSync(fed, folder, { recursive: true });
      const said = await kill(folder, file, at);
      const node = await forge.node({ folder });
      const [other, bound] = [await node.judge(long, forge.nowMs), await node.bind(long)];
      assert.equal(other.ok, bound === null);
      const same = await node.judge(short, forge.nowMs);
      // Either the vote was on the disk, or it was never given: never both batches, and never a yes that is forgotten.
      assert.equal(other.ok, !same.ok, `${said.join(', ')}: both or none`);
      if (said.includes('yes')) assert.equal(other.ok ? 'forgotten' : other.rule, 'one-batch-a-position');
      await forge.stop(node);
      rmSync(folder, { recursive: true });
    }
    rmSync(fed, { recursive: true });
  });
});
