import assert from 'node:assert/strict';
import { join } from 'node:path';
import { auditExport, readChain, readExport, type Exported, type Finding } from '#audit';
import { writeExport } from '#export';
import { chartAccount } from '#ledger/core';
import { loadExample } from '../../scripts/example/example.ts';
import { DOLLAR, testPlatform, type TestPlatform } from '../support/platform.ts';

describe('an audit of a deposit that its owner’s account could not take', function () {
  this.timeout(120_000);
  let test: TestPlatform;
  let exported: Exported;
  before(async () => {
    test = await testPlatform();
    const { platform, merchant, world, token, chain, stateDir, db, clock } = test;
    await test.fund(5n);
    const [person] = loadExample().merchants;
    const account = chartAccount(platform.bookId, 'merchant', DOLLAR, person!.id);
    const [closed] = await platform.book.submit([{ kind: 'closeAccount', id: account }]);
    assert.equal(closed?.code, 'created');
    await test.outside(() => world.mint(token, merchant.wallet, 3_000_000n));
    await chain.request('anvil_setBalance', merchant.wallet, '0xde0b6b3a7640000');
    await test.outside(() => world.transfer(merchant.walletAccount, token, platform.deployment.vault, 3_000_000n));
    const suspense = async () => (await platform.book.account(chartAccount(platform.bookId, 'suspense', DOLLAR)))?.creditsPosted;
    await test.until('the deposit waits in suspense', async () => (await suspense()) === 3_000_000n);
    await platform.sealAll();
    await test.until('every record is in a final block', async () => (await platform.greatestUnanchoredAgeMs()) === 0);
    for (let i = 0; i < 8; i++) await test.step();
    const file = join(stateDir, 'export.ndjson');
    await writeExport({ databaseUrl: db.url, file, clock });
    exported = await readExport(file);
  });
  after(() => test.close());

  const findings = async (of: Exported): Promise<readonly Finding[]> => auditExport(of, await readChain(test.chain.rpcUrl, of)).findings;

  it('finds nothing where the book refused it first', async () => {
    assert.deepEqual(await findings(exported), []);
  });

  it('finds one that was put aside though nothing refused it', async () => {
    const records = exported.records.filter(({ record }) => record.kind !== 'refusal');
    assert.equal(records.length, exported.records.length - 1);
    const found = await findings({ ...exported, records });
    assert.ok(found.some(({ kind, sentence }) => kind === 'deposit' && /no record before it refused the deposit/.test(sentence)));
  });
});
