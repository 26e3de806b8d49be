import { ok, strictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { evaluate, type Counters, type Debit, type Spent } from '#mpc/node';
import { bytes, DAY_MS, factsWith, NOW_MS, policyWith, TOKEN } from '../fixtures.ts';

const OTHER = bytes(0xb2, 20);
const PER_TRANSACTION = 300n;
const PER_PAYEE = 500n;
const PER_DAY = 900n;

const policy = policyWith((json) => {
  const limits = { perTransaction: String(PER_TRANSACTION), perDay: String(PER_DAY), perPayeePerDay: String(PER_PAYEE) };
  json.chains[0]!.tokens = [TOKEN, OTHER].map((token) => ({ token, ...limits }));
  json.clock.backwardsS = 366 * 86_400;
});

interface Asked {
  readonly waitMs: number;
  readonly payments: readonly { readonly token: 0 | 1; readonly payee: number; readonly amount: bigint }[];
}

const payment = fc.record({ token: fc.constantFrom(0 as const, 1 as const), payee: fc.integer({ min: 1, max: 3 }), amount: fc.bigInt({ min: 0n, max: 200n }) });
/** Mostly minutes and hours, sometimes days, sometimes backwards. */
const waitMs = fc.oneof(
  fc.integer({ min: 0, max: 60_000 }),
  fc.integer({ min: 0, max: 8 * 3_600_000 }),
  fc.integer({ min: -3_600_000, max: 0 }),
  fc.constant(DAY_MS),
  fc.constant(DAY_MS - 1),
);
const requests = fc.array(fc.record({ waitMs, payments: fc.array(payment, { minLength: 1, maxLength: 4 }) }), { minLength: 1, maxLength: 60 });

/** Asks one after another, as a node would: what is allowed is counted, what is older than a day may be forgotten. */
function run(asked: readonly Asked[]): Spent[] {
  const left: Spent[] = [];
  let counters: Counters = { highWaterMs: 0, spent: [] };
  let nowMs = NOW_MS;
  asked.forEach(({ waitMs, payments }, i) => {
    nowMs += waitMs;
    const facts = factsWith({
      digest: `0x${i.toString(16).padStart(64, '0')}`,
      payments: payments.map(({ token, payee, amount }) => ({ token: [TOKEN, OTHER][token]!, payee: bytes(payee, 20), amount, registered: true })),
    });
    const verdict = evaluate(policy, counters, facts, [], nowMs);
    if (!verdict.allowed) return;
    left.push(verdict.debits);
    const highWaterMs = Math.max(counters.highWaterMs, verdict.debits.atMs);
    counters = { highWaterMs, spent: [...counters.spent, verdict.debits].filter(({ atMs }) => highWaterMs - atMs < DAY_MS) };
  });
  return left;
}

function totalsOf(debits: readonly Debit[], keyOf: (debit: Debit) => string): bigint[] {
  return [...Map.groupBy(debits, keyOf).values()].map((group) => group.reduce((total, { amount }) => total + amount, 0n));
}

describe('the limits of a policy', () => {
  it('hold in every rolling day, for every token and every payee, however a sum is split over requests and payments', () => {
    fc.assert(
      fc.property(requests, (asked) => {
        const left = run(asked);
        for (const { debits } of left) ok(totalsOf(debits, ({ token }) => token).every((total) => total <= PER_TRANSACTION));
        for (const { atMs: start } of left) {
          const day = left.filter(({ atMs }) => atMs >= start && atMs - start < DAY_MS).flatMap(({ debits }) => debits);
          ok(totalsOf(day, ({ token }) => token).every((total) => total <= PER_DAY));
          ok(totalsOf(day, ({ token, payee }) => `${token}${payee}`).every((total) => total <= PER_PAYEE));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('let pass what keeps within them: the last unit is allowed, one more is not', () => {
    const pay = (amount: bigint, payee: number): Asked => ({ waitMs: 0, payments: [{ token: 0, payee, amount }] });
    const nine = Array.from({ length: 9 }, (_, i) => pay(100n, (i % 3) + 1));
    strictEqual(run(nine).length, 9);
    strictEqual(run([...nine, pay(1n, 1)]).length, 9);
    strictEqual(run([...nine, { ...pay(1n, 1), waitMs: DAY_MS - 1 }]).length, 9);
    strictEqual(run([...nine, { ...pay(300n, 1), waitMs: DAY_MS }]).length, 10);
    strictEqual(run([...nine, { waitMs: 0, payments: [{ token: 1, payee: 1, amount: 300n }] }]).length, 10);
  });
});
