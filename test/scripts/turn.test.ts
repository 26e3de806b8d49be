import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inTurn } from '../../scripts/setup/turn.mjs';

const TURN = new URL('../../scripts/setup/turn.mjs', import.meta.url).href;

/** Whether a process still does something: a dead one stays visible until its parent asks for it. */
function goesOn(pid: number): boolean {
  return !/^(Z.*)?$/.test(spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim());
}

describe('turns at set-up', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'cairn-turn-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Another process that takes a turn, writes "in" and "out" to the log around `body`. */
  function taker(name: string, body: string): ChildProcess {
    const program = `
      import { inTurn } from '${TURN}';
      import { appendFileSync } from 'node:fs';
      import { spawn } from 'node:child_process';
      const log = (text) => appendFileSync('${folder}/log', text + '\\n');
      await inTurn('${folder}/turns', { onWait: () => log('${name} waits') }, async (turn) => { log('${name} in'); ${body}; log('${name} out'); });
    `;
    return spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
  }

  function log(): string[] {
    return existsSync(`${folder}/log`) ? readFileSync(`${folder}/log`, 'utf8').trim().split('\n') : [];
  }

  async function logged(line: string): Promise<void> {
    while (!log().includes(line)) await sleep(20);
  }

  it('are taken one at a time, by any number of processes at once', async () => {
    const children = ['a', 'b', 'c', 'd'].map((name) => taker(name, 'await new Promise((done) => setTimeout(done, 50))'));
    await Promise.all(children.map((child) => once(child, 'exit')));
    const passages = log().filter((line) => !line.endsWith('waits'));
    assert.equal(passages.length, 8);
    for (let i = 0; i < 8; i += 2) assert.equal(passages[i]?.replace(' in', ''), passages[i + 1]?.replace(' out', ''));
  });

  it('pass on at once from a process that was killed', async () => {
    const killed = taker('a', 'await new Promise((done) => setTimeout(done, 60000))');
    await logged('a in');
    const gone = once(killed, 'exit');
    killed.kill('SIGKILL');
    await gone;
    await inTurn(`${folder}/turns`, { onWait: () => assert.fail('nobody is there to wait for') }, async () => appendFileSync(`${folder}/log`, 'b in\n'));
    assert.deepEqual(log(), ['a in', 'b in']);
  });

  it('begin only when what a killed process had started is ended', async () => {
    const writer =
      "const child = spawn('sleep', ['60'], { detached: true }); turn.child(child.pid); log('child ' + child.pid); await new Promise((done) => setTimeout(done, 60000))";
    const killed = taker('a', writer);
    while (!log().some((line) => line.startsWith('child'))) await sleep(20);
    const gone = once(killed, 'exit');
    killed.kill('SIGKILL');
    await gone;
    const orphan = Number(
      log()
        .find((line) => line.startsWith('child'))
        ?.split(' ')[1],
    );
    assert.ok(goesOn(orphan));
    await inTurn(`${folder}/turns`, { onWait: () => undefined }, () => Promise.resolve(assert.ok(!goesOn(orphan))));
  });

  it('are given back when the work fails', async () => {
    await assert.rejects(
      inTurn(`${folder}/turns`, { onWait: () => undefined }, () => Promise.reject(new TypeError('no'))),
      /no/,
    );
    assert.equal(await inTurn(`${folder}/turns`, { onWait: () => assert.fail('it was given back') }, () => Promise.resolve(1)), 1);
  });
});
