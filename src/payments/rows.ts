import { canonicalJson } from '#anchor/core';
import { legIdOf } from '#ledger/core';
import { duplicateKey, type ParsedPayment } from './core/core.ts';
import { fingerprintOf, paymentIdOf } from './core/legs.ts';
import type { NewPayment, OrderFile } from './store.ts';

/** The row of a payment as it follows from its place in the file. */
export function newPayment(order: OrderFile, parsed: ParsedPayment): NewPayment {
  const payment = paymentIdOf(order.order, parsed.index);
  const [defect] = parsed.defects;
  return {
    payment,
    position: parsed.index,
    endToEndId: parsed.endToEndId,
    creditorName: parsed.creditor.name,
    creditorAccount: parsed.creditorAccount.id,
    currency: parsed.currency,
    instructed: parsed.instructedAmount,
    fingerprint: fingerprintOf(duplicateKey(parsed)),
    instruction: canonicalJson({ ...parsed, amountMinor: `${parsed.amountMinor}` }),
    defect: defect ? canonicalJson({ code: defect.code, detail: defect.detail }) : null,
    hold: legIdOf(payment, 0),
  };
}
