import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { NIL_UUID, type BookId } from '#base';
import { FINAL_POST, PENDING, POST_PENDING, VOID_PENDING, type Hold, type LedgerRecord, type TransferRecord } from '#ledger/core';
import { eventOf, isSigned, retryMs, signatureOf, TOLERANCE_S } from '../../../src/webhooks/core/core.ts';
import { idOf } from '../../ledger/support/table.ts';

const BOOK = '0190000b-0000-7000-8000-000000000001' as BookId;
const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
const nowS = fc.integer({ min: 1_000_000_000, max: 4_000_000_000 });

describe('the signature of what a merchant is told', () => {
  it('is HMAC-SHA256 of the time, a full stop and the body, as any other library makes it', () => {
    fc.assert(
      fc.property(secret, nowS, fc.string({ unit: 'grapheme' }), (key, timeS, body) => {
        const mac = createHmac('sha256', key).update(`${timeS}.${body}`).digest('hex');
        assert.equal(signatureOf(key, timeS, body), `t=${timeS},v1=${mac}`);
      }),
    );
  });

  it('holds for five minutes, for this body and this secret, and for nothing else', () => {
    fc.assert(
      fc.property(secret, nowS, fc.string(), fc.integer({ min: -TOLERANCE_S, max: TOLERANCE_S }), (key, timeS, body, offS) => {
        const header = signatureOf(key, timeS, body);
        assert.ok(isSigned(key, { header, body, nowS: timeS + offS }));
        assert.ok(!isSigned(key, { header, body, nowS: timeS + TOLERANCE_S + 1 }));
        assert.ok(!isSigned(key, { header, body, nowS: timeS - TOLERANCE_S - 1 }));
        assert.ok(!isSigned(key, { header, body: `${body} `, nowS: timeS }));
        assert.ok(!isSigned(key, { header: header.replace(`t=${timeS}`, `t=${timeS + 1}`), body, nowS: timeS }), 'the time is signed as well');
        assert.ok(
          !isSigned(
            key.map((byte, i) => (i === 31 ? byte ^ 1 : byte)),
            { header, body, nowS: timeS },
          ),
        );
        const last = header.at(-1) === '0' ? '1' : '0';
        assert.ok(!isSigned(key, { header: header.slice(0, -1) + last, body, nowS: timeS }));
      }),
    );
    for (const header of ['', 't=1', 'v1=00', `t=1,v1=${'0'.repeat(63)}`, `t=1,v1=${'0'.repeat(64)},v1=`])
      assert.ok(!isSigned(new Uint8Array(32), { header, body: '', nowS: 1 }));
  });
});

function transfer(change: Partial<TransferRecord>): TransferRecord {
  const bare = {
    kind: 'transfer',
    seq: 7n,
    nowMs: 9,
    amount: 5n,
    asset: 1,
    code: 1,
    timeoutS: 0,
    effectiveMs: 0,
    pendingId: NIL_UUID,
    reference: NIL_UUID,
    flags: 0,
  };
  return { ...bare, id: idOf('T'), debit: idOf('A'), credit: idOf('B'), ...change } as TransferRecord;
}

describe('what a merchant is told of a record', () => {
  const none = () => null;

  it('is what became of a transfer, under an id that is the record’s', () => {
    const types = [0, PENDING, POST_PENDING | FINAL_POST, VOID_PENDING].map((flags) => eventOf(BOOK, transfer({ flags }), none)!.event.type);
    assert.deepEqual(types, ['transfer.booked', 'transfer.held', 'transfer.posted', 'transfer.voided']);
    const told = eventOf(BOOK, transfer({ pendingId: idOf('H'), reference: idOf('R'), flags: POST_PENDING }), none)!;
    assert.deepEqual(told.accounts, [idOf('A'), idOf('B')]);
    assert.deepEqual(told.event, {
      id: `evt_${BOOK}_7`,
      type: 'transfer.posted',
      book: BOOK,
      seq: '7',
      recordedMs: 9,
      transfer: idOf('T'),
      hold: idOf('H'),
      reference: idOf('R'),
    });
  });

  it('is of the hold where that expires, and nothing where no money moves', () => {
    const hold = { id: idOf('H'), debit: idOf('A'), credit: idOf('B'), reference: NIL_UUID } as Hold;
    const expiry = { kind: 'expiry', seq: 8n, nowMs: 9, transfer: hold.id } as LedgerRecord;
    const told = eventOf(BOOK, expiry, (id) => (id === hold.id ? hold : null))!;
    assert.deepEqual(
      [told.event.type, told.event.transfer, told.event.reference, told.accounts],
      ['transfer.expired', hold.id, null, [hold.debit, hold.credit]],
    );
    assert.equal(eventOf(BOOK, expiry, none), null);
    assert.equal(eventOf(BOOK, { kind: 'window', seq: 9n, nowMs: 9 } as LedgerRecord, none), null);
  });

  it('is tried again after ever longer waits, spread over a quarter of each, for about three days', () => {
    const waits = Array.from({ length: 20 }, (_, i) => retryMs(i + 1, 0, 0));
    const tries = waits.filter((wait) => wait !== null);
    assert.deepEqual(waits.slice(tries.length), Array<null>(20 - tries.length).fill(null));
    assert.deepEqual(
      [...tries].sort((a, b) => a - b),
      tries,
    );
    const days = tries.reduce((sum, wait) => sum + wait, 0) / 86_400_000;
    assert.ok(days > 2.5 && days < 3.5, `${days} days`);
    for (let i = 1; i <= tries.length; i++) assert.equal(retryMs(i, 1_000, 255), 1_000 + tries[i - 1]! + Math.floor((tries[i - 1]! * 255) / 1024));
  });
});
