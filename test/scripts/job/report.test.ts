import assert from 'node:assert/strict';
import type { PaymentFact } from '../../../scripts/job/facts.ts';
import { renderServing } from '../../../scripts/job/report.ts';

const PAYMENT: PaymentFact = {
  id: '0190e000-0001-7000-8000-000000000001',
  merchant: 'Kita Trading K.K.',
  endToEndId: 'KITA-2611-001',
  payee: 'Penang Pewter Sdn. Bhd.',
  instructed: '412000.00',
  currency: 'JPY',
  state: 'settled',
  reasonCode: null,
  reason: null,
  pays: { amount: '2765.756000', asset: 'tUSD' },
  costs: { total: '2564.205764123456789012', fee: '4.122921123456789012', spread: '1.0', rounding: '0.0', asset: 'tEUR' },
  rate: '0.006213',
  transaction: null,
  receipt: null,
  verified: true,
  problem: null,
};

describe('what the terminal says', () => {
  it('names a receipt that there is, so that its command can be copied as it stands', () => {
    const serving = { url: 'http://127.0.0.1:1', keys: { operator: 'o', merchant: 'm' }, rpcUrl: 'http://127.0.0.1:2', state: '.cairn/state' };
    const unproven = { ...PAYMENT, id: 'unproven', verified: null };
    assert.match(renderServing({ payments: [unproven, PAYMENT] }, serving), new RegExp(`verify \\.cairn/state/receipts/${PAYMENT.id}\\.json --rpc`));
    assert.doesNotMatch(renderServing({ payments: [unproven] }, serving), /receipts\//);
  });
});
