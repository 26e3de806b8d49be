import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, fromHex, Problem, toHex, uintBytes, utf8, type Hex, type TimeMs } from '#base';
import { execute, inTransaction, loadSql, query, type Database, type Queryable } from '#db';
import { toStoredLogs, toTransaction, type AttemptRow, type TransactionRow } from './rows.ts';
import type { Attempt, MinedReceipt, OutboxId, OutboxTransaction, TransactionFailure, TransactionRequest } from './types.ts';

const sql = loadSql(new URL('./sql/outbox.sql', import.meta.url), [
  'insertTransaction',
  'requestDigest',
  'openTransactions',
  'transactionById',
  'nonceIsSettled',
  'attemptsOf',
  'insertAttempt',
  'sign',
  'attemptSent',
  'sent',
  'attemptMined',
  'mined',
  'attemptOrphaned',
  'orphaned',
  'final',
  'failed',
  'reopened',
]);

/** What makes two requests with one id the same request. Limits and deadlines may be worked out anew by a caller who asks again. */
function requestDigest(request: TransactionRequest): Uint8Array {
  const purpose = utf8(request.purpose);
  return keccak_256(
    concat(
      uintBytes(purpose.length, 2),
      purpose,
      request.to === null ? Uint8Array.of(0) : concat(Uint8Array.of(1), fromHex(request.to)),
      uintBytes(request.value ?? 0n, 32),
      fromHex(request.data),
    ),
  );
}

export type NewAttempt = Omit<Attempt, 'sentMs'>;

/** The outbox of one relayer on one chain. Every method is durable when it resolves; `nowMs` is when it happened. */
export class OutboxStore {
  readonly #database: Database;
  readonly #chainId: bigint;
  readonly #relayer: Uint8Array;

  constructor(database: Database, chainId: bigint, relayer: Hex) {
    this.#database = database;
    this.#chainId = chainId;
    this.#relayer = fromHex(relayer);
  }

  async insert(request: TransactionRequest, nowMs: TimeMs, within: Queryable = this.#database.pool): Promise<'created' | 'exists'> {
    const digest = requestDigest(request);
    const inserted = await execute(within, sql.insertTransaction, [
      request.id,
      this.#chainId,
      this.#relayer,
      request.purpose,
      request.to && fromHex(request.to),
      fromHex(request.data),
      request.value ?? 0n,
      request.gasLimit ?? null,
      request.deadlineMs ?? null,
      digest,
      nowMs,
    ]);
    if (inserted === 1) return 'created';
    const [existing] = await query<{ request_digest: Uint8Array }>(within, sql.requestDigest, [request.id]);
    if (existing && toHex(existing.request_digest) === toHex(digest)) return 'exists';
    throw new Problem('chain/transaction-differs', `Transaction ${request.id} exists with another target, value, payload or purpose.`, { id: request.id });
  }

  async byId(id: OutboxId): Promise<OutboxTransaction> {
    const [transaction] = await this.#withAttempts(await query<TransactionRow>(this.#database.pool, sql.transactionById, [id]));
    if (!transaction) throw new Problem('chain/transaction-unknown', `No transaction ${id} was ever asked for.`, { id });
    return transaction;
  }

  /** By nonce, then those that have none yet in the order they were asked for. */
  async open(): Promise<OutboxTransaction[]> {
    return this.#withAttempts(await query<TransactionRow>(this.#database.pool, sql.openTransactions, [this.#chainId, this.#relayer]));
  }

  async nonceIsSettled(nonce: bigint): Promise<boolean> {
    return (await query(this.#database.pool, sql.nonceIsSettled, [this.#chainId, this.#relayer, nonce])).length > 0;
  }

  /** `data`: the payload as it was signed. */
  async sign(id: OutboxId, data: Hex, attempt: NewAttempt): Promise<void> {
    await inTransaction(this.#database.pool, async (client) => {
      await this.#insertAttempt(client, id, attempt);
      await moved(client, sql.sign, [id, attempt.signedMs, attempt.nonce, fromHex(data)]);
    });
  }

  async addAttempt(id: OutboxId, attempt: NewAttempt): Promise<void> {
    await this.#insertAttempt(this.#database.pool, id, attempt);
  }

  async sent(id: OutboxId, hash: Hex, nowMs: TimeMs): Promise<void> {
    await inTransaction(this.#database.pool, async (client) => {
      await moved(client, sql.attemptSent, [fromHex(hash), nowMs]);
      await moved(client, sql.sent, [id, nowMs]);
    });
  }

  async mined(id: OutboxId, receipt: MinedReceipt, nowMs: TimeMs): Promise<void> {
    const hash = fromHex(receipt.hash);
    await inTransaction(this.#database.pool, async (client) => {
      await moved(client, sql.attemptMined, [
        hash,
        receipt.blockNumber,
        fromHex(receipt.blockHash),
        receipt.status === 'reverted',
        receipt.gasUsed,
        receipt.effectiveGasPrice,
        receipt.contractAddress && fromHex(receipt.contractAddress),
        JSON.stringify(toStoredLogs(receipt.logs)),
      ]);
      await moved(client, sql.mined, [id, nowMs, hash]);
    });
  }

  async orphaned(id: OutboxId, hash: Hex, nowMs: TimeMs): Promise<void> {
    await inTransaction(this.#database.pool, async (client) => {
      await moved(client, sql.orphaned, [id, nowMs]);
      await moved(client, sql.attemptOrphaned, [fromHex(hash)]);
    });
  }

  async final(id: OutboxId, nowMs: TimeMs): Promise<void> {
    await moved(this.#database.pool, sql.final, [id, nowMs]);
  }

  async failed(id: OutboxId, failure: TransactionFailure, nowMs: TimeMs): Promise<void> {
    await moved(this.#database.pool, sql.failed, [id, nowMs, JSON.stringify(failure)]);
  }

  /** Back to the start, without a nonce. A new payload counts as a rebuild, the same one does not. */
  async reopened(id: OutboxId, change: { data: Hex; notBeforeMs: TimeMs; rebuilt: boolean }, nowMs: TimeMs): Promise<void> {
    await moved(this.#database.pool, sql.reopened, [id, nowMs, fromHex(change.data), change.notBeforeMs, change.rebuilt ? 1 : 0]);
  }

  async #insertAttempt(client: Queryable, id: OutboxId, attempt: NewAttempt): Promise<void> {
    await moved(client, sql.insertAttempt, [
      fromHex(attempt.hash),
      id,
      attempt.nonce,
      attempt.kind,
      fromHex(attempt.raw),
      attempt.gasLimit,
      attempt.maxFeePerGas,
      attempt.maxPriorityFeePerGas,
      attempt.signedMs,
    ]);
  }

  async #withAttempts(rows: readonly TransactionRow[]): Promise<OutboxTransaction[]> {
    if (rows.length === 0) return [];
    const attempts = await query<AttemptRow>(this.#database.pool, sql.attemptsOf, [rows.map((row) => row.id)]);
    const byTransaction = Map.groupBy(attempts, (attempt) => attempt.transaction);
    return rows.map((row) => toTransaction(row, byTransaction.get(row.id) ?? []));
  }
}

/** One row changed: the lock makes us the only one who moves these, so anything else is a bug. */
async function moved(client: Queryable, statement: (typeof sql)[keyof typeof sql], params: readonly unknown[]): Promise<void> {
  assert((await execute(client, statement, params)) === 1, `${statement.name} met another state than it was decided for`);
}
