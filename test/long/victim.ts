import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isOutage, systemClock, toHex, type AssetNo, type Hex } from '#base';
import { TEST_STABLECOIN_ABI } from '#chain';
import { loadOrCreateKey } from '#custody';
import { startPlatform, type Platform, type PlatformEvent } from '#main';
import type { SubmittedOrder } from '#payments';
import { parseRates } from '#payments/core';
import { createScreener, readBlockList, readOfacFolder } from '#risk';
import { verifyReceipt } from '#audit';
import { loadExample } from '../../scripts/example/example.ts';
import { gatherFacts } from '../../scripts/job/gather.ts';
import { patiently, runJob } from '../../scripts/job/run.ts';
import { testSigners } from '../support/custody.ts';

/**
 * The main job in a process that is there to be killed: `node victim.ts STATE_DIR [POINTS VICTIM]`. At the first passage of each of POINTS (with commas between) it
 * sends SIGKILL to VICTIM (server, postgres or chain), once: what was killed where is noted in STATE_DIR/kills. It runs to the end and prints what the test compares:
 * the facts of the job, and what the chain says about each payee. POINTS of `deployed` ends it as soon as the contracts are there.
 */
const [stateDir = '', points = '', victim = ''] = process.argv.slice(2);
const killsFile = join(stateDir, 'kills');
const done = new Set(existsSync(killsFile) ? readFileSync(killsFile, 'utf8').split('\n') : []);
const armed = new Set(points.split(',').filter((point) => point !== '' && !done.has(point)));
const random = (length: number) => new Uint8Array(randomBytes(length));
const example = loadExample();
const screener = createScreener([readBlockList(example.blockListFile), readOfacFolder(example.sanctionsFolder)]);
let pids: Platform['processes'] = { postgres: null, chain: null, signers: () => [] };

function reach(name: string): void {
  if (!armed.has(name)) return;
  const pid = { server: process.pid, postgres: pids.postgres?.(), chain: pids.chain?.() }[victim];
  // The job's own events begin before the platform is handed over; nothing of them is a point.
  if (pid === undefined) return;
  armed.delete(name);
  appendFileSync(killsFile, `${name}\n`);
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // Two points a moment apart: the second finds it dead already.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function nameOf(event: PlatformEvent): string {
  switch (event.kind) {
    case 'payment':
      return `payment-${event.progress.to}`;
    case 'sweep':
      return `sweep-${event.progress.step}`;
    case 'payout':
      return `payout-${event.progress.step}`;
    case 'transaction':
      return `${event.progress.purpose}-${event.progress.to}`;
    case 'deposit':
      return 'deposit-credited';
    case 'claim':
      return 'deposit-claimed';
    case 'fault':
      return `fault-${event.part}`;
    case 'step':
    case 'warning':
      return event.text;
  }
}

const told: string[] = [];
const onStep = (text: string) => void told.push(text);
const platform = await startPlatform({
  stateDir,
  deployConsent: false,
  // What is killed here is not the signers: test/long/signers.test.ts does that.
  signers: testSigners,
  assets: example.assets.map(({ asset, symbol, decimals, peg }) => ({ asset: asset as AssetNo, symbol, decimals, peg })),
  payments: { screen: (subject) => screener.screen(subject), tariff: () => example.tariff, rates: () => parseRates(example.rates, systemClock.nowMs()) },
  // Long enough for six starts after kills on a busy machine: past it payments are rightly given back, and nothing is tried again.
  policy: { sealAfterMs: 500, payoutTtlS: 60, retryAfterMs: 3_000 },
  onEvent: (event) => reach(nameOf(event)),
});
try {
  pids = platform.processes;
  if (points !== 'deployed') await job();
} finally {
  await platform.close();
}

async function job(): Promise<void> {
  const issuerKey = toHex(await loadOrCreateKey(join(stateDir, 'keys'), 'deployer', random));
  const orders = await runJob({ platform, example, issuerKey, onStep, onPoint: reach });
  const timing = { startedMs: 0, setUpMs: 0, jobMs: 0, peakMemoryMiB: 0 };
  const verify = (text: string, rpcUrl: string) =>
    verifyReceipt(text, rpcUrl).then(
      () => null,
      (error: Error) => {
        if (isOutage(error)) throw error;
        return error.message;
      },
    );
  const receiptsDir = join(stateDir, 'receipts');
  const facts = await patiently({ platform, onStep }, () => gatherFacts({ platform, example, orders, receiptsDir, timing, onStep: () => undefined, verify }));
  const outages = told.filter((text) => text.includes('Waiting for it to come back'));
  process.stdout.write(`${JSON.stringify({ facts, payees: await payees(orders), outages: outages })}\n`);
}

/** Whom each payment was for, by the example's own directory, and what he has on the chain. */
async function payees(orders: readonly SubmittedOrder[]) {
  const balances = new Map<string, bigint>();
  const paid: { payment: string; payee: string }[] = [];
  for (const { order, payments } of orders)
    for (const payment of payments) {
      const payee = example.payees.find(({ merchant, account }) => merchant === order.merchant && account === payment.creditorAccount);
      if (!payee) continue;
      const token = platform.deployment.tokens.find(({ symbol }) => symbol === payee.asset);
      assert(token, 'the payee is paid in a token of the example');
      const key = `${payee.settlementAddress.toLowerCase()} ${payee.asset}`;
      paid.push({ payment: payment.payment, payee: key });
      if (!balances.has(key)) balances.set(key, await balanceOf(token.address, payee.settlementAddress));
    }
  return { paid, balances: Object.fromEntries([...balances].map(([key, amount]) => [key, `${amount}`])) };
}

function balanceOf(token: Hex, holder: Hex): Promise<bigint> {
  return platform.client.read('a balance', (viem) =>
    viem.readContract({ address: token, abi: TEST_STABLECOIN_ABI, functionName: 'balanceOf', args: [holder] }),
  );
}
