import { fromHex, toHex, type Hex, type TimeMs } from '#base';
import { execute, inTransaction, loadSql, query, type Database, type Queryable } from '#db';
import { depositDigest } from './match.ts';
import type { DepositState } from './states.ts';
import type { Deposit, DepositChange, DepositPlace } from './types.ts';

const sql = loadSql(new URL('./sql/deposits.sql', import.meta.url), [
  'readCursor',
  'moveCursor',
  'stateOf',
  'putDeposit',
  'seenDeposits',
  'plainDeposits',
  'gone',
]);

interface DepositRow {
  readonly transaction_hash: Uint8Array;
  readonly log_index: number;
  readonly block_number: bigint;
  readonly block_hash: Uint8Array;
  readonly token: Uint8Array;
  readonly sender: Uint8Array;
  readonly amount: bigint;
  readonly reference: Uint8Array | null;
}

export interface Cursor {
  readonly block: bigint;
  readonly blockHash: Hex;
}

/** Deposits of one vault on one chain, as the scanner keeps them. */
export class DepositStore {
  readonly #database: Database;
  readonly #chainId: bigint;
  readonly #vault: Uint8Array;

  constructor(database: Database, chainId: bigint, vault: Hex) {
    this.#database = database;
    this.#chainId = chainId;
    this.#vault = fromHex(vault);
  }

  async cursor(): Promise<Cursor | undefined> {
    const [row] = await query<{ block: bigint; block_hash: Uint8Array }>(this.#database.pool, sql.readCursor, [this.#chainId, this.#vault]);
    return row && { block: row.block, blockHash: toHex(row.block_hash) };
  }

  async seen(): Promise<Deposit[]> {
    const rows = await query<DepositRow>(this.#database.pool, sql.seenDeposits, [this.#chainId, this.#vault]);
    return rows.map((row) => this.#toDeposit(row));
  }

  /** Final plain ones from one sender, behind a place of the chain. */
  async plain(from: Hex, { block, logIndex }: DepositPlace, limit: number): Promise<Deposit[]> {
    const rows = await query<DepositRow>(this.#database.pool, sql.plainDeposits, [this.#chainId, this.#vault, fromHex(from), block, logIndex, limit]);
    return rows.map((row) => this.#toDeposit(row));
  }

  /** Everything up to the cursor is credited: one transaction, so that the two never disagree. */
  async final(deposits: readonly Deposit[], cursor: Cursor, nowMs: TimeMs): Promise<DepositChange[]> {
    return inTransaction(this.#database.pool, async (client) => {
      const changes = await this.#put(client, deposits, 'final', nowMs);
      await execute(client, sql.moveCursor, [this.#chainId, this.#vault, cursor.block, fromHex(cursor.blockHash)]);
      return changes;
    });
  }

  /** What the chain shows behind the final block now, and what it no longer shows. */
  async view(shown: readonly Deposit[], vanished: readonly Deposit[], nowMs: TimeMs): Promise<DepositChange[]> {
    return inTransaction(this.#database.pool, async (client) => {
      const changes = await this.#put(client, shown, 'seen', nowMs);
      for (const deposit of vanished) {
        const { transactionHash, logIndex } = deposit.identity;
        const gone = await execute(client, sql.gone, [this.#chainId, fromHex(transactionHash), logIndex, nowMs]);
        if (gone > 0) changes.push({ deposit, from: 'seen', to: 'gone' });
      }
      return changes;
    });
  }

  async #put(client: Queryable, deposits: readonly Deposit[], to: DepositState, nowMs: TimeMs): Promise<DepositChange[]> {
    const changes: DepositChange[] = [];
    for (const deposit of deposits) {
      const { transactionHash, logIndex } = deposit.identity;
      const place = [this.#chainId, fromHex(transactionHash), logIndex] as const;
      const [before] = await query<{ state: DepositState }>(client, sql.stateOf, place);
      await execute(client, sql.putDeposit, [
        ...place,
        this.#vault,
        deposit.blockNumber,
        fromHex(deposit.blockHash),
        fromHex(deposit.token),
        fromHex(deposit.from),
        deposit.amount,
        deposit.reference && fromHex(deposit.reference),
        to,
        nowMs,
      ]);
      if (before?.state !== to && before?.state !== 'final') changes.push({ deposit, from: before?.state ?? null, to });
    }
    return changes;
  }

  #toDeposit(row: DepositRow): Deposit {
    const identity = { chainId: this.#chainId, transactionHash: toHex(row.transaction_hash), logIndex: row.log_index };
    return {
      identity,
      digest: depositDigest(identity),
      blockNumber: row.block_number,
      blockHash: toHex(row.block_hash),
      token: toHex(row.token),
      from: toHex(row.sender),
      amount: row.amount,
      kind: row.reference ? 'referenced' : 'plain',
      reference: row.reference && toHex(row.reference),
    };
  }
}
