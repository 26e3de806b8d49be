import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mintApiKey, openApiKeys, type ApiKey } from '#http';
import { keyAdmits, parseToken } from '../../../src/http/access/api-key.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { ALICE } from '../support/api.ts';

const random = (length: number) => new Uint8Array(randomBytes(length));

function keyOf(minted: { id: string; secretHash: Uint8Array }, more: Partial<ApiKey> = {}): ApiKey {
  const { id, secretHash } = minted;
  return { id, secretHash, merchant: ALICE, scopes: ['ledger:read'], label: 'shop', createdMs: 1_000, expiresMs: null, revokedMs: null, ...more };
}

describe('API keys', () => {
  it('hold 256 random bits behind a public id, and are kept as the SHA-256 of those bits', () => {
    const { token, id, secretHash } = mintApiKey(random);
    const [, publicId] = token.split('_');
    const bits = Buffer.from(token.slice('cairn_0123456789abcdef_'.length), 'base64url');
    assert.equal(publicId, id);
    assert.equal(bits.length, 32);
    assert.deepEqual(Buffer.from(secretHash), createHash('sha256').update(bits).digest());
    assert.deepEqual(parseToken(token), { id, secretHash });
  });

  it('are refused in any other spelling', () => {
    const { token } = mintApiKey(random);
    for (const wrong of ['', token.slice(1), token.slice(0, -1), `${token}A`, token.toUpperCase(), token.replace('cairn', 'stripe'), `${token}\n`]) {
      assert.equal(parseToken(wrong), null, JSON.stringify(wrong));
    }
  });

  it('admit with the right secret only, before they expire and until they are revoked', () => {
    const minted = mintApiKey(random);
    const hash = minted.secretHash;
    assert.equal(keyAdmits(keyOf(minted), hash, 5_000), true);
    assert.equal(keyAdmits(null, hash, 5_000), false);
    assert.equal(keyAdmits(null, new Uint8Array(32), 5_000), false, 'an unknown key has no secret, not even zero');
    assert.equal(keyAdmits(keyOf(minted), mintApiKey(random).secretHash, 5_000), false);
    assert.equal(keyAdmits(keyOf(minted, { expiresMs: 5_000 }), hash, 4_999), true);
    assert.equal(keyAdmits(keyOf(minted, { expiresMs: 5_000 }), hash, 5_000), false);
    assert.equal(keyAdmits(keyOf(minted, { revokedMs: 4_000 }), hash, 5_000), false);
  });

  describe('in the database', () => {
    let database: TestDatabase;
    before(async () => {
      database = await testDatabase();
    });
    after(() => database.close());

    it('are there as they were added, without the secret in any column', async () => {
      const keys = openApiKeys(database.database);
      const minted = mintApiKey(random);
      const key = keyOf(minted, { expiresMs: 9_000 });
      assert.deepEqual(await keys.add(key), key);
      assert.deepEqual(await keys.find(key.id), key);
      const { rows } = await database.owner.query('select k::text as row from cairn.api_key k');
      assert.ok(!JSON.stringify(rows).includes(minted.token.slice('cairn_0123456789abcdef_'.length)));
    });

    it('do not change once added, for the application cannot change them', async () => {
      const keys = openApiKeys(database.database);
      const key = keyOf(mintApiKey(random));
      await keys.add(key);
      assert.deepEqual(await keys.add({ ...key, merchant: null, scopes: ['admin'] }), key);
      await assert.rejects(database.database.pool.query(`update cairn.api_key set scopes = '{admin}', merchant = null`), /permission denied/);
      await assert.rejects(database.database.pool.query('delete from cairn.api_key'), /permission denied/);
    });

    it('keep the first time of their revocation', async () => {
      const keys = openApiKeys(database.database);
      const key = keyOf(mintApiKey(random));
      await keys.add(key);
      assert.equal(await keys.revoke(key.id, 7_000), true);
      assert.equal(await keys.revoke(key.id, 8_000), true);
      assert.equal((await keys.find(key.id))!.revokedMs, 7_000);
      assert.equal(await keys.revoke('0'.repeat(16), 8_000), false);
    });

    it('cannot give a merchant what is the operator’s, whatever the code above allows', async () => {
      const keys = openApiKeys(database.database);
      await assert.rejects(keys.add(keyOf(mintApiKey(random), { scopes: ['admin'] })), /api_key_admin_is_operator/);
    });

    it('are invisible to the auditor’s role', async () => {
      const { rows } = await database.owner.query(
        `select has_table_privilege('cairn_read', 'cairn.api_key', 'select') as keys, has_table_privilege('cairn_read', 'cairn.http_idempotency', 'select') as answers`,
      );
      assert.deepEqual(rows, [{ keys: false, answers: false }]);
    });
  });
});
