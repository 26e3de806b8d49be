import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { toHex, uintBytes, type Hex } from '#base';
import type { PartyId } from '#mpc/protocol';
import { affordable, cancelFees, CANCEL_GAS, raised, reserveOf, type PendingOperation } from '../../../../mpc/node/book/book.ts';
import { feeStage } from '../../../../mpc/node/book/cancelFees.ts';
import { isEnough, leaderAt, nextObjection } from '../../../../mpc/node/watch/plan.ts';

const PARTIES = [1, 2, 3] as PartyId[];
const GWEI = 10n ** 9n;
const id = (n: bigint): Hex => toHex(uintBytes(n, 32));
const wei = fc.bigInt({ min: 0n, max: 10n ** 13n });
const stage = fc.integer({ min: 0, max: 16 });

function pending(operation: bigint, dueS: bigint, more: Partial<PendingOperation> = {}): PendingOperation {
  const scheduled = {
    id: id(operation),
    calls: [],
    predecessor: id(0n),
    salt: id(0n),
    delayS: 60n,
    state: 'pending',
    transaction: id(0n),
    proposedBy: null,
  } as const;
  return { operation: scheduled, objection: 'not-agreed', dueS, isOpen: true, ...more };
}

describe('who cancels what, and for how much,', () => {
  it('is the same for every node: one leader at a time, each in its turn, and no two the same in a round', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), fc.nat(), fc.integer({ min: 1, max: 100_000 }), (operation, turn, turnMs) => {
        const leaders = PARTIES.map((_, i) => leaderAt(id(operation), PARTIES, (turn + i) * turnMs, turnMs));
        assert.deepEqual(
          leaders.toSorted((a, b) => a - b),
          PARTIES,
        );
        assert.equal(leaderAt(id(operation), PARTIES, turn * turnMs + turnMs - 1, turnMs), leaders[0]);
      }),
    );
  });

  it('begins with what is due first, leaves out what is agreed or over, and does not depend on the order of the chain', () => {
    const all = [pending(9n, 50n), pending(2n, 40n, { objection: null }), pending(3n, 40n, { isOpen: false }), pending(5n, 45n), pending(4n, 45n)];
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (shuffled) => {
        assert.equal(nextObjection(shuffled)?.operation.id, id(4n));
      }),
    );
    assert.equal(nextObjection(all.slice(1, 3)), undefined);
  });

  it('rises to its highest by half of the delay, and never falls as time runs out', () => {
    const at = (leftS: bigint): number => feeStage({ delayS: 172_800n, leftS });
    assert.deepEqual([at(172_800n), at(180_000n), at(86_400n), at(0n), at(-9n)], [0, 0, 16, 16, 16]);
    assert.equal(feeStage({ delayS: 0n, leftS: 0n }), 16);
    fc.assert(fc.property(fc.nat(172_800), fc.nat(172_800), (a, b) => at(BigInt(Math.max(a, b))) <= at(BigInt(Math.min(a, b)))));
    assert.deepEqual(cancelFees(20n * GWEI, 0), { maxFeePerGas: 42n * GWEI, maxPriorityFeePerGas: 2n * GWEI });
    assert.ok(cancelFees(20n * GWEI, 16).maxFeePerGas * CANCEL_GAS < 15n * 10n ** 16n);
  });

  it('replaces by a tenth more in both members at least, and by what is due now', () => {
    fc.assert(
      fc.property(wei, stage, wei, stage, (base, from, laterBase, to) => {
        const before = cancelFees(base, from);
        const due = cancelFees(laterBase, to);
        const next = raised(due, before);
        for (const member of ['maxFeePerGas', 'maxPriorityFeePerGas'] as const) {
          assert.ok(next[member] * 10n >= before[member] * 11n);
          assert.ok(next[member] >= due[member]);
        }
        assert.ok(next.maxFeePerGas >= next.maxPriorityFeePerGas);
      }),
    );
  });

  it('is never more than the account holds, and twice the highest is what it should hold', () => {
    fc.assert(
      fc.property(wei, stage, fc.bigInt({ min: 0n, max: 10n ** 19n }), (base, at, balance) => {
        const { maxFeePerGas, maxPriorityFeePerGas } = affordable(cancelFees(base, at), balance);
        assert.ok(maxFeePerGas * CANCEL_GAS <= balance && maxPriorityFeePerGas <= maxFeePerGas);
        assert.deepEqual(affordable(cancelFees(base, at), reserveOf(base)), cancelFees(base, at));
      }),
    );
  });

  it('is enough where it is the next transaction, can be mined, and offers what is due', () => {
    const due = cancelFees(20n * GWEI, 3);
    const now = { nonce: 7n, baseFeePerGas: 20n * GWEI, due };
    assert.ok(isEnough({ nonce: 7n, ...due }, now));
    assert.ok(!isEnough({ nonce: 6n, ...due }, now), 'another transaction came first');
    assert.ok(!isEnough({ nonce: 7n, ...cancelFees(20n * GWEI, 2) }, now), 'more is due by now');
    assert.ok(!isEnough({ nonce: 7n, ...due }, { ...now, baseFeePerGas: due.maxFeePerGas }), 'the base fee rose over it');
  });
});
