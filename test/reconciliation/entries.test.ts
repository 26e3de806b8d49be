import assert from 'node:assert/strict';
import { newId, NIL_UUID, type AccountId, type AssetNo, type TransferId, type Uuid } from '#base';
import { FINAL_POST, PENDING, POST_PENDING, SETTLES, TRANSFER_CODES, VOID_PENDING, type LedgerRecord, type TransferRecord } from '#ledger/core';
import { PAYMENT_TRANSITIONS, type PaymentState } from '#payments';
import { claimOf, disagreement } from '#reconciliation';

const id = <Id extends string>(n: number): Id => newId<Uuid<string>>(n, (length) => new Uint8Array(length).fill(n)) as unknown as Id;
const PAYMENT = id<Uuid<'payment'>>(1);
const HOLD = id<TransferId>(2);
const STATES = Object.keys(PAYMENT_TRANSITIONS) as PaymentState[];

function transfer(change: Partial<TransferRecord>): TransferRecord {
  return {
    kind: 'transfer',
    seq: 7n,
    nowMs: 9,
    id: HOLD,
    pendingId: NIL_UUID as TransferId,
    debit: id<AccountId>(3),
    credit: id<AccountId>(4),
    asset: 1 as AssetNo,
    amount: 5n,
    code: TRANSFER_CODES.payout,
    flags: PENDING | SETTLES,
    timeoutS: 0,
    effectiveMs: 0,
    reference: PAYMENT,
    ...change,
  };
}

/** A record of each kind that says something of a payment, and the states in which the payment may be after it. */
const CLAIMS: readonly (readonly [what: string, record: LedgerRecord, states: readonly PaymentState[]])[] = [
  ['a hold', transfer({}), ['held', 'instructed', 'settled', 'returned', 'expired']],
  ['a posting', transfer({ id: id<TransferId>(5), pendingId: HOLD, flags: POST_PENDING | FINAL_POST }), ['settled']],
  ['a voiding', transfer({ id: id<TransferId>(5), pendingId: HOLD, flags: VOID_PENDING }), ['returned']],
  ['an expiry', { kind: 'expiry', seq: 7n, nowMs: 9, transfer: HOLD }, ['expired']],
];

describe('an entry and the payment that it is about', () => {
  for (const [what, record, states] of CLAIMS) {
    it(`agree after ${what} where the payment is ${states.join(' or ')}, and nowhere else`, () => {
      const claim = claimOf(record)!;
      assert.equal(claim.hold, HOLD);
      const agreeing = STATES.filter((state) => disagreement(record, claim, { payment: PAYMENT, state }) === null);
      assert.deepEqual(agreeing.sort(), [...states].sort());
      assert.match(disagreement(record, claim, { payment: PAYMENT, state: 'quoted' })!, new RegExp(`${PAYMENT} is quoted after record 7`));
    });
  }

  it('disagree where there is no payment, but for the expiry of somebody else’s hold', () => {
    const lonely = CLAIMS.filter(([, record]) => disagreement(record, claimOf(record)!, undefined) !== null).map(([what]) => what);
    assert.deepEqual(lonely, ['a hold', 'a posting', 'a voiding']);
  });

  it('are not compared where the entry is of no payment, or not the leg by which it is known', () => {
    assert.equal(claimOf(transfer({ reference: NIL_UUID as Uuid<string> })), null);
    assert.equal(claimOf(transfer({ code: TRANSFER_CODES.fee })), null);
    assert.equal(claimOf(transfer({ flags: 0 })), null);
  });
});
