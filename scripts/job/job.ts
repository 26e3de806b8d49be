import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isOutage, Problem, systemClock, toHex, type AssetNo, type Hex } from '#base';
import { verifyReceipt } from '#audit';
import { connectChain } from '#chain';
import { loadOrCreateKey } from '#custody';
import { hasEmbeddedPostgres, inspectDatabase } from '#db';
import { parseRates } from '#payments/core';
import { isPortFree } from '#supervisor';
import { createScreener, readBlockList, readOfacFolder } from '#risk';
import { randomBytes } from 'node:crypto';
import { privateKeyToAccount } from 'viem/accounts';
import { requireRehearsalChain, signerNodes, startPlatform, type Platform, type PlatformEvent } from '#main';
import { loadExample, type Example } from '../example/example.ts';
import { merchantKeys } from '../example/merchant.ts';
import { sandboxExample } from '../example/sandbox.ts';
import type { JobFacts } from './facts.ts';
import { gatherFacts } from './gather.ts';
import { readGiven, type Given, type Values } from './given.ts';
import { localApiKeys, serveApi, type ServeOptions } from './serve.ts';
import { createProgress, type Progress } from './progress.ts';
import { COLOURS, NO_COLOURS, renderReport, renderServing } from './report.ts';
import { patiently, runJob } from './run.ts';

const SERVE_PAUSE_MS = 500;

/** Everything outside that a start can be refused for is asked before the state folder or anything in the database is made: such a start leaves nothing behind. */
async function requireWorld(
  { port, stateDir, environment: { databaseUrl, rpcUrl, deployerKey } }: Given,
  { deploy, 'force-rehearsal': force }: Values,
): Promise<void> {
  if (port !== 0 && !(await isPortFree(port))) throw new Problem('http/address-in-use', `Port ${port} is taken.`);
  const isNew = databaseUrl ? (await inspectDatabase(databaseUrl)) === 0 : !hasEmbeddedPostgres(join(stateDir, 'postgres'));
  if (!rpcUrl) return;
  const client = await connectChain({ rpcUrl, finality: { kind: 'tag', tag: 'finalized' } });
  requireRehearsalChain(client.chainId, force === true);
  if (!isNew) return;
  if (!deploy) throw new Problem('chain/consent-needed', `Nothing of ours is deployed yet, and nobody asked for it on chain ${client.chainId}.`);
  if (!deployerKey) return;
  const { address } = privateKeyToAccount(deployerKey);
  const wei = await client.read('the deployer’s balance', (viem) => viem.getBalance({ address }));
  if (wei === 0n)
    throw new Problem('chain/relayer-out-of-funds', `DEPLOYER_KEY is the key of ${address}, which has no coin on chain ${client.chainId}.`, { address });
}

function makeStateDir(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new Problem('cli/bad-state', `The folder ${dir} cannot be made: ${(cause as NodeJS.ErrnoException).code ?? 'unknown'}.`, {}, cause);
  }
}

/** cairn start: everything up, the job done and shown, then served until Ctrl-C. */
export async function startCommand(values: Values): Promise<number> {
  const startedMs = systemClock.nowMs();
  const given = readGiven(values, process.env);
  const { stateDir, port, input, environment } = given;
  const example = input ? sandboxExample(input) : loadExample();
  await requireWorld(given, values);
  makeStateDir(stateDir);
  const progress = createProgress(process.stderr);
  const options = platformOptions(values, given, example, progress);
  const stopping = new AbortController();
  // npm and a terminal both pass a signal on, so one Ctrl-C may come several times: however often it comes, the platform is closed once, in order.
  const stop = () => {
    if (stopping.signal.aborted) return;
    progress.step('stopping as soon as this step is done; starting again goes on from there');
    stopping.abort(new Problem('cli/stopped', 'It was stopped before it was done; nothing is lost.'));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  const platform = await startPlatform({ ...options, signal: stopping.signal });
  try {
    const setUpMs = systemClock.nowMs() - startedMs;
    const facts = await job({ stateDir, deployerKey: environment.deployerKey, example, platform, progress, signal: stopping.signal, startedMs, setUpMs });
    progress.done();
    show(values, facts);
    writeFileSync(join(stateDir, 'last-job.json'), `${JSON.stringify(facts, null, 1)}\n`);
    if (!values['once']) await serve({ platform, payments: options.payments, stateDir, port }, { example, facts, progress }, stopping.signal);
    return facts.ok ? 0 : 1;
  } finally {
    await platform.close();
  }
}

function platformOptions(values: Values, { stateDir, environment }: Given, example: Example, progress: Progress) {
  const clock = systemClock;
  const screener = createScreener([readBlockList(example.blockListFile), readOfacFolder(example.sanctionsFolder)]);
  return {
    stateDir,
    clock,
    ...environment,
    deployConsent: values['deploy'] === true,
    assets: example.assets.map(({ asset, symbol, decimals, peg }) => ({ asset: asset as AssetNo, symbol, decimals, peg })),
    signers: signerNodes({
      merchants: merchantKeys(example.merchants),
      rates: parseRates(example.rates, clock.nowMs()),
      force: values['force-rehearsal'] === true,
    }),
    payments: {
      screen: (subject: { readonly name: string; readonly address: string; readonly country: string | null }) => screener.screen(subject),
      tariff: () => example.tariff,
      rates: () => parseRates(example.rates, clock.nowMs()),
    },
    onEvent: (event: PlatformEvent) => progress.event(event),
  };
}

interface Running {
  readonly stateDir: string;
  /** Of DEPLOYER_KEY; undefined takes the one that is kept in the state folder. */
  readonly deployerKey: Hex | undefined;
  readonly example: Example;
  readonly platform: Platform;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly startedMs: number;
  readonly setUpMs: number;
}

async function job({ stateDir, deployerKey, example, platform, progress, signal, startedMs, setUpMs }: Running): Promise<JobFacts> {
  const issuerKey = deployerKey ?? toHex(await loadOrCreateKey(join(stateDir, 'keys'), 'deployer', (length) => new Uint8Array(randomBytes(length))));
  const onStep = (step: string) => progress.step(step);
  const orders = await runJob({ platform, example, issuerKey, signal, onStep });
  const timing = { startedMs, setUpMs, jobMs: systemClock.nowMs() - startedMs - setUpMs, peakMemoryMiB: Math.round(process.resourceUsage().maxRSS / 1024) };
  const verify = async (receipt: string, rpcUrl: string) => {
    try {
      await verifyReceipt(receipt, rpcUrl);
      return null;
    } catch (error) {
      if (!(error instanceof Problem) || isOutage(error)) throw error;
      return error.detail;
    }
  };
  const receiptsDir = join(stateDir, 'receipts');
  return patiently({ platform, onStep, signal }, () => gatherFacts({ platform, example, orders, receiptsDir, timing, onStep, verify }));
}

function show(values: Values, facts: JobFacts): void {
  const paint = process.stdout.isTTY && !process.env['NO_COLOR'] ? COLOURS : NO_COLOURS;
  process.stdout.write(values['json'] ? `${JSON.stringify(facts)}\n` : renderReport(facts, paint));
}

/** Goes on with everything that comes, until asked to stop. */
async function serve(
  options: ServeOptions,
  { example, facts, progress }: { readonly example: Example; readonly facts: JobFacts; readonly progress: Progress },
  signal: AbortSignal,
): Promise<void> {
  const { platform, stateDir } = options;
  const api = await serveApi(options);
  const keys = await localApiKeys(platform, example, stateDir);
  process.stderr.write(renderServing(facts, { url: api.url, keys, rpcUrl: platform.client.rpcUrl, state: relative(process.cwd(), stateDir) || '.' }));
  try {
    while (!signal.aborted) {
      await patiently({ platform, onStep: (text) => progress.step(text) }, () => platform.pass());
      await platform.rest(SERVE_PAUSE_MS, signal);
    }
  } finally {
    await api.close();
  }
}
