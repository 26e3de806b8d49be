import {
  assert,
  formatDecimal,
  Problem,
  type Asset,
  type AssetNo,
  type BookId,
  type Clock,
  type Eip712Domain,
  type Hex,
  type MerchantId,
  type PayeeId,
  type ProblemCode,
  type TimeMs,
} from '#base';
import { canonicalJson } from '#anchor/core';
import { violatedConstraint, type Database } from '#db';
import { evidenceReader } from '#identity';
import type { Book } from '#ledger';
import type { Command, Result } from '#ledger/core';
import { holdCommands, type OrderEvidence, type PayeeEvidence } from './core/legs.ts';
import { quote, quoteLegs, type ParsedPayment, type QuoteEvidence, type QuoteLeg, type RateTable, type Tariff } from './core/core.ts';
import { compareWithEvidence, type EvidencePass } from './evidence.ts';
import { duePayments, findOrderFile, movePayment, postponePayment, twinOf, type OrderFile, type Payment, type PaymentChange } from './store.ts';
import type { PaymentState } from './state.ts';

/** What payments needs to know of a payee; `Payee` of #identity fits. */
export interface DirectoryEntry {
  readonly payee: PayeeId;
  readonly name: string;
  readonly account: string;
  readonly address: `0x${string}`;
  readonly asset: AssetNo;
  readonly sandbox: boolean;
  readonly digest: `0x${string}`;
}

/** What screening says; `Screening` of #risk fits. */
export interface ScreeningOutcome {
  readonly decision: 'clear' | 'review' | 'refuse';
  readonly hits: readonly unknown[];
  readonly listHash: string;
}

/** Minor units; `VaultAllowance` of #chain fits. */
export interface VaultCaps {
  readonly perTransaction: bigint;
  readonly perDay: bigint;
}

export interface CoordinatorDependencies {
  readonly database: Database;
  readonly book: Book;
  readonly bookId: BookId;
  readonly clock: Clock;
  readonly assets: ReadonlyMap<AssetNo, Asset>;
  /** Asset by token address, lower case. */
  readonly assetOf: ReadonlyMap<Hex, AssetNo>;
  /** Binds what merchants signed to this chain and this vault. */
  readonly domain: Eip712Domain;
  readonly payeeOf: (merchant: MerchantId, account: string) => Promise<DirectoryEntry | undefined>;
  readonly screen: (subject: { readonly name: string; readonly address: string; readonly country: string | null }) => ScreeningOutcome;
  readonly tariff: () => Tariff;
  readonly rates: () => RateTable;
  /** What the vault pays at most of an asset, in one transaction and in a day. */
  readonly capsOf: (asset: AssetNo) => Promise<VaultCaps>;
  /** How long a hold waits for a settlement window. */
  readonly holdTimeoutS: number;
  readonly report: (progress: PaymentProgress) => void;
}

export interface PaymentProgress {
  readonly payment: Payment;
  readonly to: PaymentState;
  readonly reason: string | null;
}

/** A parsed payment as it is stored: canonical JSON has no bigint. */
type StoredInstruction = Omit<ParsedPayment, 'amountMinor'> & { readonly amountMinor: string };

const BATCH = 500;
const RETRY_MS: TimeMs = 5_000;
/** How long a payment waits for rates that can be quoted from. Nothing is held meanwhile, and the merchant's own deadlines do not wait for ever. */
const RATES_PATIENCE_MS: TimeMs = 3_600_000;

/**
 * Moves every payment that is due by as many steps as it can take now; says how many moved. Each step first asks what is already so (the payment's version, the
 * book's ids), then acts, then notes it: a crash between any two of them repeats a step that changes nothing.
 */
export async function advancePayments(deps: CoordinatorDependencies): Promise<number> {
  let moved = 0;
  for (;;) {
    const due = await duePayments(deps.database.pool, deps.clock.nowMs(), BATCH);
    if (due.length === 0) return moved;
    moved += due.length;
    for (const payment of due.filter(({ state }) => state === 'received')) await screenPayment(deps, payment);
    for (const payment of due.filter(({ state }) => state === 'screened')) await quotePayment(deps, payment);
    await holdPayments(
      deps,
      due.filter(({ state }) => state === 'quoted'),
    );
  }
}

async function move(deps: CoordinatorDependencies, payment: Payment, to: PaymentState, change: PaymentChange = {}): Promise<void> {
  if (await movePayment(deps.database.pool, payment, to, deps.clock.nowMs(), change)) deps.report({ payment, to, reason: change.reason ?? null });
}

async function refuse(deps: CoordinatorDependencies, payment: Payment, reasonCode: ProblemCode, reason: string, change: PaymentChange = {}): Promise<void> {
  await move(deps, payment, 'refused', { ...change, reasonCode, reason });
}

/** received -> screened: the guards, in the order a merchant reads them. */
async function screenPayment(deps: CoordinatorDependencies, payment: Payment): Promise<void> {
  if (payment.defect) {
    const { code, detail } = JSON.parse(payment.defect) as { code: ProblemCode; detail: string };
    return refuse(deps, payment, code, detail);
  }
  const payee = await deps.payeeOf(payment.merchant, payment.creditorAccount);
  if (!payee)
    return refuse(deps, payment, 'payments/no-settlement-address', `${payment.creditorName} (${payment.creditorAccount}) is not in the payee directory.`);
  const { creditor, ultimateCreditor } = JSON.parse(payment.instruction) as ParsedPayment;
  const names = [payee.name, creditor.name, ultimateCreditor?.name ?? ''].filter((name) => name !== '');
  const outcome = worstOf([...new Set(names)].map((name) => deps.screen({ name, address: payee.address, country: creditor.country })));
  const screening = canonicalJson(outcome);
  if (outcome.decision !== 'clear') {
    const code = outcome.decision === 'refuse' ? 'payments/payee-listed' : 'payments/needs-review';
    return refuse(deps, payment, code, `${payment.creditorName}: ${hitSentence(outcome)}`, { payee: payee.payee, screening });
  }
  try {
    await move(deps, payment, 'screened', { payee: payee.payee, screening });
  } catch (error) {
    if (violatedConstraint(error) !== 'payment_is_not_a_duplicate') throw error;
    const twin = await twinOf(deps.database.pool, payment);
    await refuse(deps, payment, 'payments/duplicate-payment', `The same payment was already ordered as ${twin?.payment ?? 'another one'}.`, {
      payee: payee.payee,
      screening,
    });
  }
}

const SEVERITY = { clear: 0, review: 1, refuse: 2 } as const;

/** A payee has several names (the directory's, the order's, whoever gets it in the end): the worst of them decides, and all hits are shown. */
function worstOf(outcomes: readonly ScreeningOutcome[]): ScreeningOutcome {
  const [worst] = [...outcomes].sort((a, b) => SEVERITY[b.decision] - SEVERITY[a.decision]);
  assert(worst, 'a payee has a name');
  return { ...worst, hits: outcomes.flatMap(({ hits }) => hits) };
}

function hitSentence(outcome: ScreeningOutcome): string {
  const [hit] = outcome.hits as readonly { list: string; matched: string; reason: string }[];
  return hit ? `${hit.reason}, on the list "${hit.list}" as ${hit.matched}.` : 'a match.';
}

/** screened -> quoted: the price is locked until it expires. */
async function quotePayment(deps: CoordinatorDependencies, payment: Payment): Promise<void> {
  const parsed = JSON.parse(payment.instruction) as StoredInstruction;
  const [payerAsset, payeeAsset] = await assetsOf(deps, payment);
  try {
    const { evidence } = quote({
      tariff: deps.tariff(),
      rates: deps.rates(),
      currency: payment.currency,
      amountMinor: BigInt(parsed.amountMinor),
      payerAsset,
      payeeAsset,
      nowMs: deps.clock.nowMs(),
    });
    await move(deps, payment, 'quoted', { quote: canonicalJson(evidence) });
  } catch (error) {
    if (!(error instanceof Problem) || !error.code.startsWith('payments/')) throw error;
    const nowMs = deps.clock.nowMs();
    const mayPass = error.definition.retry === 'later';
    if (mayPass && nowMs - payment.updatedMs < RATES_PATIENCE_MS) return postponePayment(deps.database.pool, payment, nowMs + RETRY_MS);
    await refuse(deps, payment, error.code, mayPass ? `${error.detail} None came for an hour.` : error.detail);
  }
}

async function assetsOf(deps: CoordinatorDependencies, payment: Payment): Promise<[Asset, Asset]> {
  const order = await orderOf(deps, payment);
  const account = await deps.book.account(order.account);
  const payee = await deps.payeeOf(payment.merchant, payment.creditorAccount);
  assert(account && payee, `payment ${payment.payment} lost its account or payee`);
  const [payer, to] = [deps.assets.get(account.asset), deps.assets.get(payee.asset)];
  assert(payer && to, `payment ${payment.payment} is in an asset nobody listed`);
  return [payer, to];
}

async function orderOf(deps: CoordinatorDependencies, payment: Payment): Promise<OrderFile> {
  const order = await findOrderFile(deps.database.pool, payment.order);
  assert(order, `payment ${payment.payment} has no order`);
  return order;
}

/** What one call reads once for all of its payments. */
interface HoldPass extends EvidencePass {
  readonly caps: ReadonlyMap<AssetNo, VaultCaps>;
}

interface PreparedHold {
  readonly payment: Payment;
  readonly legs: readonly QuoteLeg[];
  readonly commands: readonly Command[];
}

/** quoted -> held: all that are due in one call, so that they share one durable transaction. */
async function holdPayments(deps: CoordinatorDependencies, payments: readonly Payment[]): Promise<void> {
  if (payments.length === 0) return;
  const caps = new Map<AssetNo, VaultCaps>();
  for (const asset of deps.assets.keys()) caps.set(asset, await deps.capsOf(asset));
  // No newer entry of a payee comes into the book between the look at the one in force and the hold that names it: whoever reads the book in order finds the same.
  await deps.book.exclusively(() => holdAll(deps, caps, payments));
}

async function holdAll(deps: CoordinatorDependencies, caps: HoldPass['caps'], payments: readonly Payment[]): Promise<void> {
  const prepared: PreparedHold[] = [];
  const pass: HoldPass = { database: deps.database, assetOf: deps.assetOf, reader: evidenceReader(deps), files: new Map(), caps };
  for (const payment of payments) {
    const evidence = JSON.parse(payment.quote!) as QuoteEvidence;
    // A hold of an earlier attempt counts, however late it is noticed, and on whatever terms it was asked for then; without one an expired quote is quoted again.
    const held = await deps.book.hold(payment.hold);
    if (held) await move(deps, payment, 'held', { holdSeq: held.seq });
    else if (deps.clock.nowMs() >= evidence.expiresAtMs) await move(deps, payment, 'screened');
    else prepared.push(...(await prepareHold(deps, pass, payment, evidence)));
  }
  if (prepared.length === 0) return;
  const results = await deps.book.submit(prepared.flatMap(({ commands }) => commands));
  let next = 0;
  for (const hold of prepared) {
    await noteHold(deps, hold, results.slice(next, (next += hold.commands.length)));
  }
}

/** None where the payment cannot be held: it is not what the merchant signed, or the book has no record yet of what he signed. */
async function prepareHold(deps: CoordinatorDependencies, pass: HoldPass, payment: Payment, evidence: QuoteEvidence): Promise<readonly PreparedHold[]> {
  const order = await orderOf(deps, payment);
  const payee = await deps.payeeOf(payment.merchant, payment.creditorAccount);
  const payer = await deps.book.account(order.account);
  const comparison = await compareWithEvidence(pass, { payment, order, payee, payerAsset: payer?.asset });
  if (comparison.outcome === 'not-booked') {
    await postponePayment(deps.database.pool, payment, deps.clock.nowMs() + RETRY_MS);
    return [];
  }
  if (comparison.outcome === 'differs') {
    await refuse(deps, payment, 'payments/evidence-differs', `Not held, since ${comparison.what}.`);
    return [];
  }
  assert(payee, 'a payee that equals what was signed is there');
  const cap = overCap(pass.caps.get(payee.asset)!, deps.assets.get(payee.asset)!, BigInt(evidence.price.principal));
  if (cap) {
    await refuse(deps, payment, cap.code, cap.detail);
    return [];
  }
  const legs = quoteLegs(evidence.payerAsset.asset as AssetNo, evidence.payeeAsset.asset as AssetNo, priceOf(evidence));
  const { creditorName, creditorAccount, currency, instructed, endToEndId, position } = payment;
  const orderField: OrderEvidence = {
    order: order.order,
    digest: order.digest,
    fileHash: order.fileHash,
    position,
    endToEndId,
    creditorName,
    creditorAccount,
    currency,
    instructed,
  };
  const { payee: id, digest, name, account, address, asset, sandbox } = payee;
  const payeeField: PayeeEvidence = { payee: id, digest, name, account, address, asset, sandbox };
  const commands = holdCommands({
    book: deps.bookId,
    payment: payment.payment,
    account: order.account,
    legs,
    timeoutS: deps.holdTimeoutS,
    subject: id,
    fields: {
      order: canonicalJson(orderField),
      payee: canonicalJson(payeeField),
      screening: payment.screening!,
      quote: payment.quote!,
      authorisation: canonicalJson({ order: order.digest, payee: digest }),
      isoMessage: canonicalJson({ fileHash: order.fileHash, messageId: order.messageId }),
    },
  });
  return [{ payment, legs, commands }];
}

/** The cap that the vault would refuse this payment by: then no money is held for it. */
function overCap(caps: VaultCaps, { symbol, decimals }: Asset, principal: bigint): { readonly code: ProblemCode; readonly detail: string } | null {
  const { perTransaction, perDay } = caps;
  const units = (amount: bigint): string => `${formatDecimal(amount, decimals)} ${symbol}`;
  if (principal > perTransaction) {
    const detail = `The vault pays at most ${units(perTransaction)} in one transaction; this payment is ${units(principal)}.`;
    return { code: 'payments/over-transaction-cap', detail };
  }
  if (principal > perDay)
    return { code: 'payments/over-daily-cap', detail: `The vault pays at most ${units(perDay)} a day; this payment is ${units(principal)}.` };
  return null;
}

function priceOf({ price }: QuoteEvidence) {
  const { principal, cost, spread, fee, rounding, total } = price;
  return { principal: BigInt(principal), cost: BigInt(cost), spread: BigInt(spread), fee: BigInt(fee), rounding: BigInt(rounding), total: BigInt(total) };
}

async function noteHold(deps: CoordinatorDependencies, { payment, legs }: PreparedHold, results: readonly Result[]): Promise<void> {
  const [first] = results;
  if (results.every((result) => result.code === 'created' || result.code === 'exists')) {
    return move(deps, payment, 'held', { holdSeq: first!.record!.seq });
  }
  const at = results.findIndex((result) => result.code !== 'created' && result.code !== 'exists' && result.code !== 'linked_event_failed');
  const { code } = results[Math.max(at, 0)]!;
  const leg = legs[Math.max(at, 0)]!;
  // A chain that failed before is remembered by the leg that failed; the others come back as id_already_failed or linked.
  const short = code === 'exceeds_credits' || code === 'id_already_failed';
  if (short && leg.debit === 'fxPosition')
    return refuse(deps, payment, 'payments/no-liquidity', `The FX position cannot pay ${leg.amount} units of asset ${leg.asset} now.`);
  if (short) return refuse(deps, payment, 'payments/insufficient-funds', await shortSentence(deps, payment, legs));
  return refuse(deps, payment, 'payments/hold-refused', `The book answered ${code}.`);
}

async function shortSentence(deps: CoordinatorDependencies, payment: Payment, legs: readonly QuoteLeg[]): Promise<string> {
  const order = await orderOf(deps, payment);
  const account = await deps.book.account(order.account);
  const needed = legs.filter((leg) => leg.debit === 'merchant').reduce((sum, leg) => sum + leg.amount, 0n);
  const available = account ? account.creditsPosted - account.debitsPosted - account.debitsPending : 0n;
  return `It needs ${needed} minor units with its fee; the account has ${available} available.`;
}
