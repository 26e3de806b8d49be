import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isOutage, Problem, systemClock, toHex, type AssetNo } from '#base';
import { verifyReceipt } from '#audit';
import { loadOrCreateKey } from '#custody';
import { parseRates } from '#payments/core';
import { isPortFree } from '#supervisor';
import { createScreener, readBlockList, readOfacFolder } from '#risk';
import { randomBytes } from 'node:crypto';
import { startPlatform, type Platform, type PlatformEvent } from '#main';
import { loadExample, type Example } from '../example/example.ts';
import { sandboxExample } from '../example/sandbox.ts';
import type { JobFacts } from './facts.ts';
import { gatherFacts } from './gather.ts';
import { localApiKeys, serveApi, type ServeOptions } from './serve.ts';
import { createProgress, type Progress } from './progress.ts';
import { COLOURS, NO_COLOURS, renderReport } from './report.ts';
import { patiently, runJob } from './run.ts';

type Values = Readonly<Record<string, string | boolean | undefined>>;

const CLONE = fileURLToPath(new URL('../../', import.meta.url));
const SERVE_PAUSE_MS = 500;

function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

function stateDirOf(values: Values): string {
  const dir = resolve(text(values, 'state') ?? join(CLONE, '.cairn', 'state'));
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new Problem('cli/bad-state', `The folder ${dir} cannot be made: ${(cause as NodeJS.ErrnoException).code ?? 'unknown'}.`, {}, cause);
  }
  return dir;
}

function exampleOf(values: Values): Example {
  const input = text(values, 'input');
  if (input === undefined && values['sandbox-payees']) throw new Problem('cli/bad-arguments', '--sandbox-payees goes with --input FILE.');
  if (input === undefined) return loadExample();
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(input));
  } catch (cause) {
    throw new Problem('cli/bad-file', `${input} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? 'unknown'}.`, {}, cause);
  }
  return sandboxExample({ path: input, bytes, payees: values['sandbox-payees'] ? 'invented' : 'none' });
}

/** cairn start: everything up, the job done and shown, then served until Ctrl-C. */
export async function startCommand(values: Values): Promise<number> {
  const startedMs = systemClock.nowMs();
  const example = exampleOf(values);
  const stateDir = stateDirOf(values);
  const progress = createProgress(process.stderr);
  const port = portOf(values);
  if (port !== 0 && !(await isPortFree(port))) throw new Problem('http/address-in-use', `Port ${port} is taken.`);
  const options = platformOptions(values, stateDir, example, progress);
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
  const platform = await startPlatform(options);
  try {
    const setUpMs = systemClock.nowMs() - startedMs;
    const facts = await job({ stateDir, example, platform, progress, signal: stopping.signal, startedMs, setUpMs });
    progress.done();
    show(values, facts);
    writeFileSync(join(stateDir, 'last-job.json'), `${JSON.stringify(facts, null, 1)}\n`);
    if (!values['once']) await serve({ platform, payments: options.payments, stateDir, port }, example, progress, stopping.signal);
    return facts.ok ? 0 : 1;
  } finally {
    await platform.close();
  }
}

function platformOptions(values: Values, stateDir: string, example: Example, progress: Progress) {
  const clock = systemClock;
  const screener = createScreener([readBlockList(example.blockListFile), readOfacFolder(example.sanctionsFolder)]);
  const { DATABASE_URL: databaseUrl, RPC_URL: rpcUrl, DEPLOYER_KEY: deployerKey } = process.env;
  return {
    stateDir,
    clock,
    ...(databaseUrl ? { databaseUrl } : {}),
    ...(rpcUrl ? { rpcUrl } : {}),
    ...(deployerKey ? { deployerKey: deployerKey as `0x${string}` } : {}),
    deployConsent: values['deploy'] === true,
    assets: example.assets.map(({ asset, symbol, decimals, peg }) => ({ asset: asset as AssetNo, symbol, decimals, peg })),
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
  readonly example: Example;
  readonly platform: Platform;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly startedMs: number;
  readonly setUpMs: number;
}

async function job({ stateDir, example, platform, progress, signal, startedMs, setUpMs }: Running): Promise<JobFacts> {
  const issuerKey =
    (process.env['DEPLOYER_KEY'] as `0x${string}` | undefined) ??
    toHex(await loadOrCreateKey(join(stateDir, 'keys'), 'deployer', (length) => new Uint8Array(randomBytes(length))));
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
async function serve(options: ServeOptions, example: Example, progress: Progress, signal: AbortSignal): Promise<void> {
  const { platform, stateDir } = options;
  const api = await serveApi(options);
  const keys = await localApiKeys(platform, example, stateDir);
  process.stderr.write(servingText(api.url, keys, platform.client.rpcUrl, relative(process.cwd(), stateDir) || '.'));
  try {
    while (!signal.aborted) {
      await patiently({ platform, onStep: (text) => progress.step(text) }, () => platform.pass());
      await new Promise((resolve) => setTimeout(resolve, SERVE_PAUSE_MS));
    }
  } finally {
    await api.close();
  }
}

function servingText(url: string, keys: { operator: string; merchant: string }, rpcUrl: string, state: string): string {
  return `
The API serves on ${url} until Ctrl-C (this machine only).
  what there is        curl ${url}/openapi.json
  as the operator      curl -H 'Authorization: Bearer ${keys.operator}' ${url}/v1/status
  as a merchant        curl -H 'Authorization: Bearer ${keys.merchant}' ${url}/v1/payments
  check a receipt      npx cairn verify ${state}/receipts/PAYMENT.json --rpc ${rpcUrl}
  audit everything     npx cairn export EXPORT --state ${state} && npx cairn audit EXPORT --rpc ${rpcUrl}
`;
}

function portOf(values: Values): number {
  const given = text(values, 'port');
  if (given === undefined) return 0;
  if (!/^\d{1,5}$/.test(given) || Number(given) > 65_535) throw new Problem('cli/bad-arguments', `--port takes a number from 0 to 65535, not "${given}".`);
  return Number(given);
}
