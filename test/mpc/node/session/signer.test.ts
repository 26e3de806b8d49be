import { strict as assert } from 'node:assert';
import { Problem, type Hex, type ProblemCode } from '#base';
import { isSignatureBy } from '#custody/intents';
import { until } from '../../../support/until.ts';
import { ask, codeOf, group, kinds, requestOf, spoiled, type Member } from './group.ts';

function problem(code: ProblemCode) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}

describe('a signer', () => {
  it('makes one signature with its peers, which all of them have', async () => {
    for (const [t, n] of [
      [2, 3],
      [3, 5],
    ] as const) {
      // prettier-ignore
      const signers = group(t, n).slice(0, t);
      const request = requestOf(signers);
      const answers = await ask(signers, request);
      assert.deepEqual(answers.map(codeOf), signers.map(() => 'signed')); // prettier-ignore
      assert.equal(new Set(answers.map((answer) => (answer as PromiseFulfilledResult<Hex>).value)).size, 1);
      assert.ok(isSignatureBy(signers[0]!.key.address, request.digest, (answers[0] as PromiseFulfilledResult<Hex>).value));
      for (const { key } of signers) for (const peer of signers) assert.equal(key.pairs.running(peer.id), 0, 'no seat is left taken');
    }
  });

  it('T-18: lets its last message go only after RELEASED is durable', async () => {
    const [one, two] = group(2, 3) as [Member, Member];
    let durable = (): void => undefined;
    one.disk.release = () => new Promise((resolve) => (durable = resolve));
    const answers = ask([one, two]);
    await until(() => kinds(one.trace).includes('release asked'), 'the request for a release');
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!kinds(one.trace).includes('round 3'));
    assert.ok(kinds(two.trace).includes('round 3'), 'the other one has let go of its own');
    durable();
    assert.deepEqual((await answers).map(codeOf), ['signed', 'signed']);
    assert.ok(kinds(one.trace).indexOf('release durable') < kinds(one.trace).indexOf('round 3'));
  });

  it('lets nothing go where the release is refused: the policy has changed, or the limit is used up by then', async () => {
    for (const code of ['policy/changed', 'policy/refused', 'node/pair-poisoned'] as const) {
      const [one, two] = group(2, 3) as [Member, Member];
      one.disk.release = async () => {
        throw new Problem(code, 'No.');
      };
      const [first] = await ask([one, two]);
      assert.equal(codeOf(first!), code);
      assert.ok(!kinds(one.trace).includes('round 3'));
      assert.ok(one.trace.some(([kind, detail]) => kind === 'end' && detail === code));
    }
  });

  it('says nothing more to anybody when its disk fails, and ends', async () => {
    const [one, two] = group(2, 3) as [Member, Member];
    one.disk.release = async () => {
      throw new Problem('node/disk-failed', 'It is gone.');
    };
    const [first, second] = await ask([one, two]);
    assert.deepEqual([codeOf(first!), codeOf(second!)], ['node/disk-failed', 'session/timed-out']);
    assert.deepEqual(one.fatal.map(({ code }) => code), ['node/disk-failed']); // prettier-ignore
    assert.ok(!kinds(one.trace).includes('round 3') && !kinds(one.trace).includes('end'));
  });

  it('T-05: makes POISON durable before it tells the peer anything, and evaluates no other session of the pair', async () => {
    const [one, two] = group(2, 3) as [Member, Member];
    let durable = (): void => undefined;
    one.disk.poison = () => new Promise((resolve) => (durable = resolve));
    two.outgoing = (_to, round, bytes) => (round === 1 ? spoiled(bytes) : bytes);
    const sessions = Promise.all(Array.from({ length: 5 }, () => ask([one, two])));
    await until(() => kinds(one.trace).includes('poison asked'), 'the request for a poisoning');
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!kinds(one.trace).includes('end') && !kinds(one.trace).includes('round 2'), 'nothing leaves before it is on the disk');
    durable();
    const codes = (await sessions).map(([first]) => codeOf(first!));
    assert.equal(codes.filter((code) => code === 'mpc/ot-check-failed').length, 1, codes.join());
    assert.equal(codes.filter((code) => code === 'node/pair-poisoned').length, 4, codes.join());
    assert.equal(kinds(one.trace).filter((kind) => kind === 'poison asked').length, 1);
    assert.ok(!kinds(one.trace).includes('round 2'));
    assert.equal(codeOf((await ask([one, two]))[0]!), 'node/pair-poisoned');
  });

  it('T-05: evaluates nothing before the mark that it does is on the disk, and takes the mark back after the verdict is', async () => {
    const [one, two] = group(2, 3) as [Member, Member];
    let durable = (): void => undefined;
    one.disk.evaluating = () => new Promise((resolve) => (durable = resolve));
    two.outgoing = (_to, round, bytes) => (round === 1 ? spoiled(bytes) : bytes);
    const answers = ask([one, two]);
    await until(() => kinds(two.trace).includes('round 1'), 'the first round of party 2');
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!kinds(one.trace).includes('poison asked'), 'its check is not evaluated');
    durable();
    assert.equal(codeOf((await answers)[0]!), 'mpc/ot-check-failed');
    assert.deepEqual(
      kinds(one.trace).filter((kind) => /^(mark|poison)/.test(kind)),
      ['mark asked', 'mark durable', 'poison asked', 'poison durable', 'mark taken back'],
    );
  });

  it('tells its operator of a first round that is not of the session it accepted, and of a pair that was retired under it nobody but the asker', async () => {
    const [one, two] = group(2, 3) as [Member, Member];
    // What the step before the first round throws is carried out like what the later ones return.
    const dealt = one.key.pair(two.id);
    Object.assign(one.key, {
      pair: () => {
        throw new Problem('mpc/not-the-accepted-session', 'It is another one.', { culprit: null, effect: 'alarm' });
      },
    });
    assert.equal(codeOf((await ask([one, two]))[0]!), 'mpc/not-the-accepted-session');
    assert.ok(one.events.some((event) => event.kind === 'alarm' && event.problem.code === 'mpc/not-the-accepted-session'));
    assert.ok(one.trace.some(([kind, detail]) => kind === 'end' && detail === 'mpc/not-the-accepted-session'));

    Object.assign(one.key, { pair: () => dealt });
    one.disk.evaluating = async () => dealt.retire();
    assert.equal(codeOf((await ask([one, two]))[0]!), 'mpc/pair-not-usable');
    assert.ok(!one.events.some((event) => event.kind === 'alarm' && event.problem.code === 'mpc/pair-not-usable'));
    assert.ok(![...one.trace, ...two.trace].some(([kind]) => kind === 'poison asked'));
  });

  it('T-05: poisons whom its last checks catch, and keeps its own last message', async () => {
    const [one, two] = group(2, 3) as [Member, Member];
    two.outgoing = (_to, round, bytes) => {
      if (round !== 2) return bytes;
      const changed = Uint8Array.from(bytes);
      changed[500]! ^= 1;
      return changed;
    };
    const [first] = await ask([one, two]);
    assert.match(codeOf(first!), /^mpc\/(rvole|product)-check-failed$|^mpc\/malformed-message$/);
    assert.ok(!kinds(one.trace).includes('round 3') && !kinds(one.trace).includes('release asked'));
  });

  it('sends no second round to anybody before the checks of all have passed', async () => {
    const [one, two, three] = group(3, 3) as [Member, Member, Member];
    three.outgoing = (to, round, bytes) => (round === 1 && to === one.id ? spoiled(bytes) : bytes);
    const [first] = await ask([one, two, three]);
    assert.equal(codeOf(first!), 'mpc/ot-check-failed');
    assert.ok(!kinds(one.trace).includes('round 2'), 'not to party 2 either, whose check passed');
    assert.deepEqual(one.trace.filter(([kind]) => kind === 'poison durable'), [['poison durable', '3']]); // prettier-ignore
    assert.ok((await ask([one, two, three])).some((answer) => codeOf(answer) === 'node/pair-poisoned'));
  });

  it('T-09: tells sessions apart before anything that depends on Delta, and poisons nobody', async () => {
    const [one, two, three] = group(3, 3) as [Member, Member, Member];
    // Party 3 shows its N to party 1 differently than to party 2, and spoils its first rounds on top.
    three.outgoing = (to, round, bytes) => {
      if (round === 0 && to === one.id) return Uint8Array.from(bytes, (byte, i) => (i === 0 ? byte ^ 1 : byte));
      return round === 1 ? spoiled(bytes) : bytes;
    };
    const answers = await ask([one, two, three]);
    assert.ok(['mpc/session-differs', 'session/ended-by-peer'].includes(codeOf(answers[0]!)), codeOf(answers[0]!));
    assert.ok(!kinds(one.trace).includes('poison asked'));
    assert.ok(
      one.events.some((event) => event.kind === 'alarm' && event.problem.code === 'mpc/session-differs') || codeOf(answers[0]!) === 'session/ended-by-peer',
    );
  });

  it('T-17: gives out no signature that is none, counts it, and suspends the peer after three, not the key', async () => {
    const [one, two, three] = group(2, 3) as [Member, Member, Member];
    two.outgoing = (_to, round, bytes) => (round === 3 ? spoiled(bytes) : bytes);
    for (let i = 0; i < 3; i++) assert.equal(codeOf((await ask([one, two]))[0]!), 'mpc/invalid-signature');
    assert.equal(codeOf((await ask([one, two]))[0]!), 'session/pair-unusable');
    assert.deepEqual((await ask([one, three])).map(codeOf), ['signed', 'signed']);
    assert.ok(!kinds(one.trace).includes('poison asked'));
  });

  it('draws no N_i before its judge has said yes, and tells its peers that it refuses', async () => {
    const [one, two] = group(2, 3) as [Member, Member];
    one.verdict = async () => ({ accepted: false, retry: 'never', rule: 'batch-derived', reason: 'It is not.' });
    const [first, second] = await ask([one, two]);
    assert.deepEqual([codeOf(first!), codeOf(second!)], ['session/refused', 'session/ended-by-peer']);
    assert.equal(((first as PromiseRejectedResult).reason as Problem).facts['rule'], 'batch-derived');
    assert.deepEqual(one.trace, [['end', 'session/refused']]);
    one.verdict = async () => ({ accepted: false, retry: 'later', rule: 'chain-answers', reason: 'It does not.' });
    assert.equal(codeOf((await ask([one, two]))[0]!), 'session/not-yet');
  });

  it('holds one session for a request that is asked twice while it runs, and none afterwards', async () => {
    const signers = group(2, 3).slice(0, 2);
    const request = requestOf(signers);
    const [first, again] = await Promise.all([ask(signers, request), ask(signers, request)]);
    assert.deepEqual(first, again);
    assert.deepEqual((await ask(signers, request)).map(codeOf), ['session/started-before', 'session/started-before']);
  });

  it('takes no part where it is not named, and in no set of another size', async () => {
    const [one, two, three] = group(2, 3) as [Member, Member, Member];
    assert.throws(() => one.signer.ask(requestOf([two, three]), 'x'), problem('mpc/bad-parameters'));
    assert.throws(() => one.signer.ask(requestOf([one, two, three]), 'x'), problem('mpc/bad-parameters'));
  });

  it('T-03: signs over and over with every pair', async () => {
    const members = group(2, 3);
    for (let i = 0; i < 9; i++) {
      const signers = members.filter((_, index) => index !== i % 3);
      assert.deepEqual((await ask(signers)).map(codeOf), ['signed', 'signed']);
    }
  });
});
