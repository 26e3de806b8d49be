import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict';
import { evaluate, RULES, type Approval, type Counters, type Facts, type Policy, type Spent } from '#mpc/node';
import { ANCHOR, bytes, CHAIN, DAY_MS, factsWith, NOW_MS, PAYEE, policyWith, SAFE, TIMELOCK, TOKEN, VAULT, type PolicyJson } from '../fixtures.ts';

const FRESH: Counters = { highWaterMs: 0, spent: [] };
const pay = (amount: bigint, changes = {}) => ({ token: TOKEN, payee: PAYEE, amount, registered: true, ...changes });
const spent = (atMs: number, amount: bigint, digest = 1, payee = PAYEE): Spent => ({
  digest: bytes(digest, 32),
  atMs,
  debits: [{ chainId: String(CHAIN), token: TOKEN, payee, amount }],
});

const incoming = (amount: bigint, changes = {}, digest = bytes(0x1c, 32)): Facts =>
  factsWith({
    kind: 'authorisation',
    digest,
    contracts: [
      { role: 'token', address: TOKEN },
      { role: 'vault', address: VAULT },
    ],
    payments: [pay(amount, { payee: VAULT, registered: false, ...changes })],
  });

interface Ask {
  readonly policy?: Policy;
  readonly counters?: Counters;
  readonly facts?: Facts;
  readonly approvals?: readonly Approval[];
  readonly nowMs?: number;
}

/** "allowed", or the rule that objects. */
function ruling({ policy = policyWith(), counters = FRESH, facts = factsWith(), approvals = [], nowMs = NOW_MS }: Ask = {}): string {
  const verdict = evaluate(policy, counters, facts, approvals, nowMs);
  if (!verdict.allowed) ok(verdict.reason.endsWith('.') && !verdict.reason.includes('undefined'), verdict.reason);
  return verdict.allowed ? 'allowed' : verdict.rule;
}

describe('the policy of a node', () => {
  it('allows what nothing objects to, and says what to debit', () => {
    deepStrictEqual(evaluate(policyWith(), FRESH, factsWith(), [], NOW_MS), {
      allowed: true,
      debits: { digest: bytes(0x0d, 32), atMs: NOW_MS, debits: [{ chainId: '31337', token: TOKEN, payee: PAYEE, amount: 100n }] },
    });
  });

  it('names the first rule that objects, in the documented order', () => {
    // Every rule is made to object at once; then one after another, from the first, is satisfied.
    const json = (policy: PolicyJson) => {
      policy.stop = 'everything';
      policy.kinds = [];
      policy.hours = [{ kinds: ['instruction'], days: [1], from: '00:00', to: '00:01' }];
      policy.approvals = [{ kinds: ['instruction'], token: null, from: '0', required: 1, approvers: ['ann'], longestLifeS: 60 }];
    };
    const stranger = bytes(0xee, 20);
    let facts = factsWith({
      chainId: 1n,
      contracts: [{ role: 'vault', address: stranger }],
      payments: [pay(1001n, { token: stranger, registered: false })],
    });
    let counters: Counters = { highWaterMs: NOW_MS + 6_000, spent: [spent(NOW_MS, 1_990n)] };
    const fixes: readonly ((policy: PolicyJson) => void)[] = [
      (policy) => (policy.stop = 'nothing'),
      () => (counters = { ...counters, highWaterMs: NOW_MS }),
      (policy) => (policy.kinds = ['instruction']),
      () => (facts = { ...facts, chainId: CHAIN }),
      () => (facts = { ...facts, contracts: [{ role: 'vault', address: VAULT }] }),
      () => (facts = { ...facts, payments: [pay(1001n, { registered: false })] }),
      () => (facts = { ...facts, payments: [pay(1001n)] }),
      () => (facts = { ...facts, payments: [pay(11n)] }),
      () => (facts = { ...facts, payments: [pay(11n, { payee: stranger })] }),
      () => (counters = { ...counters, spent: [] }),
      (policy) => (policy.hours = []),
      (policy) => (policy.approvals = []),
    ];
    const seen: string[] = [];
    for (let satisfied = 0; satisfied <= RULES.length; satisfied++) {
      const policy = policyWith((policy) => {
        json(policy);
        for (const fix of fixes.slice(0, satisfied)) fix(policy);
      });
      seen.push(ruling({ policy, facts, counters }));
    }
    deepStrictEqual(seen, [...RULES, 'allowed']);
  });

  it('stops everything, or everything but anchors and cancellations', () => {
    const anchor = factsWith({ kind: 'anchor', contracts: [{ role: 'anchor', address: ANCHOR }], payments: [] });
    const cancel = factsWith({ kind: 'cancel', payments: [] });
    const govern = factsWith({ kind: 'governance', contracts: [{ role: 'safe', address: SAFE }], payments: [] });
    const veto = factsWith({ kind: 'timelockCancel', contracts: [{ role: 'timelock', address: TIMELOCK }], payments: [] });
    const under = (stop: string) =>
      [anchor, cancel, veto, govern, factsWith()].map((facts) => ruling({ policy: policyWith((json) => (json.stop = stop)), facts }));
    deepStrictEqual(under('nothing'), ['allowed', 'allowed', 'allowed', 'allowed', 'allowed']);
    deepStrictEqual(under('payments'), ['allowed', 'allowed', 'allowed', 'stop', 'stop']);
    deepStrictEqual(under('everything'), ['stop', 'stop', 'stop', 'stop', 'stop']);
  });

  it('wants every contract of an intent listed in its own role, on its own chain', () => {
    const contracts = (...listed: Facts['contracts']) => ruling({ facts: factsWith({ contracts: listed }) });
    strictEqual(contracts({ role: 'safe', address: SAFE }, { role: 'timelock', address: TIMELOCK }, { role: 'token', address: TOKEN }), 'allowed');
    strictEqual(contracts({ role: 'safe', address: SAFE }, { role: 'timelock', address: VAULT }), 'contract');
    strictEqual(contracts({ role: 'vault', address: ANCHOR }), 'contract');
    strictEqual(contracts({ role: 'token', address: VAULT }), 'contract');
    strictEqual(contracts(), 'contract');
    const elsewhere = policyWith((json) => json.chains.push({ ...json.chains[0]!, chainId: '5', vaults: [bytes(0xee, 20)] }));
    strictEqual(ruling({ policy: elsewhere, facts: factsWith({ contracts: [{ role: 'vault', address: bytes(0xee, 20) }] }) }), 'contract');
  });

  it('wants payees registered, listed, both or neither, as it says', () => {
    const stranger = bytes(0xee, 20);
    const under = (registered: boolean, only: `0x${string}`[] | null) =>
      [pay(1n), pay(1n, { registered: false }), pay(1n, { payee: stranger })].map((payment) =>
        ruling({ policy: policyWith((json) => (json.payees = { registered, only })), facts: factsWith({ payments: [payment] }) }),
      );
    deepStrictEqual(under(true, null), ['allowed', 'payee', 'allowed']);
    deepStrictEqual(under(true, [PAYEE]), ['allowed', 'payee', 'payee']);
    deepStrictEqual(under(false, [PAYEE]), ['allowed', 'allowed', 'payee']);
    deepStrictEqual(under(false, null), ['allowed', 'allowed', 'allowed']);
  });

  it('adds up the payments of one transaction, and of one payee within it', () => {
    const payments = (...all: bigint[]) => ruling({ facts: factsWith({ payments: all.map((amount, i) => pay(amount, { payee: bytes(i + 1, 20) })) }) });
    strictEqual(payments(500n, 500n), 'allowed');
    strictEqual(payments(500n, 501n), 'per-transaction');
    const tight = policyWith((json) => (json.chains[0]!.tokens[0]!.perPayeePerDay = '900'));
    strictEqual(ruling({ policy: tight, facts: factsWith({ payments: [pay(450n), pay(451n)] }) }), 'per-payee');
    throws(() => ruling({ facts: factsWith({ payments: [pay(1000n), pay(-500n)] }) }), { name: 'AssertionFailure' });
  });

  it('counts a rolling day: to its last millisecond, and each token, payee and chain apart', () => {
    const counted = (atMs: number, amount: bigint, nowMs = NOW_MS, payee = PAYEE) =>
      ruling({ counters: { highWaterMs: atMs, spent: [spent(atMs, amount, 1, payee)] }, nowMs });
    strictEqual(counted(NOW_MS - DAY_MS + 1, 1401n), 'per-payee');
    strictEqual(counted(NOW_MS - DAY_MS, 1401n), 'allowed');
    strictEqual(counted(NOW_MS, 1400n), 'allowed');
    strictEqual(counted(NOW_MS, 1900n, NOW_MS, bytes(0xee, 20)), 'allowed');
    strictEqual(counted(NOW_MS, 1901n, NOW_MS, bytes(0xee, 20)), 'per-day');
    const elsewhere = { ...spent(NOW_MS, 5000n), debits: [{ chainId: '1', token: TOKEN, payee: PAYEE, amount: 5000n }] };
    strictEqual(ruling({ counters: { highWaterMs: NOW_MS, spent: [elsewhere] } }), 'allowed');
  });

  it('counts one digest once, however often it is signed', () => {
    const counters = { highWaterMs: NOW_MS, spent: [spent(NOW_MS, 1500n, 0x0d)] };
    strictEqual(ruling({ counters, facts: factsWith({ payments: [pay(1000n)] }) }), 'allowed');
    strictEqual(ruling({ counters, facts: factsWith({ payments: [pay(1000n)], digest: bytes(2, 32) }) }), 'per-payee');
  });

  it('judges only what a request adds to, where a limit was lowered below what is spent', () => {
    const policy = policyWith((json) => (json.chains[0]!.tokens[0]!.perPayeePerDay = '300'));
    const counters = { highWaterMs: NOW_MS, spent: [spent(NOW_MS, 400n)] };
    strictEqual(ruling({ policy, counters }), 'per-payee');
    strictEqual(ruling({ policy, counters, facts: factsWith({ payments: [pay(100n, { payee: bytes(0xee, 20) })] }) }), 'allowed');
  });

  it('lets money come into a listed vault and nowhere else, whoever may be paid', () => {
    const policy = policyWith((json) => {
      json.kinds = ['authorisation'];
      json.payees = { registered: true, only: [PAYEE] };
    });
    const into = (payee: `0x${string}`) => ruling({ policy, facts: incoming(1n, { payee }) });
    deepStrictEqual([into(VAULT), into(PAYEE), into(bytes(0xee, 20))], ['allowed', 'payee', 'payee']);
    strictEqual(ruling({ policy, facts: { ...incoming(1n), kind: 'instruction' } }), 'kind');
    const paying = policyWith((json) => (json.payees = { registered: true, only: [PAYEE] }));
    strictEqual(ruling({ policy: paying, facts: factsWith({ payments: [pay(1n, { payee: VAULT, registered: false })] }) }), 'payee');
    strictEqual(ruling({ policy: policyWith((json) => ((json.kinds = ['authorisation']), (json.stop = 'payments'))), facts: incoming(1n) }), 'stop');
  });

  it('counts what comes in and what goes out apart, each against the same limits', () => {
    const policy = policyWith((json) => (json.kinds = ['authorisation', 'instruction']));
    const verdict = evaluate(policy, FRESH, incoming(1000n), [], NOW_MS);
    ok(verdict.allowed);
    deepStrictEqual(verdict.debits.debits, [{ chainId: '31337', token: TOKEN, payee: VAULT, amount: 1000n, incoming: true }]);
    const counters = { highWaterMs: NOW_MS, spent: [verdict.debits, { ...spent(NOW_MS, 500n), digest: bytes(3, 32) }] };
    const digest = bytes(4, 32);
    strictEqual(ruling({ policy, counters, facts: factsWith({ digest, payments: [pay(1000n)] }) }), 'allowed');
    strictEqual(ruling({ policy, counters, facts: factsWith({ digest, payments: [pay(1000n), pay(1n)] }) }), 'per-transaction');
    deepStrictEqual(
      [500n, 501n].map((amount) => ruling({ policy, counters, facts: incoming(amount, {}, digest) })),
      ['allowed', 'per-payee'],
    );
    strictEqual(ruling({ policy, counters, facts: incoming(1001n, {}, digest) }), 'per-transaction');
    const paidTwice = { highWaterMs: NOW_MS, spent: [spent(NOW_MS, 1500n), spent(NOW_MS, 500n, 2, bytes(0xee, 20))] };
    strictEqual(ruling({ policy, counters: paidTwice, facts: incoming(1000n) }), 'allowed');
    strictEqual(ruling({ policy, counters: paidTwice, facts: factsWith({ payments: [pay(1n, { payee: bytes(0xef, 20) })] }) }), 'per-day');
  });

  it('refuses by a clock that went back, and forgets nothing when it went back a little', () => {
    const at = (behindMs: number) => ruling({ counters: { highWaterMs: NOW_MS, spent: [] }, nowMs: NOW_MS - behindMs });
    deepStrictEqual([at(0), at(5_000), at(5_001)], ['allowed', 'allowed', 'clock']);
    // Windows and days go by the latest time that was seen.
    const counters = { highWaterMs: NOW_MS, spent: [spent(NOW_MS - DAY_MS, 1500n)] };
    strictEqual(ruling({ counters, nowMs: NOW_MS - 5_000 }), 'allowed');
    const verdict = evaluate(policyWith(), counters, factsWith(), [], NOW_MS - 5_000);
    ok(verdict.allowed && verdict.debits.atMs === NOW_MS);
  });

  it('refuses by a clock that the chain contradicts, forwards as backwards, or that nobody confirms', () => {
    const policy = policyWith((json) => (json.clock.witnessS = 900));
    const at = (witnessedMs?: number) => ruling({ policy, facts: factsWith(witnessedMs === undefined ? {} : { witnessedMs }) });
    deepStrictEqual([at(NOW_MS), at(NOW_MS - 900_000), at(NOW_MS - 900_001), at(NOW_MS + 900_001), at()], ['allowed', 'allowed', 'clock', 'clock', 'clock']);
  });

  it('keeps the hours of the week in UTC, each kind its own', () => {
    const policy = policyWith((json) => {
      json.hours = [
        { kinds: ['instruction'], days: [1, 2, 3, 4, 5], from: '08:00', to: '18:00' },
        { kinds: ['instruction'], days: [7], from: '23:00', to: '24:00' },
      ];
    });
    const at = (iso: string, kind: Facts['kind'] = 'instruction') => ruling({ policy, nowMs: Date.parse(iso), facts: factsWith({ kind }) });
    // 2026-01-05 is a Monday.
    deepStrictEqual(
      ['2026-01-05T07:59:59.999Z', '2026-01-05T08:00:00Z', '2026-01-05T17:59:59.999Z', '2026-01-05T18:00:00Z', '2026-01-10T12:00:00Z'].map((iso) => at(iso)),
      ['hours', 'allowed', 'allowed', 'hours', 'hours'],
    );
    deepStrictEqual(
      ['2026-01-11T22:59:00Z', '2026-01-11T23:59:59.999Z', '2026-01-12T00:00:00Z'].map((iso) => at(iso)),
      ['hours', 'allowed', 'hours'],
    );
    strictEqual(at('2026-01-10T12:00:00Z', 'cancel'), 'allowed');
  });
});
