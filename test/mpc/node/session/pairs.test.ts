import { strict as assert } from 'node:assert';
import { Problem, type ProblemCode } from '#base';
import { partyId, type Abort, type PartyId } from '#mpc/protocol';
import { MAX_SESSIONS_PER_PAIR, Pairs } from '../../../../mpc/node/session/pairs.ts';
import { until } from '../../../support/until.ts';

const [TWO, THREE] = [partyId(2, 3), partyId(3, 3)];

function problem(code: ProblemCode) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}

function session() {
  const ending = new AbortController();
  return { sid: () => undefined, signal: ending.signal, end: (reason: Problem) => ending.abort(reason) };
}

function failedCheck(culprit: PartyId): { readonly kind: 'abort'; readonly abort: Abort } {
  return { kind: 'abort', abort: { problem: new Problem('mpc/ot-check-failed', 'It failed.', { culprit }), culprit, effect: 'poison-pair' } };
}

describe('the pairs of a node', () => {
  it('let so many sessions run with a peer and no more', () => {
    const pairs = new Pairs({ poison: async () => undefined });
    const entered = Array.from({ length: MAX_SESSIONS_PER_PAIR }, () => pairs.enter([TWO], session()));
    assert.throws(() => pairs.enter([TWO], session()), problem('session/too-many'));
    assert.throws(() => pairs.enter([THREE, TWO], session()), problem('session/too-many'));
    assert.equal(pairs.running(THREE), 0, 'a session that was refused counts with nobody');
    entered[0]!.leave();
    pairs.enter([TWO], session());
  });

  it('pass one verdict at a time, in the order of asking', async () => {
    const pairs = new Pairs({ poison: async () => undefined });
    const order: number[] = [];
    await Promise.all([1, 2, 3, 4].map((n) => pairs.verdict(n % 2 ? [TWO] : [THREE, TWO], session(), () => (order.push(n), {}))));
    assert.deepEqual(order, [1, 2, 3, 4]);
  });

  it('evaluate nothing more of a pair after its first failed check, and tell nobody before the poison is on the disk', async () => {
    let durable = (): void => undefined;
    const poisoned: PartyId[] = [];
    const pairs = new Pairs({
      poison: (peer) =>
        new Promise((resolve) => {
          durable = () => {
            poisoned.push(peer);
            resolve();
          };
        }),
    });
    const sessions = Array.from({ length: 8 }, session);
    for (const each of sessions) pairs.enter([TWO], each);
    const seen = { evaluated: 0 };
    const verdicts = sessions.map((each, i) =>
      pairs.verdict([TWO], each, () => {
        seen.evaluated++;
        return i === 2 ? failedCheck(TWO) : { passed: true };
      }),
    );
    const outcomes = Promise.allSettled(verdicts);
    await verdicts[1];
    await until(() => seen.evaluated >= 3, 'the third verdict');
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(sessions.map(({ signal }) => signal.aborted), sessions.map(() => false), 'nothing is told while the disk works'); // prettier-ignore
    durable();
    const codes = (await outcomes).map((outcome) => (outcome.status === 'fulfilled' ? 'passed' : (outcome.reason as Problem).code));
    assert.deepEqual(codes, ['passed', 'passed', 'mpc/ot-check-failed', ...Array.from({ length: 5 }, () => 'node/pair-poisoned')]);
    assert.equal(seen.evaluated, 3);
    assert.deepEqual(poisoned, [2]);
    assert.ok(sessions.every(({ signal }) => signal.aborted));
    assert.throws(() => pairs.enter([TWO], session()), problem('node/pair-poisoned'));
    await pairs.verdict([THREE], session(), () => ({}));
  });

  it('stay poisoned in memory when the disk fails, and say nothing to anybody', async () => {
    const pairs = new Pairs({
      poison: async () => {
        throw new Problem('node/disk-failed', 'The disk is gone.');
      },
    });
    const other = session();
    pairs.enter([TWO], other);
    await assert.rejects(pairs.verdict([TWO], session(), () => failedCheck(TWO)), problem('node/disk-failed')); // prettier-ignore
    assert.equal(other.signal.aborted, false);
    await assert.rejects(pairs.verdict([TWO], other, () => ({})), problem('node/pair-poisoned')); // prettier-ignore
  });

  it('T-05: evaluate nothing of a session that has ended while it waited for its turn: a verdict that nobody needs is a bit of Delta', async () => {
    const pairs = new Pairs({ poison: () => assert.fail('nothing was evaluated') });
    const ended = session();
    const verdict = pairs.verdict([TWO], ended, () => assert.fail('it is over'));
    ended.end(new Problem('session/ended-by-peer', 'It is over.'));
    await assert.rejects(verdict, problem('session/ended-by-peer'));
  });

  it('poison nobody for an abort that is no cheating', async () => {
    const poisoned: PartyId[] = [];
    const pairs = new Pairs({ poison: async (peer) => void poisoned.push(peer) });
    const abort: Abort = { problem: new Problem('mpc/session-differs', 'Another session.'), culprit: null, effect: 'alarm' };
    await assert.rejects(pairs.verdict([TWO], session(), () => ({ kind: 'abort' as const, abort })), problem('mpc/session-differs')); // prettier-ignore
    assert.deepEqual(poisoned, []);
    pairs.enter([TWO], session());
  });
});
