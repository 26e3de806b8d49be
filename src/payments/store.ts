import {
  assert,
  fromHex,
  toHex,
  type AccountId,
  type Hex,
  type MerchantId,
  type OrderId,
  type PayeeId,
  type PaymentId,
  type ProblemCode,
  type TimeMs,
  type TransferId,
} from '#base';
import { execute, loadSql, query, type Queryable, type Row } from '#db';
import type { PaymentState } from './state.ts';

const sql = loadSql(new URL('./sql/payments.sql', import.meta.url), [
  'insertOrderFile',
  'findOrderFile',
  'findOrderFileByHash',
  'orderFileBytes',
  'insertPayments',
  'duePayments',
  'findPayment',
  'findPaymentByHold',
  'heldPaymentsInRange',
  'listPayments',
  'paymentsOfOrder',
  'isAnyHeld',
  'twinOf',
  'movePayment',
  'postponePayment',
  'eventsOf',
]);

export interface OrderFile {
  readonly order: OrderId;
  readonly merchant: MerchantId;
  readonly account: AccountId;
  readonly fileHash: Hex;
  readonly messageId: string;
  readonly count: number;
  readonly controlSum: string;
  readonly digest: Hex;
  readonly receivedMs: TimeMs;
}

export interface Payment {
  readonly payment: PaymentId;
  readonly order: OrderId;
  readonly position: number;
  readonly merchant: MerchantId;
  readonly payee: PayeeId | null;
  readonly state: PaymentState;
  readonly version: number;
  readonly reasonCode: ProblemCode | null;
  readonly reason: string | null;
  readonly endToEndId: string;
  readonly creditorName: string;
  readonly creditorAccount: string;
  readonly currency: string;
  /** Plain decimal, as the merchant instructed it. */
  readonly instructed: string;
  readonly fingerprint: Uint8Array;
  /** Canonical JSON of the parsed instruction. */
  readonly instruction: string;
  /** Canonical JSON {code, detail} where the file itself shows why this payment cannot go on. */
  readonly defect: string | null;
  readonly screening: string | null;
  readonly quote: string | null;
  /** Leg 0 of the hold. */
  readonly hold: TransferId;
  readonly holdSeq: bigint | null;
  readonly createdMs: TimeMs;
  readonly updatedMs: TimeMs;
}

export interface PaymentEvent {
  readonly version: number;
  readonly state: PaymentState;
  readonly atMs: TimeMs;
  readonly detail: string;
}

/** What a step adds to a payment; what is absent stays as it is. */
export interface PaymentChange {
  readonly payee?: PayeeId;
  readonly screening?: string;
  readonly quote?: string;
  readonly holdSeq?: bigint;
  readonly reasonCode?: ProblemCode;
  readonly reason?: string;
}

export type NewPayment = Pick<
  Payment,
  'payment' | 'position' | 'endToEndId' | 'creditorName' | 'creditorAccount' | 'currency' | 'instructed' | 'fingerprint' | 'instruction' | 'defect' | 'hold'
>;

function toOrderFile(row: Row): OrderFile {
  return {
    order: row.order_id,
    merchant: row.merchant,
    account: row.account,
    fileHash: toHex(row.file_hash),
    messageId: row.message_id,
    count: row.count,
    controlSum: row.control_sum,
    digest: toHex(row.digest),
    receivedMs: Number(row.received_ms),
  };
}

function toPayment(row: Row): Payment {
  return {
    payment: row.payment,
    order: row.order_id,
    position: row.position,
    merchant: row.merchant,
    payee: row.payee,
    state: row.state,
    version: row.version,
    reasonCode: row.reason_code,
    reason: row.reason,
    endToEndId: row.end_to_end_id,
    creditorName: row.creditor_name,
    creditorAccount: row.creditor_account,
    currency: row.currency,
    instructed: row.instructed,
    fingerprint: row.fingerprint,
    instruction: row.instruction,
    defect: row.defect,
    screening: row.screening,
    quote: row.quote,
    hold: row.hold,
    holdSeq: row.hold_seq,
    createdMs: Number(row.created_ms),
    updatedMs: Number(row.updated_ms),
  };
}

export async function insertOrderFile(client: Queryable, order: OrderFile, file: Uint8Array, payments: readonly NewPayment[]): Promise<void> {
  await execute(client, sql.insertOrderFile, [
    order.order,
    order.merchant,
    order.account,
    fromHex(order.fileHash),
    file,
    order.messageId,
    order.count,
    order.controlSum,
    fromHex(order.digest),
    order.receivedMs,
  ]);
  const column = <Key extends keyof NewPayment>(key: Key): NewPayment[Key][] => payments.map((payment) => payment[key]);
  await execute(client, sql.insertPayments, [
    order.order,
    order.merchant,
    order.receivedMs,
    column('payment'),
    column('position'),
    column('endToEndId'),
    column('creditorName'),
    column('creditorAccount'),
    column('currency'),
    column('instructed'),
    column('fingerprint').map((bytes) => Buffer.from(bytes)),
    column('instruction'),
    column('defect'),
    column('hold'),
  ]);
}

export async function findOrderFile(client: Queryable, order: OrderId): Promise<OrderFile | undefined> {
  return (await query(client, sql.findOrderFile, [order])).map(toOrderFile)[0];
}

export async function findOrderFileByHash(client: Queryable, merchant: MerchantId, fileHash: Hex): Promise<OrderFile | undefined> {
  return (await query(client, sql.findOrderFileByHash, [merchant, fromHex(fileHash)])).map(toOrderFile)[0];
}

/** The exact bytes that were taken. */
export async function orderFileBytes(client: Queryable, order: OrderId): Promise<Uint8Array> {
  const [row] = await query(client, sql.orderFileBytes, [order]);
  assert(row, `order ${order} has no file`);
  return row.file;
}

export async function duePayments(client: Queryable, nowMs: TimeMs, limit: number): Promise<Payment[]> {
  return (await query(client, sql.duePayments, [nowMs, limit])).map(toPayment);
}

export async function findPayment(client: Queryable, payment: PaymentId): Promise<Payment | undefined> {
  return (await query(client, sql.findPayment, [payment])).map(toPayment)[0];
}

export async function findPaymentByHold(client: Queryable, hold: TransferId): Promise<Payment | undefined> {
  return (await query(client, sql.findPaymentByHold, [hold])).map(toPayment)[0];
}

export async function heldPaymentsInRange(client: Queryable, fromSeq: bigint, toSeq: bigint): Promise<Payment[]> {
  return (await query(client, sql.heldPaymentsInRange, [fromSeq, toSeq])).map(toPayment);
}

export async function listPayments(client: Queryable, merchant: MerchantId, after: PaymentId, limit: number): Promise<Payment[]> {
  return (await query(client, sql.listPayments, [merchant, after, limit])).map(toPayment);
}

export async function paymentsOfOrder(client: Queryable, order: OrderId): Promise<Payment[]> {
  return (await query(client, sql.paymentsOfOrder, [order])).map(toPayment);
}

/** Whether any payment waits for a settlement window. */
export async function isAnyHeld(client: Queryable): Promise<boolean> {
  return (await query<{ held: boolean }>(client, sql.isAnyHeld))[0]!.held;
}

/** The living payment that this one repeats, if any. */
export async function twinOf(client: Queryable, payment: Payment): Promise<{ payment: PaymentId; endToEndId: string } | undefined> {
  const [row] = await query(client, sql.twinOf, [payment.merchant, payment.fingerprint, payment.payment]);
  return row && { payment: row.payment, endToEndId: row.end_to_end_id };
}

/** False where somebody else moved the payment first. A move the transition table does not have is refused by the database as well. */
export async function movePayment(client: Queryable, payment: Payment, to: PaymentState, nowMs: TimeMs, change: PaymentChange = {}): Promise<boolean> {
  const rows = await query(client, sql.movePayment, [
    payment.payment,
    payment.version,
    to,
    nowMs,
    change.payee ?? null,
    change.screening ?? null,
    change.quote ?? null,
    change.holdSeq ?? null,
    change.reasonCode ?? null,
    change.reason ?? null,
  ]);
  return rows.length === 1;
}

export async function postponePayment(client: Queryable, payment: Payment, dueMs: TimeMs): Promise<void> {
  await execute(client, sql.postponePayment, [payment.payment, payment.version, dueMs]);
}

export async function eventsOf(client: Queryable, payment: PaymentId): Promise<PaymentEvent[]> {
  return (await query(client, sql.eventsOf, [payment])).map((row) => ({ version: row.version, state: row.state, atMs: Number(row.at_ms), detail: row.detail }));
}
