import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict';
import {
  applyChange,
  changeMessage,
  dueProposals,
  MAX_OPEN_PROPOSALS,
  NodeStore,
  parsePolicy,
  parsePolicyText,
  policyHash,
  proposalId,
  stopSubject,
  type Policy,
  type PolicyChange,
  type PolicyState,
} from '#mpc/node';
import { activate, bytes, clearHomes, home, NOW_MS, policyJson, policyWith, publicKey, session, signAs, type PolicyJson } from '../fixtures.ts';

const NONCE = bytes(1, 16);
const HOUR_MS = 3_600_000;
const first = (): PolicyState => applyChange(undefined, { change: 'installed', policy: policyWith(), atMs: NOW_MS });
const next = (change: (json: PolicyJson) => void, version = 2): Policy =>
  policyWith((json) => {
    json.version = version;
    change(json);
  });
const looser = next((json) => (json.chains[0]!.tokens[0]!.perDay = '9999'));
const tighter = next((json) => (json.chains[0]!.tokens[0]!.perDay = '1'));

function proposed(state: PolicyState, policy: Policy, operator = 'op1', nonce = NONCE, atMs = NOW_MS): PolicyChange {
  return { change: 'proposed', policy, nonce, operator, atMs, signature: signAs(operator, changeMessage('approve', proposalId(state.file, policy, nonce))) };
}
function signed(change: 'approved' | 'cancelled', proposal: `0x${string}`, operator: string, atMs = NOW_MS): PolicyChange {
  return { change, proposal, operator, atMs, signature: signAs(operator, changeMessage(change === 'approved' ? 'approve' : 'cancel', proposal)) };
}
function stopped(state: PolicyState, operator = 'op3'): PolicyChange {
  return { change: 'stopped', operator, atMs: NOW_MS, signature: signAs(operator, changeMessage('stop', stopSubject(state))) };
}

describe('changing a policy', () => {
  it('takes a quorum and then a delay, a longer one for a loosening', () => {
    for (const [policy, delayMs] of [
      [tighter, HOUR_MS],
      [looser, 48 * HOUR_MS],
    ] as const) {
      let state = applyChange(first(), proposed(first(), policy));
      const { id, status, effectiveAtMs } = state.proposals[0]!;
      deepStrictEqual([status, effectiveAtMs], ['proposed', undefined]);
      throws(() => applyChange(state, { change: 'effective', proposal: id, atMs: NOW_MS * 2 }), { name: 'AssertionFailure' });
      state = applyChange(state, signed('approved', id, 'op2', NOW_MS + 5));
      strictEqual(state.proposals[0]!.effectiveAtMs, NOW_MS + 5 + delayMs);
      deepStrictEqual([dueProposals(state, NOW_MS + 4 + delayMs), dueProposals(state, NOW_MS + 5 + delayMs)], [[], [id]]);
      throws(() => applyChange(state, { change: 'effective', proposal: id, atMs: NOW_MS + 4 + delayMs }), { name: 'AssertionFailure' });
      state = applyChange(state, { change: 'effective', proposal: id, atMs: NOW_MS + 5 + delayMs });
      deepStrictEqual([state.inForce, state.proposals, state.closed], [policy, [], [id]]);
    }
  });

  it('is refused to an operator who has too many proposals open, and to no other', () => {
    const nonceOf = (i: number): `0x${string}` => bytes(i + 1, 16);
    let state = first();
    for (let i = 0; i < MAX_OPEN_PROPOSALS; i++) state = applyChange(state, proposed(state, tighter, 'op1', nonceOf(i)));
    throws(() => applyChange(state, proposed(state, tighter, 'op1', nonceOf(99))), { code: 'policy/too-many-proposals' });
    state = applyChange(state, proposed(state, tighter, 'op2', nonceOf(99)));
    state = applyChange(state, signed('cancelled', state.proposals[0]!.id, 'op3'));
    strictEqual(applyChange(state, proposed(state, tighter, 'op1', nonceOf(98))).proposals.length, MAX_OPEN_PROPOSALS + 1);
  });

  it('is not hurried by a third signature, nor by the delay that it proposes itself', () => {
    const policy = next((json) => (json.changes = { tighteningDelayS: 0, looseningDelayS: 1 }));
    let state = applyChange(first(), proposed(first(), policy));
    const { id } = state.proposals[0]!;
    state = applyChange(state, signed('approved', id, 'op2', NOW_MS));
    state = applyChange(state, signed('approved', id, 'op3', NOW_MS - 10 * HOUR_MS));
    strictEqual(state.proposals[0]!.effectiveAtMs, NOW_MS + 48 * HOUR_MS);
  });

  it('counts an operator once, and nobody else at all', () => {
    const open = applyChange(first(), proposed(first(), tighter));
    const { id } = open.proposals[0]!;
    strictEqual(applyChange(open, signed('approved', id, 'op1')).proposals[0]!.status, 'proposed');
    const forged: PolicyChange[] = [
      { ...signed('approved', id, 'op2'), operator: 'op3' } as PolicyChange,
      signed('approved', id, 'ann'),
      signed('approved', id, 'eve'),
      { ...signed('cancelled', id, 'op2'), change: 'approved' } as PolicyChange,
      { ...signed('approved', id, 'op2'), signature: '0x' } as PolicyChange,
      { ...signed('approved', id, 'op2'), change: 'cancelled' } as PolicyChange,
    ];
    for (const change of forged) throws(() => applyChange(open, change), { code: 'policy/bad-signature' });
    throws(() => applyChange(first(), { ...proposed(first(), tighter), policy: looser } as PolicyChange), { code: 'policy/bad-signature' });
    throws(() => applyChange(first(), proposed(first(), tighter, 'eve')), { code: 'policy/bad-signature' });
  });

  it('is judged by the operators of the policy in force, not by those that it proposes', () => {
    const coup = next((json) => (json.operators = { quorum: 1, keys: [{ name: 'eve', key: publicKey('eve') }] }));
    const open = applyChange(first(), proposed(first(), coup));
    throws(() => applyChange(open, signed('approved', open.proposals[0]!.id, 'eve')), { code: 'policy/bad-signature' });
  });

  it('is cancelled by any operator, and does not come back with its old signatures', () => {
    let state = applyChange(first(), proposed(first(), looser));
    const { id } = state.proposals[0]!;
    state = applyChange(state, signed('approved', id, 'op2'));
    const cancelled = applyChange(state, signed('cancelled', id, 'op3'));
    deepStrictEqual([cancelled.proposals, cancelled.inForce], [[], policyWith()]);
    throws(() => applyChange(cancelled, proposed(first(), looser)), { code: 'policy/stale' });
    throws(() => applyChange(cancelled, signed('approved', id, 'op2')), { code: 'policy/unknown-proposal' });
    strictEqual(applyChange(cancelled, proposed(first(), looser, 'op1', bytes(2, 16))).proposals.length, 1);
    throws(() => applyChange(state, proposed(first(), looser)), { code: 'policy/stale' });
  });

  it('is over when another change took effect first', () => {
    let state = applyChange(first(), proposed(first(), looser));
    const stale = state.proposals[0]!.id;
    state = applyChange(state, proposed(first(), tighter, 'op1'));
    const { id } = state.proposals[1]!;
    state = applyChange(state, signed('approved', id, 'op2'));
    state = applyChange(state, { change: 'effective', proposal: id, atMs: NOW_MS + HOUR_MS });
    throws(() => applyChange(state, signed('approved', stale, 'op2')), { code: 'policy/unknown-proposal' });
    throws(() => applyChange(state, proposed(first(), looser)), { code: 'policy/stale' });
    // The same words as before under a later version are another policy, which needs signatures of its own.
    const back = next(() => undefined, 3);
    throws(() => applyChange(state, { ...proposed(first(), back), policy: back } as PolicyChange), { code: 'policy/bad-signature' });
  });

  it('is not needed to stop: one operator stops the node at once, and only a loosening goes on', () => {
    const state = applyChange(first(), stopped(first()));
    deepStrictEqual([state.inForce.stop, state.file.stop, policyHash(state.inForce) === policyHash(first().inForce)], ['everything', 'nothing', false]);
    throws(() => applyChange(state, stopped(first())), { code: 'policy/bad-signature' });
    throws(() => applyChange(first(), stopped(first(), 'eve')), { code: 'policy/bad-signature' });

    let resumed = applyChange(
      state,
      proposed(
        state,
        next(() => undefined),
      ),
    );
    const { id, direction } = resumed.proposals[0]!;
    strictEqual(direction, 'loosening');
    resumed = applyChange(resumed, signed('approved', id, 'op2'));
    const again = applyChange(resumed, stopped(resumed));
    const goes = { change: 'effective', proposal: id, atMs: NOW_MS + 48 * HOUR_MS } as const;
    strictEqual(applyChange(resumed, goes).inForce.stop, 'nothing');
    strictEqual(applyChange(again, goes).inForce.stop, 'everything', 'a stop that came later stays');
    throws(() => applyChange(applyChange(resumed, goes), stopped(first())), { code: 'policy/bad-signature' });
  });

  it('goes on while the node is stopped, and does not end the stop by the way', () => {
    let state = applyChange(first(), proposed(first(), tighter));
    state = applyChange(state, stopped(state));
    const { id } = state.proposals[0]!;
    state = applyChange(state, signed('approved', id, 'op2'));
    state = applyChange(state, { change: 'effective', proposal: id, atMs: NOW_MS + HOUR_MS });
    deepStrictEqual([state.file, state.inForce], [tighter, { ...tighter, stop: 'everything' }]);
  });

  it('cannot be held up with the key that it replaces under the same name, and can be with one that it leaves', () => {
    const replacing = next((json) => (json.operators.keys[2]!.key = publicKey('eve')));
    const state = applyChange(first(), proposed(first(), replacing));
    const { id } = state.proposals[0]!;
    throws(() => applyChange(state, signed('cancelled', id, 'op3')), { code: 'policy/bad-signature' });
    deepStrictEqual(applyChange(state, signed('cancelled', id, 'op2')).proposals, []);
  });

  it('cannot be held up by the operator whom it removes, neither by cancelling nor by stopping', () => {
    const without = next((json) => json.operators.keys.pop());
    let state = applyChange(first(), proposed(first(), without));
    const { id } = state.proposals[0]!;
    throws(() => applyChange(state, signed('cancelled', id, 'op3')), { code: 'policy/bad-signature' });
    state = applyChange(state, stopped(state, 'op3'));
    state = applyChange(state, signed('approved', id, 'op2'));
    state = applyChange(state, { change: 'effective', proposal: id, atMs: NOW_MS + HOUR_MS });
    throws(() => applyChange(state, stopped(state, 'op3')), { code: 'policy/bad-signature' });
    deepStrictEqual(state.file, without);
  });

  describe('in a store', () => {
    afterEach(clearHomes);

    it('survives restarts at every step, and forgets nothing that was spent', async () => {
      const place = await home();
      let store = await NodeStore.open(place.options);
      const reopen = async () => {
        await store.close();
        store = await NodeStore.open(place.options);
      };
      await activate(store);
      for (let sid = 1; sid <= 14; sid++) await store.release(session(store, sid), NOW_MS);
      const before = session(store, 20);
      await store.changePolicy(proposed(store.policy, tighter, 'op1', NONCE, NOW_MS - HOUR_MS));
      await reopen();
      const { id } = store.policy.proposals[0]!;
      await store.changePolicy(signed('approved', id, 'op2', NOW_MS - HOUR_MS));
      await reopen();
      // A clock that was set back to before the last release does not date the quorum earlier.
      strictEqual(store.policy.proposals[0]!.effectiveAtMs, NOW_MS + HOUR_MS);
      await store.changePolicy({ change: 'effective', proposal: id, atMs: NOW_MS + HOUR_MS });
      await reopen();
      deepStrictEqual([store.policy.inForce, store.counters.spent.length], [tighter, 14]);
      const refused = async (asked: typeof before, nowMs: number) =>
        store.release(asked, nowMs).then(
          () => 'released',
          ({ code, facts }: { code: string; facts: { rule?: string } }) => facts.rule ?? code,
        );
      strictEqual(await refused(before, NOW_MS + HOUR_MS), 'policy/changed');
      strictEqual(await refused(session(store, 21), NOW_MS + HOUR_MS), 'per-day');
      await store.changePolicy(stopped(store.policy));
      await reopen();
      strictEqual(await refused(session(store, 22, { payments: [] }), NOW_MS + HOUR_MS), 'stop');
      await store.close();
    });
  });
});

describe('a policy file', () => {
  it('has one hash, whatever order its lists are written in', () => {
    const json = policyJson();
    const shuffled = {
      ...json,
      kinds: json.kinds.toReversed(),
      approvers: json.approvers.toReversed(),
      operators: { ...json.operators, keys: json.operators.keys.toReversed() },
    };
    strictEqual(policyHash(parsePolicy(shuffled)), policyHash(policyWith()));
    ok(policyHash(policyWith()) !== policyHash(next(() => undefined)));
    strictEqual(policyHash(parsePolicyText(JSON.stringify(policyWith()))), policyHash(policyWith()));
  });

  const wrong: readonly [what: string, path: string, change: (json: PolicyJson) => void][] = [
    ['a member that nobody knows', '', (json) => Object.assign(json, { perDay: '1' })],
    ['a missing member', 'stop', (json) => Object.assign(json, { stop: undefined })],
    ['an address with capitals', 'chains.0.vaults.0', (json) => (json.chains[0]!.vaults = [`0x${'A'.repeat(40)}`])],
    ['an amount that is a number', 'chains.0.tokens.0.perDay', (json) => Object.assign(json.chains[0]!.tokens[0]!, { perDay: 5 })],
    ['a negative amount', 'chains.0.tokens.0.perDay', (json) => (json.chains[0]!.tokens[0]!.perDay = '-1')],
    ['a chain named twice', 'chains', (json) => json.chains.push(json.chains[0]!)],
    ['an unknown kind', 'kinds.0', (json) => (json.kinds = ['everything'])],
    ['a window that ends before it begins', 'hours.0', (json) => (json.hours = [{ kinds: [], days: [1], from: '18:00', to: '08:00' }])],
    [
      'an approver that nobody is',
      'approvals.0.approvers',
      (json) => (json.approvals = [{ kinds: [], token: null, from: '0', required: 1, approvers: ['zoe'], longestLifeS: 1 }]),
    ],
    [
      'more approvals than approvers',
      'approvals.0.required',
      (json) => (json.approvals = [{ kinds: [], token: null, from: '0', required: 2, approvers: ['ann'], longestLifeS: 1 }]),
    ],
    ['one key under two names', 'approvers', (json) => json.approvers.push({ name: 'zoe', scheme: 'ed25519', key: publicKey('ann') })],
    ['a key of another scheme', 'approvers.0.key', (json) => (json.approvers[0]!.scheme = 'eip712')],
    ['a quorum that cannot come together', 'operators.quorum', (json) => (json.operators.quorum = 4)],
    ['one operator key under two names', 'operators.keys', (json) => json.operators.keys.push({ name: 'op4', key: publicKey('op1') })],
    ['a loosening that waits no longer than a tightening', 'changes.looseningDelayS', (json) => (json.changes.looseningDelayS = 3600)],
  ];
  for (const [what, path, change] of wrong) {
    it(`is refused with ${what}, by name`, () => {
      throws(() => policyWith(change), { code: 'policy/bad-file', facts: { path } });
    });
  }

  it('is refused when it is no JSON', () => {
    throws(() => parsePolicyText('{'), { code: 'policy/bad-file' });
    for (const json of [null, [], 'x', 5]) throws(() => parsePolicy(json), { code: 'policy/bad-file' });
  });
});
