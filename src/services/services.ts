import {
  formatDecimal,
  NIL_UUID,
  Problem,
  type Asset,
  type AssetNo,
  type BookId,
  type Clock,
  type MerchantId,
  type PayeeId,
  type PaymentId,
  type ProblemCode,
} from '#base';
import { freshness, GREATEST_UNANCHORED_AGE_MS, greatestUnanchoredAgeMs, type Prover } from '#anchor';
import type { ChainClient } from '#chain';
import type { Custody } from '#custody';
import type { ApiServices, BatchView, OrderFileView, PageRequest, PayeeView, PaymentView, PriceView, SystemStatus } from '#http';
import { addPayee, findPayeeById, listPayees, type DirectoryDependencies, type Payee } from '#identity';
import { authorisationJson } from '#identity/core';
import { findOrderFile, findPayment, listPayments, paymentsOfOrder, submitOrderFile, type OrderFile, type Payment } from '#payments';
import { quote, type QuoteEvidence, type RateTable, type Tariff } from '#payments/core';
import type { Webhooks } from '#webhooks';
import { openInstructions, payoutOfPayment, proofOfEntry, receiptOfPayment } from '#settlement';

/** The door of services: what the API asks for, answered by the parts behind it. */
export interface ServiceDependencies {
  readonly directory: DirectoryDependencies;
  readonly bookId: BookId;
  readonly clock: Clock;
  readonly assets: ReadonlyMap<AssetNo, Asset>;
  readonly prover: Prover;
  readonly client: ChainClient;
  readonly custody: Custody;
  readonly webhooks: Webhooks;
  readonly tariff: () => Tariff;
  readonly rates: () => RateTable;
  /** What the platform left aside in its last pass. */
  readonly faults: () => readonly string[];
}

/** A part that does not answer within this time counts as down. */
const STATUS_PATIENCE_MS = 3_000;

export function createServices(deps: ServiceDependencies): ApiServices {
  const { directory, clock } = deps;
  const { database, book } = directory;
  const fresh = freshness({ database, clock }, [book], GREATEST_UNANCHORED_AGE_MS);
  return {
    // Nothing new is booked while what was booked before waits too long for its anchor: that is what the limit means.
    ledger: { ...book, submit: async (commands) => (await fresh(), book.submit(commands)) },
    payments: {
      submitOrderFile: async ({ merchant, fileBytes, authorisation }) => {
        await fresh();
        const { order, payments } = await submitOrderFile(directory, { merchant, file: fileBytes, authorisation: authorisationJson(authorisation) });
        return orderView(deps, order, payments);
      },
      getOrderFile: async (id) => {
        const order = await findOrderFile(database.pool, id);
        return order ? orderView(deps, order, await paymentsOfOrder(database.pool, id)) : null;
      },
      getPayment: async (id) => {
        const payment = await findPayment(database.pool, id);
        return payment ? paymentView(deps, payment) : null;
      },
      listPayments: (merchant, page) => listPaymentsPage(deps, merchant, page),
      addPayee: async (_merchant, authorisation) => payeeView(await addPayee(directory, authorisationJson(authorisation), false)),
      getPayee: async (id) => {
        const payee = await findPayeeById(database.pool, id);
        return payee ? payeeView(payee) : null;
      },
      listPayees: async (merchant, { after, limit }) => {
        const rows = await listPayees(database.pool, merchant, (after ?? NIL_UUID) as PayeeId, limit + 1);
        return pageOf(rows, limit, payeeView, ({ payee }) => payee);
      },
      quote: async ({ currency, amountMinor, payerAsset, payeeAsset }) => {
        const [from, to] = [assetOf(deps, payerAsset), assetOf(deps, payeeAsset)];
        return priceView(
          quote({ tariff: deps.tariff(), rates: deps.rates(), currency, amountMinor, payerAsset: from, payeeAsset: to, nowMs: clock.nowMs() }).evidence,
        );
      },
    },
    receipts: {
      receipt: (payment) => nullUntilAnchored(receiptOfPayment({ database, book, prover: deps.prover }, payment)),
      entry: (account, record) => nullUntilAnchored(proofOfEntry({ database, book, prover: deps.prover }, account, record)),
    },
    batches: {
      batches: async ({ after, limit }) => {
        const rows = await deps.prover.batches(deps.bookId, BigInt(after ?? 0), limit + 1);
        const blocks = await anchorBlocks(deps, rows);
        return pageOf(
          rows,
          limit,
          ({ firstSeq, lastSeq, batchRoot, bookRecord, sealedMs, anchor }): BatchView => ({
            firstSeq,
            lastSeq,
            batchRoot,
            bookRecord,
            sealedMs,
            anchor: blocks.get(anchor?.transactionHash ?? '') ?? null,
          }),
          ({ batchNo }) => `${batchNo}`,
        );
      },
    },
    status: { status: () => statusOf(deps) },
    webhooks: deps.webhooks,
  };
}

async function nullUntilAnchored(proof: Promise<object>): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    return { ...(await proof) };
  } catch (error) {
    if (error instanceof Problem && error.code === 'anchor/not-yet') return null;
    throw error;
  }
}

function pageOf<Row, View>(rows: readonly Row[], limit: number, view: (row: Row) => View, position: (row: Row) => string) {
  const shown = rows.slice(0, limit);
  return { items: shown.map(view), next: rows.length > limit ? position(shown.at(-1)) : null };
}

function assetOf({ assets }: ServiceDependencies, asset: AssetNo): Asset {
  const found = assets.get(asset);
  if (!found) throw new Problem('identity/unknown-token', `There is no asset ${asset}.`);
  return found;
}

function payeeView({ payee, merchant, name, account, address, asset, sandbox }: Payee): PayeeView {
  return { payee, merchant, name, account, settlementAddress: address, asset, sandbox };
}

function priceView({ price, payerAsset, payeeAsset, expiresAtMs }: QuoteEvidence): PriceView {
  return {
    payerAsset: payerAsset.asset as AssetNo,
    payeeAsset: payeeAsset.asset as AssetNo,
    principal: BigInt(price.principal),
    cost: BigInt(price.cost),
    spread: BigInt(price.spread),
    fee: BigInt(price.fee),
    rounding: BigInt(price.rounding),
    total: BigInt(price.total),
    expiresMs: expiresAtMs,
  };
}

async function paymentView({ directory }: ServiceDependencies, payment: Payment): Promise<PaymentView> {
  const {
    payment: id,
    order,
    position,
    merchant,
    payee,
    state,
    endToEndId,
    creditorName,
    creditorAccount,
    currency,
    instructed,
    createdMs,
    updatedMs,
  } = payment;
  const payout = payment.holdSeq === null ? undefined : await payoutOfPayment(directory.database.pool, id);
  const waits = state === 'instructed' ? (payout?.waitsFor ?? null) : null;
  return {
    id,
    order,
    position,
    merchant,
    payee,
    state,
    endToEndId,
    creditorName,
    creditorAccount,
    currency,
    instructed,
    createdMs,
    updatedMs,
    price: payment.quote ? priceView(JSON.parse(payment.quote) as QuoteEvidence) : null,
    reasonCode: waits === null ? payment.reasonCode : ('settlement/waits-for-caps' satisfies ProblemCode),
    reason: waits ?? payment.reason,
    transaction: payout?.txHash ?? null,
  };
}

async function orderView(
  deps: ServiceDependencies,
  { order, merchant, fileHash, messageId, receivedMs }: OrderFile,
  payments: readonly Payment[],
): Promise<OrderFileView> {
  return { order, merchant, fileHash, messageId, receivedMs, payments: await Promise.all(payments.map((payment) => paymentView(deps, payment))) };
}

async function listPaymentsPage(deps: ServiceDependencies, merchant: MerchantId, { after, limit }: PageRequest) {
  const rows = await listPayments(deps.directory.database.pool, merchant, (after ?? NIL_UUID) as PaymentId, limit + 1);
  const views = new Map(await Promise.all(rows.map(async (row) => [row.payment, await paymentView(deps, row)] as const)));
  return pageOf(
    rows,
    limit,
    ({ payment }) => views.get(payment)!,
    ({ payment }) => payment,
  );
}

type Sealed = Awaited<ReturnType<Prover['batches']>>;

/** Only final anchors are shown, each with its block. */
async function anchorBlocks({ client }: ServiceDependencies, batches: Sealed) {
  const blocks = new Map<string, BatchView['anchor']>();
  for (const { anchor } of batches) {
    if (anchor?.state !== 'final' || !anchor.transactionHash || blocks.has(anchor.transactionHash)) continue;
    const { transactionHash: hash } = anchor;
    const { blockNumber } = await client.read('an anchor', (viem) => viem.getTransactionReceipt({ hash }));
    blocks.set(hash, { index: Number(anchor.index), transaction: hash, block: Number(blockNumber) });
  }
  return blocks;
}

async function statusOf(deps: ServiceDependencies): Promise<SystemStatus> {
  const { database, book } = deps.directory;
  const head = await check(
    'database',
    async () => (await book.head()).seq,
    (seq) => `the book is at record ${seq}`,
  );
  const chain = await check(
    'chain',
    () => deps.client.finalBlock(),
    (block) => `block ${block} is final`,
  );
  const age = await check(
    'anchoring',
    () => greatestUnanchoredAgeMs({ database, clock: deps.clock }, [book]),
    (ms) => `the oldest unanchored record is ${formatDecimal(BigInt(ms), 3)} s old`,
  );
  const ageMs = age.value ?? Number.MAX_SAFE_INTEGER;
  const anchoring = { ...age.check, ok: age.check.ok && ageMs <= GREATEST_UNANCHORED_AGE_MS };
  const custody = await check(
    'custody',
    () => deps.custody.health(),
    ({ detail }) => detail,
  );
  const signing = { ...custody.check, ok: custody.value?.ok === true };
  // No fault: whoever waits for the next day, or for a cap to be raised, is paid then. Whoever runs this sees it coming.
  const payouts = await check(
    'payouts',
    async () => (await openInstructions(database.pool, deps.bookId)).filter(({ waitsFor }) => waitsFor !== null),
    (waiting) => (waiting[0] ? `${waiting.length} waiting; the first: ${waiting[0].waitsFor}` : 'no list waits for the vault’s caps'),
  );
  return {
    headSeq: head.value ?? 0n,
    greatestUnanchoredAgeMs: ageMs,
    unanchoredAgeLimitMs: GREATEST_UNANCHORED_AGE_MS,
    checks: [head.check, chain.check, anchoring, signing, payouts.check, faultCheck(deps.faults())],
  };
}

/** One part that failed keeps no other from its work, but nobody may miss it. */
function faultCheck(faults: readonly string[]) {
  return { name: 'work', ok: faults.length === 0, detail: faults.length === 0 ? 'nothing is left aside' : faults.join('; ') };
}

async function check<Value>(name: string, ask: () => Promise<Value>, tell: (value: Value) => string) {
  try {
    const value = await Promise.race([
      ask(),
      new Promise<never>((_, reject) => setTimeout(() => reject(new Problem('http/request-timeout', `${name} did not answer.`)), STATUS_PATIENCE_MS).unref()),
    ]);
    return { value, check: { name, ok: true, detail: tell(value) } };
  } catch (error) {
    return { value: null, check: { name, ok: false, detail: error instanceof Problem ? error.detail : 'it failed' } };
  }
}
