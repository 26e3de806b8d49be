import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, fromHex, Problem, uintBytes, utf8, type Hex } from '#base';
import { loadSql, query, toProblem, type Database } from '#db';

const sql = loadSql(new URL('./sql/relayer.sql', import.meta.url), ['lock', 'unlock']);

/** Held by one process a relayer key and chain. It lives on a connection of its own: PostgreSQL gives it back when that connection ends, however it ends. */
export class RelayerLock {
  readonly #database: Database;
  readonly #relayer: Hex;
  readonly #key: bigint;
  #release: (() => Promise<void>) | undefined;

  constructor(database: Database, chainId: bigint, relayer: Hex) {
    this.#database = database;
    this.#relayer = relayer;
    const digest = keccak_256(concat(utf8('cairn.relayer'), uintBytes(chainId, 8), fromHex(relayer)));
    this.#key = BigInt.asIntN(64, new DataView(digest.buffer, digest.byteOffset).getBigInt64(0));
  }

  /** Takes it, or finds it still held; a lock that was lost with its connection is taken anew. Throws chain/relayer-busy where another process has it. */
  async hold(): Promise<void> {
    if (this.#release) return;
    const client = await this.#database.pool.connect().catch((error: unknown) => {
      throw toProblem(error);
    });
    const [row] = await query<{ locked: boolean }>(client, sql.lock, [this.#key]).catch((error: unknown) => {
      client.release(true);
      throw error;
    });
    if (!row?.locked) {
      client.release();
      throw new Problem('chain/relayer-busy', `Another process sends with ${this.#relayer}.`, { relayer: this.#relayer });
    }
    // A lost connection goes back to the pool all the same, to be thrown away: one that is never given back keeps the pool from closing, for ever.
    const lost = (): void => {
      client.off('end', lost);
      client.off('error', lost);
      this.#release = undefined;
      client.release(true);
    };
    client.once('end', lost);
    client.once('error', lost);
    this.#release = async () => {
      // Whether the connection is still good is for the pool to find out.
      await query(client, sql.unlock, [this.#key]).catch(() => undefined);
      if (this.#release) lost();
    };
  }

  async release(): Promise<void> {
    await this.#release?.();
  }
}
