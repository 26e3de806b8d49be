import { assert, Problem, type Hex, type MerchantId, type PaymentId } from '#base';
import { inTransaction, violatedConstraint } from '#db';
import { bookAuthorisations, recordAuthorisation, requireMerchant, verificationContext, type DirectoryDependencies } from '#identity';
import { parseAuthorisation, verifyOrder } from '#identity/core';
import { parsePain001, type Acceptance } from './core/core.ts';
import { mayOwe } from './core/legs.ts';
import { newPayment } from './rows.ts';
import { findOrderFileByHash, findPayment, insertOrderFile, paymentsOfOrder, type OrderFile, type Payment } from './store.ts';

export interface SubmittedOrder {
  readonly order: OrderFile;
  readonly payments: readonly Payment[];
  /** The same file was taken before: these are its payments as they are now. */
  readonly repeated: boolean;
}

export interface OrderSubmission {
  readonly merchant: MerchantId;
  readonly file: Uint8Array;
  /** The merchant's signed Order message, as JSON. */
  readonly authorisation: unknown;
  /** Discrepancies of the file that the merchant, who signed what it really holds, takes with it; none unless said. */
  readonly accepted?: readonly Acceptance[];
}

/**
 * Takes an order file with the merchant's signature over its hash, count, control sum and account. The file, the evidence and its payments are stored in one
 * transaction; nothing is held yet. Throws the problems of parsePain001 and verifyOrder, `payments/file-differs`, `identity/unknown-merchant`.
 */
export async function submitOrderFile(deps: DirectoryDependencies, submission: OrderSubmission): Promise<SubmittedOrder> {
  const parsed = parsePain001(submission.file, submission.accepted);
  const { signingKey } = await requireMerchant(deps, submission.merchant);
  const known = await takenBefore(deps, submission.merchant, parsed.fileHash);
  if (known) return known;
  const signed = parseAuthorisation('Order', submission.authorisation);
  const { order: orderId, account } = signed.message;
  const owner = await deps.book.account(account);
  if (owner?.owner !== submission.merchant) throw new Problem('identity/wrong-account', `The account ${account} is not this merchant’s.`, { account });
  if (mayOwe(owner)) throw new Problem('identity/wrong-account', `The account ${account} may owe, and payments come out of money that is there.`, { account });
  const verified = verifyOrder(signed, parsed, { ...verificationContext(deps, submission.merchant), key: signingKey, account });
  const order: OrderFile = {
    order: orderId,
    merchant: submission.merchant,
    account,
    fileHash: parsed.fileHash,
    messageId: parsed.messageId,
    count: parsed.count,
    controlSum: parsed.controlSum,
    digest: verified.digest,
    receivedMs: deps.clock.nowMs(),
  };
  const payments = parsed.payments.map((payment) => newPayment(order, payment));
  let isNew = false;
  try {
    await inTransaction(deps.database.pool, async (client) => {
      isNew = await recordAuthorisation(client, deps, signed, verified);
      if (isNew) await insertOrderFile(client, order, submission.file, payments);
    });
  } catch (error) {
    const constraint = violatedConstraint(error);
    if (constraint === 'order_file_pk') throw new Problem('payments/file-differs', `The order ${orderId} was another file.`);
    if (constraint !== 'order_file_is_taken_once') throw error;
    isNew = false;
  }
  await bookAuthorisations(deps);
  if (isNew) return { order, payments: await paymentsOfOrder(deps.database.pool, orderId), repeated: false };
  // The same file came twice at the same moment, and the other one was first.
  const first = await takenBefore(deps, submission.merchant, parsed.fileHash);
  assert(first, `order ${orderId} was taken by nobody`);
  return first;
}

async function takenBefore({ database }: DirectoryDependencies, merchant: MerchantId, fileHash: Hex): Promise<SubmittedOrder | undefined> {
  const order = await findOrderFileByHash(database.pool, merchant, fileHash);
  return order && { order, payments: await paymentsOfOrder(database.pool, order.order), repeated: true };
}

/** Throws `payments/unknown-payment`, also where the payment is another merchant's: a key learns nothing of others. */
export async function requirePayment(deps: Pick<DirectoryDependencies, 'database'>, payment: PaymentId, merchant: MerchantId | null): Promise<Payment> {
  const found = await findPayment(deps.database.pool, payment);
  if (!found || (merchant !== null && found.merchant !== merchant)) throw new Problem('payments/unknown-payment', `There is no payment ${payment}.`);
  return found;
}
