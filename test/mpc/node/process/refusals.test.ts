import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { Problem, type ProblemCode } from '#base';
import { RefusalLimit, type Caller, type Fingerprint } from '#mpc/node/wire';
import { isCounted } from '../../../../mpc/node/process/routes.ts';
import { makeTrio, runHere } from './support/trio.ts';

const BURST = 60;
const coordinator: Caller = { part: 'coordinator', fingerprint: 'c'.repeat(64) as Fingerprint };
const other: Caller = { part: 'coordinator', fingerprint: 'd'.repeat(64) as Fingerprint };
const peer: Caller = { part: 'peer', id: 2, fingerprint: 'e'.repeat(64) as Fingerprint };

function limitOf() {
  const seen = { nowMs: 1_000_000, turnedAway: 0, told: [] as string[] };
  const limit = new RefusalLimit({
    clock: { nowMs: () => seen.nowMs },
    onTurnedAway: () => seen.turnedAway++,
    onEmpty: ({ part }, { code }) => seen.told.push(`${part} ${code}`),
  });
  const refuse = (caller: Caller, times: number): void => {
    for (let i = 0; i < times; i++) limit.count(caller);
  };
  const isHeard = (caller: Caller): boolean => {
    try {
      limit.demandRoom(caller);
      return true;
    } catch (error) {
      assert.ok(error instanceof Problem && error.code === 'wire/too-many-refusals');
      return false;
    }
  };
  return { seen, refuse, isHeard };
}

describe('who asks a node for what it refuses at once', () => {
  it('is heard again after sixty refusals only as time passes, and nobody else is heard less', () => {
    const { seen, refuse, isHeard } = limitOf();
    refuse(coordinator, BURST - 1);
    assert.ok(isHeard(coordinator));
    refuse(coordinator, 1);
    assert.deepEqual([isHeard(coordinator), isHeard(coordinator), isHeard(other), isHeard(peer)], [false, false, true, true]);
    assert.deepEqual([seen.turnedAway, seen.told], [2, ['coordinator wire/too-many-refusals']], 'counted each time, told once');
    seen.nowMs += 999;
    assert.ok(!isHeard(coordinator));
    seen.nowMs += 1;
    assert.ok(isHeard(coordinator));
    refuse(coordinator, 1);
    assert.ok(!isHeard(coordinator));
    seen.nowMs -= 3_600_000;
    assert.ok(!isHeard(coordinator), 'a clock that goes back gives nothing');
    assert.deepEqual(seen.told.length, 1);
    seen.nowMs += 31_000;
    assert.ok(isHeard(coordinator));
    refuse(coordinator, BURST);
    assert.ok(!isHeard(coordinator));
    assert.deepEqual(seen.told.length, 2, 'told again after a time without');
  });

  it('is counted by what no honest caller meets, not by what is refused after work, and never where it is a peer, whose bundles must be heard', () => {
    const harmless: readonly ProblemCode[] = ['session/refused', 'session/not-yet', 'session/too-many', 'policy/refused', 'node/pair-poisoned'];
    for (const code of harmless) for (const caller of [coordinator, peer]) assert.ok(!isCounted(caller, code), code);
    for (const code of ['custody/bad-intent', 'session/started-before', 'wire/not-allowed', 'node/unknown-key'] as const)
      assert.deepEqual([isCounted(coordinator, code), isCounted(peer, code)], [true, false], code);
  });

  it('never gets more than sixty and one a second, whatever it does when', () => {
    const step = fc.record({ waitMs: fc.nat(5_000), calls: fc.nat(100) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { seen, refuse, isHeard } = limitOf();
        const startedMs = seen.nowMs;
        let heard = 0;
        for (const { waitMs, calls } of steps) {
          seen.nowMs += waitMs;
          for (let i = 0; i < calls && isHeard(coordinator); i++, heard++) refuse(coordinator, 1);
        }
        assert.ok(heard <= BURST + (seen.nowMs - startedMs) / 1_000, `${heard} in ${seen.nowMs - startedMs} ms`);
      }),
    );
  });

  it('is turned away unread by a node that runs, while its operator and another coordinator’s node go on', async function () {
    this.timeout(30_000);
    const trio = await makeTrio();
    const lines: string[] = [];
    const node = await runHere(trio.seats[0]!, lines);
    try {
      const link = trio.link(1, 'coordinator');
      const call = (): Promise<string> =>
        link.call('sign/ask', new TextEncoder().encode('{'), { timeoutMs: 20_000, resendForMs: 0 }).then(
          () => 'answered',
          (error: unknown) => (error as Problem).code,
        );
      const codes: string[] = [];
      for (let i = 0; i < BURST + 30; i++) codes.push(await call());
      assert.ok(
        codes.slice(0, BURST).every((code) => code === codes[0] && code !== 'wire/too-many-refusals'),
        codes.join(),
      );
      assert.ok(codes.slice(BURST).filter((code) => code === 'wire/too-many-refusals').length > 0, codes.join());
      await trio.link(1, 'operator').call('node/status', new TextEncoder().encode('{}'), { timeoutMs: 20_000, resendForMs: 0 });
      const metrics = await (await fetch(`http://127.0.0.1:${node.healthPort}/metrics`)).text();
      const turnedAway = Number(/^cairn_node_turned_away_total\{part="coordinator"\} (\d+)$/m.exec(metrics)?.[1]);
      assert.equal(turnedAway, codes.filter((code) => code === 'wire/too-many-refusals').length);
      assert.equal(lines.filter((line) => line.includes('wire/too-many-refusals') && (JSON.parse(line) as { level: number }).level === 50).length, 1);
    } finally {
      await node.close();
      await trio.remove();
    }
  });

  it('has a peer heard whatever it was refused, and no more lines of the audit log and tests by it than a group needs', async function () {
    this.timeout(60_000);
    const trio = await makeTrio();
    const node = await runHere(trio.seats[0]!);
    try {
      const link = trio.linkAs(trio.seats[1]!.identity, 1, 'peer');
      const call = (method: string): Promise<string> =>
        link.call(method, new TextEncoder().encode('{}'), { timeoutMs: 20_000, resendForMs: 0 }).then(
          () => 'answered',
          (error: unknown) => (error as Problem).code,
        );
      const startedMs = performance.now();
      const refused: string[] = [];
      for (let i = 0; i < 2 * BURST; i++) refused.push(await call('node/status'));
      const tests: string[] = [];
      for (let i = 0; i < 2 * BURST; i++) tests.push(await call('test/ask'));
      assert.equal(await call('heads/remembered'), 'answered');
      const most = BURST + 1 + (performance.now() - startedMs) / 1_000;
      assert.deepEqual([...new Set(refused)], ['wire/not-allowed']);
      assert.deepEqual([...new Set(tests)].sort(), ['session/bad-request', 'session/too-many']);
      const heard = tests.filter((code) => code === 'session/bad-request').length;
      assert.ok(heard >= BURST && heard <= most, `${heard} tests`);
      await node.close();
      const written = (await readFile(join(trio.seats[0]!.folder, 'audit.log'), 'utf8')).split('\n').filter((line) => line.includes('wire/not-allowed')).length;
      assert.ok(written >= BURST && written <= most, `${written} lines`);
    } finally {
      await node.close();
      await trio.remove();
    }
  });
});
