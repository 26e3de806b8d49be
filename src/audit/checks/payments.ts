import { legIdOf, type State } from '#ledger/core';
import { paymentIdOf } from '#payments/core';
import type { PaymentEntry } from '../export/format.ts';
import type { Exported } from '../export/read.ts';
import type { Findings } from '../findings.ts';
import type { Authority } from './authority.ts';
import type { HoldBook } from './holds.ts';

/** What payments tells its merchants, against the book and the signed files. */
export function checkPayments({ authority, payments: held }: HoldBook, state: State, { payments }: Exported, findings: Findings): void {
  const shown = new Set(payments.map(({ payment }) => payment));
  for (const { payment, seq } of held.values())
    if (!shown.has(payment)) findings.add('payment', seq, `Payment ${payment}, held in record ${seq}, is not among the payments that merchants are shown`);
  for (const [order, { file, seq }] of authority.orders) {
    const missing = Array.from({ length: file?.payments.length ?? 0 }, (_, position) => paymentIdOf(order, position)).filter((payment) => !shown.has(payment));
    const [first] = missing;
    if (first) findings.add('payment', seq, `Of the order ${order} of record ${seq} ${missing.length} payments are not shown to the merchant, first ${first}`);
  }
  for (const entry of payments) {
    const hold = state.holds.get(legIdOf(entry.payment, 0));
    const seq = hold?.seq ?? authority.orders.get(entry.order)?.seq ?? null;
    const say = (what: string): void => findings.add('payment', seq, `Payment ${entry.payment} is shown ${what}`);
    checkLine(authority, entry, say);
    if (entry.hold !== legIdOf(entry.payment, 0)) say(`with the hold ${entry.hold}, which is not its own`);
    // Between the hold and the note of it a payment is still called quoted.
    const isNoted = entry.holdSeq === (hold?.seq ?? null) || (entry.holdSeq === null && entry.state === 'quoted');
    if (!isNoted) say(`with the hold of record ${entry.holdSeq}; ${hold ? `it is in record ${hold.seq}` : 'the book holds nothing for it'}`);
    const ended = {
      open: ['quoted', 'held', 'instructed'],
      posted: ['held', 'instructed', 'settled'],
      voided: ['held', 'instructed', 'returned'],
      expired: ['held', 'expired'],
    } as const;
    const allowed: readonly string[] = hold ? ended[hold.status] : ['received', 'screened', 'quoted', 'refused'];
    if (!allowed.includes(entry.state))
      say(`as ${entry.state}; ${hold ? `its hold in record ${hold.seq} is ${hold.status}` : 'the book holds nothing for it'}`);
  }
}

function checkLine({ orders }: Authority, entry: PaymentEntry, say: (what: string) => void): void {
  const order = orders.get(entry.order);
  if (!order) return say(`as one of order ${entry.order}, for which no merchant signed`);
  if (order.message.merchant !== entry.merchant)
    say(`as merchant ${entry.merchant}’s; merchant ${order.message.merchant} signed its order in record ${order.seq}`);
  const parsed = order.file?.payments[entry.position];
  if (!order.file) return;
  if (!parsed) return say(`as payment ${entry.position} of a signed file with ${order.file.payments.length}`);
  const inFile = {
    endToEndId: parsed.endToEndId,
    creditorName: parsed.creditor.name,
    creditorAccount: parsed.creditorAccount.id,
    currency: parsed.currency,
    instructed: parsed.instructedAmount,
  };
  for (const [member, value] of Object.entries(inFile)) {
    const shown = entry[member as keyof typeof inFile];
    if (shown !== value) say(`with the ${member} "${shown}"; the signed file says "${value}"`);
  }
}
