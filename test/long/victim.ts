import { systemClock, toHex, type AssetNo } from '#base';
import { loadOrCreateKey } from '#custody';
import { startPlatform, type PlatformEvent } from '#main';
import { parseRates } from '#payments/core';
import { createScreener, readBlockList, readOfacFolder } from '#risk';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { loadExample } from '../../scripts/example/example.ts';
import { gatherFacts } from '../../scripts/job/gather.ts';
import { runJob } from '../../scripts/job/run.ts';
import { verifyReceipt } from '#audit';

/**
 * The main job in a process that is there to be killed: `node victim.ts STATE_DIR [POINT VICTIM]`. At the first passage of POINT it sends SIGKILL to VICTIM (server,
 * postgres or chain). Without a point it runs to the end and prints the facts.
 */
const [stateDir = '', point = '', victim = ''] = process.argv.slice(2);
const random = (length: number) => new Uint8Array(randomBytes(length));
const example = loadExample();
const screener = createScreener([readBlockList(example.blockListFile), readOfacFolder(example.sanctionsFolder)]);
let pids: { readonly postgres: (() => number) | null; readonly chain: (() => number) | null } = { postgres: null, chain: null };
let isArmed = point !== '';

function reach(name: string): void {
  if (!isArmed || name !== point) return;
  const pid = victim === 'server' ? process.pid : victim === 'postgres' ? pids.postgres?.() : pids.chain?.();
  if (pid === undefined) return;
  isArmed = false;
  process.kill(pid, 'SIGKILL');
}

function nameOf(event: PlatformEvent): string {
  switch (event.kind) {
    case 'payment':
      return `payment-${event.progress.to}`;
    case 'payout':
      return `payout-${event.progress.step}`;
    case 'transaction':
      return `${event.progress.purpose}-${event.progress.to}`;
    case 'deposit':
      return 'deposit-credited';
    case 'step':
    case 'warning':
      return event.text;
  }
}

const platform = await startPlatform({
  stateDir,
  deployConsent: false,
  assets: example.assets.map(({ asset, symbol, decimals, peg }) => ({ asset: asset as AssetNo, symbol, decimals, peg })),
  payments: { screen: (subject) => screener.screen(subject), tariff: () => example.tariff, rates: () => parseRates(example.rates, systemClock.nowMs()) },
  policy: { payoutTtlS: 15, retryAfterMs: 4_000 },
  onEvent: (event) => reach(nameOf(event)),
});
try {
  pids = platform.processes;
  const issuerKey = toHex(await loadOrCreateKey(join(stateDir, 'keys'), 'deployer', random));
  const orders = await runJob({ platform, example, issuerKey, onStep: () => undefined, onPoint: reach });
  const timing = { startedMs: 0, setUpMs: 0, jobMs: 0, peakMemoryMiB: 0 };
  const verify = (text: string, rpcUrl: string) =>
    verifyReceipt(text, rpcUrl).then(
      () => null,
      (error: Error) => error.message,
    );
  const facts = await gatherFacts({ platform, example, orders, receiptsDir: join(stateDir, 'receipts'), timing, onStep: () => undefined, verify });
  process.stdout.write(`${JSON.stringify(facts)}\n`);
} finally {
  await platform.close();
}
