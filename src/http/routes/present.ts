import type { z } from 'zod';
import type { orderFileOut, paymentOut, priceOut } from '../schemas/payments.ts';
import type { OrderFileView, PaymentView, PriceView } from '../services.ts';

/** Views with bigint to the JSON the schemas promise. */
export function presentPrice(price: PriceView): z.input<typeof priceOut> {
  const { payerAsset, payeeAsset, principal, cost, spread, fee, rounding, total, expiresMs } = price;
  const texts = { principal: `${principal}`, cost: `${cost}`, spread: `${spread}`, fee: `${fee}`, rounding: `${rounding}`, total: `${total}` };
  return { payerAsset, payeeAsset, ...texts, expiresMs };
}

export function presentPayment(payment: PaymentView): z.input<typeof paymentOut> {
  return { ...payment, price: payment.price && presentPrice(payment.price) };
}

export function presentOrderFile(file: OrderFileView): z.input<typeof orderFileOut> {
  return { ...file, payments: file.payments.map(presentPayment) };
}
