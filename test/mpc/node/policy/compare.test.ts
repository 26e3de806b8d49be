import { ok, strictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { toHex } from '#base';
import { approvalDigest, compare, evaluate, INTENT_KINDS, parsePolicy, type Approval, type Counters, type Facts } from '#mpc/node';
import { ANCHOR, bytes, CHAIN, factsWith, NOW_MS, policyJson, policyWith, publicKey, signAs, TOKEN, VAULT, type PolicyJson } from '../fixtures.ts';

type Step = (json: PolicyJson) => void;

const rule = { kinds: ['instruction'], token: null, from: '500', required: 1, approvers: ['ann', 'ben'], longestLifeS: 3600 };
const window = { kinds: ['instruction'], days: [1, 2, 3, 4, 5], from: '08:00', to: '18:00' };
const base: Step = (json) => {
  json.approvals = [structuredClone(rule)];
  json.hours = [structuredClone(window)];
  json.payees.only = [bytes(1, 20), bytes(2, 20)];
  json.clock.witnessS = 900;
};
const direction = (...steps: Step[]) =>
  compare(
    policyWith(base),
    policyWith((json) => {
      base(json);
      for (const step of steps) step(json);
    }),
  );
const token = (json: PolicyJson) => json.chains[0]!.tokens[0]!;
const editRule =
  (changes: object): Step =>
  (json) =>
    (json.approvals = [{ ...rule, ...changes }]);

const TIGHTER: Readonly<Record<string, Step>> = {
  'a stop': (json) => (json.stop = 'payments'),
  'a clock that may go back less': (json) => (json.clock.backwardsS = 4),
  'a clock that may differ less': (json) => (json.clock.witnessS = 60),
  'a kind fewer': (json) => json.kinds.pop(),
  'a chain fewer': (json) => (json.chains = []),
  'a contract fewer': (json) => (json.chains[0]!.vaults = []),
  'a token fewer': (json) => (json.chains[0]!.tokens = []),
  'less in a transaction': (json) => (token(json).perTransaction = '999'),
  'less in a day': (json) => (token(json).perDay = '1999'),
  'less for a payee': (json) => (token(json).perPayeePerDay = '1'),
  'a payee fewer': (json) => json.payees.only!.pop(),
  'shorter hours': (json) => (json.hours = [{ ...window, from: '09:00' }]),
  'hours for another kind': (json) => json.hours.push({ ...window, kinds: ['governance'] }),
  'approvals from a smaller sum on': editRule({ from: '499' }),
  'more approvals': editRule({ required: 2 }),
  'approvals for more kinds': editRule({ kinds: ['instruction', 'governance'] }),
  'an approver fewer': editRule({ approvers: ['ann'] }),
  'shorter lives of approvals': editRule({ longestLifeS: 60 }),
  'a rule more': (json) => json.approvals.push({ ...rule, from: '0', token: TOKEN }),
  'a larger quorum': (json) => (json.operators.quorum = 3),
  'an operator fewer': (json) => json.operators.keys.pop(),
  'longer delays': (json) => (json.changes = { tighteningDelayS: 3601, looseningDelayS: 200_000 }),
};

const LOOSER: Readonly<Record<string, Step>> = {
  'a clock that may go back further': (json) => (json.clock.backwardsS = 6),
  'a clock that nobody confirms': (json) => (json.clock.witnessS = null),
  'a kind more': (json) => json.kinds.push('authorisation'),
  'a chain more': (json) => json.chains.push({ ...json.chains[0]!, chainId: '1' }),
  'a contract more': (json) => json.chains[0]!.vaults.push(bytes(9, 20)),
  'another contract': (json) => (json.chains[0]!.vaults = [bytes(9, 20)]),
  'a token more': (json) => json.chains[0]!.tokens.push({ ...token(json), token: bytes(9, 20) }),
  'more in a transaction': (json) => (token(json).perTransaction = '1001'),
  'more in a day': (json) => (token(json).perDay = '10000'),
  'more for a payee': (json) => (token(json).perPayeePerDay = '1501'),
  'unregistered payees': (json) => (json.payees.registered = false),
  'a payee more': (json) => json.payees.only!.push(bytes(3, 20)),
  'no list of payees': (json) => (json.payees.only = null),
  'longer hours': (json) => (json.hours = [{ ...window, to: '18:01' }]),
  'hours that only moved': (json) => (json.hours = [{ ...window, from: '09:00', to: '19:00' }]),
  'no hours': (json) => (json.hours = []),
  'no rule': (json) => (json.approvals = []),
  'approvals from a larger sum on': editRule({ from: '501' }),
  'approvals of one token only': editRule({ token: TOKEN }),
  'an approver more': (json) => {
    json.approvers.push({ name: 'eve', scheme: 'ed25519', key: publicKey('eve') });
    json.approvals[0]!.approvers.push('eve');
  },
  'another key under an old name': (json) => (json.approvers[0]!.key = publicKey('eve')),
  'longer lives of approvals': editRule({ longestLifeS: 3601 }),
  'an operator more': (json) => json.operators.keys.push({ name: 'eve', key: publicKey('eve') }),
  'an operator’s other key': (json) => (json.operators.keys[0]!.key = publicKey('eve')),
  'a smaller quorum': (json) => (json.operators.quorum = 1),
  'a shorter delay': (json) => (json.changes.tighteningDelayS = 0),
  'a shorter delay for loosening': (json) => (json.changes.looseningDelayS = 172_799),
};

describe('comparing policies', () => {
  for (const [what, step] of Object.entries(TIGHTER)) it(`${what} is a tightening`, () => strictEqual(direction(step), 'tightening'));
  for (const [what, step] of Object.entries(LOOSER))
    it(`${what} is a loosening, however much is tightened beside it`, () => {
      strictEqual(direction(step), 'loosening');
      strictEqual(
        direction((json) => (json.stop = 'payments'), step),
        'loosening',
      );
    });

  it('what says the same in other words is neither', () => {
    strictEqual(
      direction((json) => (json.version = 9)),
      'neither',
    );
    strictEqual(
      direction((json) => json.kinds.reverse()),
      'neither',
    );
    strictEqual(
      direction(
        (json) =>
          (json.hours = [
            { ...window, days: [5, 4, 3, 2, 1], to: '12:00' },
            { ...window, from: '12:00' },
          ]),
      ),
      'neither',
    );
    strictEqual(
      direction((json) => json.approvers.push({ name: 'eve', scheme: 'ed25519', key: publicKey('eve') })),
      'neither',
    );
  });

  it('after anything but a loosening, what the new policy allows the old one allowed', () => {
    const addresses = [VAULT, ANCHOR];
    const some = <T>(values: readonly T[]) => fc.subarray([...values]);
    const amount = fc.constantFrom('0', '100', '200');
    const policies = fc
      .record({
        stop: fc.constantFrom('nothing', 'nothing', 'payments'),
        clock: fc.record({ backwardsS: fc.constantFrom(0, 10), witnessS: fc.constantFrom(null, 10) }),
        kinds: fc.oneof(fc.constant([...INTENT_KINDS]), some(INTENT_KINDS)),
        vaults: fc.oneof(fc.constant(addresses), some(addresses)),
        tokens: fc.constantFrom([TOKEN], [TOKEN], []),
        limits: fc.record({ perTransaction: amount, perDay: amount, perPayeePerDay: amount }),
        payees: fc.record({ registered: fc.boolean(), only: fc.option(some([bytes(1, 20), bytes(2, 20)])) }),
        hours: fc.array(
          fc.record({ kinds: some(INTENT_KINDS), days: some([3, 4]), from: fc.constantFrom('00:00', '12:00'), to: fc.constantFrom('12:01', '24:00') }),
          { maxLength: 1 },
        ),
        approvals: fc.array(
          fc.record({
            kinds: some(INTENT_KINDS),
            token: fc.constantFrom(null, TOKEN),
            from: amount,
            required: fc.constant(1),
            approvers: fc.subarray(['ann', 'ben'], { minLength: 1 }),
            longestLifeS: fc.constantFrom(30, 60),
          }),
          { maxLength: 1 },
        ),
      })
      .map(({ vaults, tokens, limits, ...rest }) => ({
        ...policyJson(),
        ...rest,
        chains: [{ chainId: String(CHAIN), anchors: [], vaults, safes: [], timelocks: [], tokens: tokens.map((token) => ({ token, ...limits })) }],
      }));
    const members = ['stop', 'clock', 'kinds', 'chains', 'payees', 'hours', 'approvals'] as const;
    const pairs = fc.tuple(policies, policies, fc.subarray([...members], { minLength: 1, maxLength: 2 })).map(([old, other, taken]) => {
      const next = { ...old, ...Object.fromEntries(taken.map((member) => [member, other[member]])) };
      return { old: parsePolicy(old), next: parsePolicy(next) };
    });
    const facts = fc
      .record({
        kind: fc.constantFrom(...INTENT_KINDS),
        vault: fc.constantFrom(...addresses),
        payments: fc.array(
          fc.record({
            token: fc.constant(TOKEN),
            payee: fc.constantFrom(bytes(1, 20), bytes(2, 20), VAULT),
            amount: fc.constantFrom(0n, 100n),
            registered: fc.boolean(),
          }),
          { maxLength: 2 },
        ),
        witnessedMs: fc.constantFrom(NOW_MS, NOW_MS - 11_000),
      })
      .map(({ vault, ...rest }): Facts => factsWith({ contracts: [{ role: 'vault', address: vault }], ...rest }));
    const counters = fc
      .record({ behindMs: fc.constantFrom(0, 5_000), amount: fc.constantFrom(0n, 50n, 100n), isIncoming: fc.boolean() })
      .map(({ behindMs, amount, isIncoming }): Counters => ({
        highWaterMs: NOW_MS + behindMs,
        spent: [
          {
            digest: bytes(1, 32),
            atMs: NOW_MS,
            debits: [{ chainId: String(CHAIN), token: TOKEN, payee: isIncoming ? VAULT : bytes(1, 20), amount, ...(isIncoming ? { incoming: true } : {}) }],
          },
        ],
      }));
    // A handful of digests, each signed once.
    const made = new Map<string, Approval>();
    const approval = (approver: string, facts: Facts, expiresS: number): Approval => {
      const digest = approvalDigest(facts, approver, expiresS);
      const known = made.get(toHex(digest)) ?? { approver, expiresS, signature: signAs(approver, digest) };
      made.set(toHex(digest), known);
      return known;
    };
    let [tried, allowed] = [0, 0];
    fc.assert(
      fc.property(
        pairs,
        fc.array(fc.tuple(facts, counters, fc.subarray(['ann', 'ben']), fc.constantFrom(20, 50)), { minLength: 8, maxLength: 8 }),
        ({ old, next }, asked) => {
          if (compare(old, next) === 'loosening') return;
          tried++;
          for (const [facts, counters, signers, lifeS] of asked) {
            const expiresS = NOW_MS / 1000 + lifeS;
            const approvals = signers.map((approver) => approval(approver, facts, expiresS));
            if (!evaluate(next, counters, facts, approvals, NOW_MS).allowed) continue;
            allowed++;
            ok(evaluate(old, counters, facts, approvals, NOW_MS).allowed);
          }
        },
      ),
      { numRuns: 300 },
    );
    ok(tried > 20 && allowed > 20, `${tried} pairs, ${allowed} allowed`);
  });
});
