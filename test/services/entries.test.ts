import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyCommand } from '#audit';
import { Problem, type MerchantId } from '#base';
import { mintApiKey, openApiKeys, type Listening } from '#http';
import { chartAccount } from '#ledger/core';
import { loadExample } from '../../scripts/example/example.ts';
import { localApiKeys, serveApi } from '../../scripts/job/serve.ts';
import { DOLLAR, FINALITY, testPlatform, type TestPlatform } from '../support/platform.ts';

interface Entry {
  readonly kind: string;
  readonly seq: string;
  readonly code?: number;
}

describe('the statement of an account', function () {
  this.timeout(120_000);
  let test: TestPlatform;
  let api: Listening;
  let merchant: string;
  let account: string;
  let entries: readonly Entry[];

  before(async () => {
    test = await testPlatform();
    const { platform, stateDir } = test;
    const example = loadExample();
    api = await serveApi({ platform, payments: { screen: () => assert.fail(), tariff: () => example.tariff, rates: () => assert.fail() }, stateDir, port: 0 });
    ({ merchant } = await localApiKeys(platform, example, stateDir));
    account = chartAccount(platform.bookId, 'merchant', DOLLAR, example.merchants[0]!.id);
    await test.fund(1_000n);
    const { submitted } = await test.order(['12.50']);
    assert.ok(await platform.closeWindow());
    await test.until('it is paid', async () => (await test.payments(submitted.order.order)).every(({ state }) => state === 'settled'));
    await test.until('all is anchored', async () => (await platform.greatestUnanchoredAgeMs()) === 0);
    await test.chain.mine(FINALITY);
    entries = ((await get(merchant, `/v1/accounts/${account}/entries?limit=200`)).body as { data: Entry[] }).data;
  });
  after(async () => {
    await api.close();
    await test.close();
  });

  async function get(token: string, path: string) {
    const answer = await fetch(`${api.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    const text = await answer.text();
    return { status: answer.status, text, body: JSON.parse(text) as unknown };
  }
  const proofPath = (seq: string) => `/v1/accounts/${account}/entries/${seq}/proof`;

  /** What `cairn verify` says of it. */
  async function verified(text: string): Promise<Readonly<Record<string, unknown>>> {
    const file = join(test.stateDir, 'entry.json');
    writeFileSync(file, text);
    const told: string[] = [];
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = (line) => told.push(String(line)) > 0;
    try {
      assert.equal(await verifyCommand(file, { rpc: test.chain.rpcUrl, vault: test.platform.deployment.vault, json: true }), 0);
    } finally {
      process.stdout.write = write;
    }
    return JSON.parse(told.join('')) as Readonly<Record<string, unknown>>;
  }

  it('opens every line to its owner as a file that cairn verify accepts, and shows no screening in it', async () => {
    assert.ok(entries.length >= 4, 'the opening, the deposit, the holds and their bookings');
    for (const { seq, kind } of entries) {
      const { status, text } = await get(merchant, proofPath(seq));
      assert.equal(status, 200, text);
      assert.doesNotMatch(text, /"name":"(screening|risk|travelRule)"/);
      const told = await verified(text);
      assert.deepEqual([told['account'], told['seq'], told['kind']], [account, seq, kind]);
    }
  });

  it('says of a deposit how much it was and which transaction brought it', async () => {
    const deposit = entries.find(({ code }) => code === 1)!;
    const { text } = await get(merchant, proofPath(deposit.seq));
    assert.match(text, /transactionHash/);
    assert.match(String((await verified(text))['what']), new RegExp(`^1000\\.0+ tUSD from account \\S+ to account ${account} booked$`));
  });

  it('is proven line by line: another account, another line and a changed amount are refused', async () => {
    const deposit = entries.find(({ code }) => code === 1)!;
    const { text } = await get(merchant, proofPath(deposit.seq));
    for (const changed of [
      text.replace(`"account":"${account}"`, '"account":"018f0000-0000-7000-8000-000000000001"'),
      text.replace(`"seq":"${deposit.seq}","chainId"`, '"seq":"1","chainId"'),
      text.replace('"amount":"1000000000"', '"amount":"2000000000"'),
    ]) {
      assert.notEqual(changed, text);
      await assert.rejects(verified(changed), (error) => error instanceof Problem && error.code === 'anchor/receipt-refused');
    }
  });

  it('opens to nobody else, and only lines that it has', async () => {
    const { token, id, secretHash } = mintApiKey((length) => new Uint8Array(randomBytes(length)));
    const stranger = '0190b000-0000-7000-8000-00000000000b' as MerchantId;
    const times = { createdMs: test.clock.nowMs(), expiresMs: null, revokedMs: null };
    await openApiKeys(test.platform.database).add({ id, secretHash, merchant: stranger, scopes: ['receipts:read'], label: 'stranger', ...times });
    assert.equal((await get(token, proofPath(entries[0]!.seq))).status, 404);
    const own = new Set(entries.map(({ seq }) => seq));
    for (let seq = 0n; seq <= BigInt(entries[0]!.seq) + 3n; seq++) {
      if (!own.has(`${seq}`)) assert.equal((await get(merchant, proofPath(`${seq}`))).status, 404, `record ${seq}`);
    }
  });
});
