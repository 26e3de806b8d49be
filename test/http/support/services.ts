import { createHash } from 'node:crypto';
import { Problem, toHex, type AssetNo, type MerchantId, type OrderId, type PayeeId, type PaymentId } from '#base';
import type { ApiServices, BatchView, OrderFileView, PayeeView, PaymentView, PriceView, SystemStatus } from '#http';

/** Services small enough to see through: enough behaviour to test the routes in front of them, none of the rules behind. */
export interface TinyServices extends Omit<ApiServices, 'ledger' | 'webhooks'> {
  /** Every submission that reached the service, to see what a refused or repeated request did not do. */
  readonly calls: string[];
  readonly orders: Map<string, OrderFileView>;
  readonly receiptsOf: Map<string, Readonly<Record<string, unknown>>>;
  system: SystemStatus;
  /** Thrown by the next call of payments instead of an answer. */
  failure: Error | null;
}

export const WELL: SystemStatus = {
  headSeq: 1n,
  greatestUnanchoredAgeMs: 1_000,
  unanchoredAgeLimitMs: 60_000,
  checks: [
    { name: 'database', ok: true, detail: 'answers on db.internal:5432' },
    { name: 'chain', ok: true, detail: 'block 12' },
  ],
};

const PRICE: PriceView = {
  payerAsset: 1 as AssetNo,
  payeeAsset: 2 as AssetNo,
  principal: 10n ** 30n,
  cost: 1_000n,
  spread: 3n,
  fee: 20n,
  rounding: 1n,
  total: 1_024n,
  expiresMs: 1_800_000_060_000,
};

export function tinyServices(): TinyServices {
  const payees = new Map<PayeeId, PayeeView>();
  const orders = new Map<OrderId, OrderFileView>();
  const receiptsOf = new Map<string, Readonly<Record<string, unknown>>>();
  const calls: string[] = [];
  const allPayments = () => [...orders.values()].flatMap((order) => order.payments);
  const services: TinyServices = {
    calls,
    orders,
    receiptsOf,
    system: WELL,
    failure: null,
    payments: {
      async submitOrderFile({ merchant, fileBytes, authorisation }) {
        if (services.failure) throw services.failure;
        const { order, count } = authorisation.message;
        calls.push(`submit ${order}`);
        const fileHash = toHex(createHash('sha256').update(fileBytes).digest());
        const payments = Array.from({ length: Number(count) }, (_, position) => payment(merchant, order, position));
        const file = { order, merchant, fileHash, messageId: 'M1', receivedMs: 1_800_000_000_000, payments };
        orders.set(file.order, file);
        return file;
      },
      getOrderFile: async (order) => orders.get(order) ?? null,
      getPayment: async (id) => allPayments().find((one) => one.id === id) ?? null,
      listPayments: async (merchant, page) =>
        pageBy(
          allPayments().filter((one) => one.merchant === merchant),
          (one) => one.id,
          page,
        ),
      async addPayee(merchant, { message: { payee, name, account, settlementAddress } }) {
        if (services.failure) throw services.failure;
        calls.push(`payee ${payee}`);
        const added = { payee, merchant, name, account, settlementAddress, asset: 2 as AssetNo, sandbox: false };
        payees.set(payee, added);
        return added;
      },
      getPayee: async (id) => payees.get(id) ?? null,
      listPayees: async (merchant, page) =>
        pageBy(
          [...payees.values()].filter((one) => one.merchant === merchant),
          (one) => one.payee,
          page,
        ),
      async quote({ currency }) {
        if (currency === 'XXX') throw new Problem('payments/unknown-currency', 'XXX is not payable.');
        return PRICE;
      },
    },
    receipts: {
      receipt: async (payment) => receiptsOf.get(payment) ?? null,
      entry: async (_account, record) => receiptsOf.get(`entry ${record.seq}`) ?? null,
    },
    batches: { batches: async (page) => pageBy(BATCHES, (batch) => String(batch.firstSeq).padStart(9, '0'), page) },
    status: { status: async () => services.system },
  };
  return services;
}

const BATCHES: readonly BatchView[] = [1, 2, 3].map((n) => ({
  firstSeq: BigInt(n * 10),
  lastSeq: BigInt(n * 10 + 9),
  batchRoot: `0x${String(n).repeat(64)}`,
  bookRecord: `0x${String(n + 3).repeat(64)}`,
  sealedMs: 1_800_000_000_000 + n,
  anchor: n === 3 ? null : { index: n - 1, transaction: `0x${'a'.repeat(64)}`, block: 100 + n },
}));

function payment(merchant: MerchantId, order: OrderId, position: number): PaymentView {
  const id = `0190e000-${order.slice(-4)}-7000-8000-${String(position).padStart(12, '0')}` as PaymentId;
  const who = { payee: null, creditorName: 'Ada', creditorAccount: 'CH9300762011623852957', endToEndId: `E${position}` };
  const what = { currency: 'CHF', instructed: '10.5', price: position % 2 === 0 ? PRICE : null, state: 'received' };
  return { id, order, position, merchant, ...who, ...what, reasonCode: null, reason: null, transaction: null, createdMs: 1, updatedMs: 2 };
}

function pageBy<Item>(items: readonly Item[], keyOf: (item: Item) => string, page: { after: string | null; limit: number }) {
  const sorted = [...items].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)).filter((item) => page.after === null || keyOf(item) > page.after);
  const some = sorted.slice(0, page.limit);
  return { items: some, next: sorted.length > some.length ? (some.map(keyOf).at(-1) ?? null) : null };
}
