import type { TimeMs } from '#base';
import { execute, loadSql, query, type Database } from '#db';
import { merchantOrNull, type ApiKey } from './api-key.ts';
import type { Scope } from './scopes.ts';

const sql = loadSql(new URL('./sql/keys.sql', import.meta.url), ['find', 'list', 'insert', 'revoke']);

interface KeyRow {
  id: string;
  secret_hash: Buffer;
  merchant: string | null;
  scopes: Scope[];
  label: string;
  created_ms: bigint;
  expires_ms: bigint | null;
  revoked_ms: bigint | null;
}

/** The keys of a deployment. They are added and revoked, never changed and never deleted. */
export interface ApiKeys {
  find(id: string): Promise<ApiKey | null>;
  /** Keys with an id greater than `after` ('' starts), in id order. */
  list(after: string, limit: number): Promise<ApiKey[]>;
  /** Adds the key unless its id is there already; gives the row that is there now, which the caller compares. */
  add(key: ApiKey): Promise<ApiKey>;
  /** False where there is no such key. Revoking twice keeps the first time. */
  revoke(id: string, nowMs: TimeMs): Promise<boolean>;
}

export function openApiKeys(database: Database): ApiKeys {
  const { pool } = database;
  const find = async (id: string): Promise<ApiKey | null> => {
    const [row] = await query<KeyRow>(pool, sql.find, [id]);
    return row ? keyOf(row) : null;
  };
  return {
    find,
    async list(after, limit) {
      return (await query<KeyRow>(pool, sql.list, [after, limit])).map(keyOf);
    },
    async add(key) {
      const values = [key.id, Buffer.from(key.secretHash), key.merchant, key.scopes, key.label, key.createdMs, key.expiresMs];
      await execute(pool, sql.insert, values);
      return (await find(key.id)) ?? key;
    },
    async revoke(id, nowMs) {
      return (await execute(pool, sql.revoke, [id, nowMs])) === 1;
    },
  };
}

function keyOf(row: KeyRow): ApiKey {
  return {
    id: row.id,
    secretHash: new Uint8Array(row.secret_hash),
    merchant: merchantOrNull(row.merchant),
    scopes: row.scopes,
    label: row.label,
    createdMs: Number(row.created_ms),
    expiresMs: row.expires_ms === null ? null : Number(row.expires_ms),
    revokedMs: row.revoked_ms === null ? null : Number(row.revoked_ms),
  };
}
