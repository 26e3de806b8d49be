import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem, systemClock, toHex, type AssetNo } from '#base';
import { openBook } from '#ledger';
import { startPlatform, type PlatformEvent } from '#main';
import { parseRates } from '#payments/core';
import { loadExample } from '../scripts/example/example.ts';
import { devKey, startTestChain, type TestChain } from './chain/anvil.ts';
import { newBookId } from './ledger/support/backends.ts';
import { testSigners } from './support/custody.ts';
import { testDatabase, type TestDatabase } from './support/postgres.ts';

class Dead extends TypeError {}

describe('the first start', function () {
  this.timeout(120_000);
  let chain: TestChain;
  let db: TestDatabase;
  let stateDir: string;
  let mining: NodeJS.Timeout;
  /** In the database before the platform first starts. */
  const older = newBookId();

  before(async () => {
    chain = await startTestChain();
    db = await testDatabase();
    await (await openBook({ database: db.database, bookId: older, clock: systemClock })).close();
    stateDir = mkdtempSync(join(tmpdir(), 'cairn-start-'));
    await chain.request('evm_setAutomine', true);
    mining = setInterval(() => void chain.mine().catch(() => undefined), 20);
  });
  after(async () => {
    clearInterval(mining);
    chain.stop();
    rmSync(stateDir, { recursive: true, force: true });
    await db.close();
  });

  const { tariff, rates } = loadExample();
  const start = (onEvent: (event: PlatformEvent) => void, signal?: AbortSignal) =>
    startPlatform({
      stateDir,
      databaseUrl: db.url,
      rpcUrl: chain.rpcUrl,
      finality: { kind: 'depth', blocks: 2 },
      deployConsent: true,
      deployerKey: devKey(1),
      signers: testSigners,
      assets: [{ asset: 1 as AssetNo, symbol: 'tUSD', decimals: 6, peg: 'USD' }],
      payments: {
        screen: () => ({ decision: 'clear', hits: [], listHash: toHex(new Uint8Array(32)) }),
        tariff: () => tariff,
        rates: () => parseRates(rates, systemClock.nowMs()),
      },
      policy: { timelockDelayS: 1 },
      onEvent,
      ...(signal && { signal }),
    });

  it('ends before its next transaction when it is asked to, and spends no more', async () => {
    const stopping = new AbortController();
    const steps: string[] = [];
    const stopAtSecond = (event: PlatformEvent) => {
      if (event.kind !== 'step' || !event.text.startsWith('deploying ')) return;
      steps.push(event.text);
      if (steps.length === 2) stopping.abort(new Problem('cli/stopped', 'Somebody asked.'));
    };
    await assert.rejects(start(stopAtSecond, stopping.signal), /cli\/stopped: Somebody asked\./);
    assert.equal(steps.length, 2);
  });

  it('goes on with the same book and contracts, at whichever step of the deployment it died, and takes no older book for its own', async () => {
    const died = new Set<string>();
    const dieOnce = (event: PlatformEvent) => {
      if (event.kind !== 'step' || !event.text.startsWith('deploying ') || died.has(event.text)) return;
      died.add(event.text);
      throw new Dead(event.text);
    };
    for (;;) {
      const platform = await start(dieOnce).catch((error: unknown) => {
        if (!(error instanceof Dead)) throw error;
      });
      if (!platform) continue;
      assert.ok(died.size > 5, [...died].join(', '));
      const { rows } = await db.owner.query('select id from cairn.book where id <> $1', [older]);
      assert.deepEqual(rows, [{ id: platform.bookId }]);
      await platform.close();
      break;
    }
  });
});
