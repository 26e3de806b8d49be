import { strict as assert } from 'node:assert';
import { setImmediate as turn } from 'node:timers/promises';
import { Problem } from '#base';
import { until } from '../../../support/until.ts';
import { ask, codeOf, group, kinds, spoiled, type Member } from './group.ts';

/** A disk that has not answered yet. */
function held(): { readonly done: () => Promise<void>; readonly answer: () => void } {
  let answer = (): void => undefined;
  const answered = new Promise<void>((resolve) => (answer = resolve));
  return { done: () => answered, answer };
}

/** Everything that can happen without the disk has happened: each turn lets every message that is on its way arrive. */
async function settled(): Promise<void> {
  for (let i = 0; i < 100; i++) await turn();
}

/** Whether party 1 has made something of a kind after another. */
function after(member: Member, before: string, kind: string): boolean {
  const all = kinds(member.trace);
  return all.slice(all.indexOf(before)).includes(kind);
}

describe('the order in which a signer acts', () => {
  it('T-05: lets nothing of any session of a pair leave from the moment that a check of it failed: no second round of those beside it', async () => {
    for (let cheated = 1; cheated <= 4; cheated++) {
      const [one, two] = group(2, 3) as [Member, Member];
      const disk = held();
      one.disk.poison = disk.done;
      let firsts = 0;
      two.outgoing = (_to, round, bytes) => (round === 1 && ++firsts === cheated ? spoiled(bytes) : bytes);
      const sessions = Promise.all(Array.from({ length: 4 }, () => ask([one, two])));
      await until(() => kinds(one.trace).includes('poison asked'), 'the request for a poisoning');
      await settled();
      for (const kind of ['round 2', 'round 3', 'release asked']) assert.ok(!after(one, 'poison asked', kind), `${kind} after check ${cheated} failed`);
      disk.answer();
      assert.ok((await sessions).some(([first]) => codeOf(first!) === 'mpc/ot-check-failed'));
    }
  });

  it('T-05: keeps its last message where a check of another session of the pair fails while RELEASED is being written', async () => {
    const [one, two] = group(2, 3) as [Member, Member];
    const [release, poison] = [held(), held()];
    Object.assign(one.disk, { release: release.done, poison: poison.done });
    const first = ask([one, two]);
    await until(() => kinds(one.trace).includes('release asked'), 'the request for a release');
    two.outgoing = (_to, round, bytes) => (round === 1 ? spoiled(bytes) : bytes);
    const second = ask([one, two]);
    await until(() => kinds(one.trace).includes('poison asked'), 'the request for a poisoning');
    release.answer();
    await settled();
    assert.ok(!kinds(one.trace).includes('round 3'), 'what is released stays here');
    poison.answer();
    assert.equal(codeOf((await first)[0]!), 'node/pair-poisoned');
    assert.equal(codeOf((await second)[0]!), 'mpc/ot-check-failed');
    assert.ok(!kinds(one.trace).includes('round 3'));
  });

  it('T-05: tells the peer of no session that a check failed before the POISON is on the disk, whether the session began before or after', async () => {
    const [one, two] = group(2, 3) as [Member, Member];
    const [release, poison] = [held(), held()];
    Object.assign(one.disk, { release: release.done, poison: poison.done });
    const before = ask([one, two]);
    await until(() => kinds(one.trace).includes('release asked'), 'the request for a release');
    two.outgoing = (_to, round, bytes) => (round === 1 ? spoiled(bytes) : bytes);
    const failed = ask([one, two]);
    await until(() => kinds(one.trace).includes('poison asked'), 'the request for a poisoning');
    const after = ask([one, two]);
    release.answer();
    await settled();
    assert.ok(!kinds(one.trace).includes('end'), 'an end is a verdict as well');
    poison.answer();
    const codes = (await Promise.all([before, failed, after])).map(([first]) => codeOf(first!));
    assert.deepEqual(codes, ['node/pair-poisoned', 'mpc/ot-check-failed', 'node/pair-poisoned']);
    const ends = one.trace.map(([kind]) => kind).flatMap((kind, i) => (kind === 'end' ? [i] : []));
    assert.ok(ends.length >= 3 && ends.every((end) => end > kinds(one.trace).indexOf('poison durable')), JSON.stringify(one.trace));
  });

  it('T-18: asks for no release before what was decided is in the audit log, and for none at all where the pair was poisoned meanwhile', async () => {
    for (const cheats of [false, true]) {
      const [one, two] = group(2, 3) as [Member, Member];
      const [note, poison] = [held(), held()];
      Object.assign(one.disk, { note: note.done, poison: poison.done });
      const first = ask([one, two]);
      await until(() => kinds(two.trace).includes('round 3'), 'the last message of party 2');
      await settled();
      assert.ok(!kinds(one.trace).includes('release asked'), 'the line of the decision is not on the disk');
      if (cheats) {
        two.outgoing = (_to, round, bytes) => (round === 1 ? spoiled(bytes) : bytes);
        void ask([one, two]);
        await until(() => kinds(one.trace).includes('poison asked'), 'the request for a poisoning');
      }
      note.answer();
      await settled();
      assert.equal(kinds(one.trace).includes('release asked'), !cheats);
      poison.answer();
      assert.equal(codeOf((await first)[0]!), cheats ? 'node/pair-poisoned' : 'signed');
    }
  });

  it('T-05: leaves the mark of an evaluation on the disk where it fails by a bug of its own: no verdict is known', async () => {
    const [one, two] = group(2, 3) as [Member, Member];
    one.disk.release = async () => {
      throw new TypeError('a bug');
    };
    const [first] = await ask([one, two]);
    assert.ok(first?.status === 'rejected' && first.reason instanceof TypeError);
    await settled();
    assert.ok(kinds(one.trace).includes('mark durable') && !kinds(one.trace).includes('mark taken back'));
  });

  it('T-08: draws nothing and says nothing while a peer has not told what it remembers, or where the pair is not usable', async () => {
    for (const [demand, code] of [
      ['ready', 'session/not-yet'],
      ['usable', 'node/pair-poisoned'],
    ] as const) {
      const [one, two] = group(2, 3) as [Member, Member];
      one.demands[demand] = () => {
        throw new Problem(code, 'No.');
      };
      assert.equal(codeOf((await ask([one, two]))[0]!), code);
      assert.deepEqual(one.trace, [['end', code]]);
    }
  });

  it('T-04: tells a slot that is changed on its way from the session, and one of another form by its sender; neither poisons', async () => {
    const cut = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, 63);
    const at = (index: number) => (bytes: Uint8Array) => Uint8Array.from(bytes, (byte, i) => (i === index ? byte ^ 1 : byte));
    for (const [change, code] of [
      [at(0), 'mpc/session-differs'],
      [at(31), 'mpc/session-differs'],
      [at(32), 'mpc/session-differs'],
      [at(63), 'mpc/session-differs'],
      [(bytes: Uint8Array) => Uint8Array.from([...bytes.subarray(32), ...bytes.subarray(0, 32)]), 'mpc/session-differs'],
      [cut, 'mpc/malformed-message'],
      [(bytes: Uint8Array) => Uint8Array.of(...bytes, 0), 'mpc/malformed-message'],
      [() => new Uint8Array(), 'mpc/malformed-message'],
    ] as const) {
      const [one, two] = group(2, 3) as [Member, Member];
      two.outgoing = (_to, round, bytes) => (round === 0 ? change(bytes) : bytes);
      const [first, second] = await ask([one, two]);
      // Whoever sees it first ends the session for both.
      const seen = [codeOf(first!), codeOf(second!)];
      assert.ok(seen.includes(code) && seen.every((each) => [code, 'session/ended-by-peer', 'session/timed-out'].includes(each)), seen.join());
      for (const { trace, events } of [one, two]) {
        assert.ok(!kinds(trace).includes('poison asked') && !kinds(trace).includes('round 2'));
        for (const event of events) if (event.kind === 'alarm') assert.equal(event.problem.facts['culprit'], code === 'mpc/malformed-message' ? two.id : null);
      }
    }
  });
});
