import { privateKeyToAccount } from 'viem/accounts';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, fromHex, overOutages, parseDecimal, Problem, toHex, utf8, uuidBytes, type Hex } from '#base';
import { addPayee, findMerchant, findPayee, registerMerchant, registerWallet, walletOwner } from '#identity';
import { chartAccount } from '#ledger/core';
import { FINAL_STATES, paymentsOfOrder, submitOrderFile, type Payment, type SubmittedOrder } from '#payments';
import type { Platform } from '#main';
import { liquidityReference, openInstructions, payoutOfPayment } from '#settlement';
import type { Example, ExampleMerchant } from '../example/example.ts';
import { exampleMerchant, RECEIVE_WITH_AUTHORIZATION, split, type ExampleMerchantClient } from '../example/merchant.ts';
import { localWorld, type LocalWorld } from './issuer.ts';

/** Where a run may be stopped by force, for the tests that do. */
export const JOB_POINTS = ['merchants', 'funded', 'payees', 'credited', 'ordered', 'held', 'window', 'paid', 'anchored'] as const;
export type JobPoint = (typeof JOB_POINTS)[number];

export interface JobOptions {
  readonly platform: Platform;
  readonly example: Example;
  readonly issuerKey: Hex;
  readonly onStep: (text: string) => void;
  /** Ends the job at the next pass; a later run goes on where it was. */
  readonly signal?: AbortSignal;
  readonly onPoint?: (point: JobPoint) => void;
}

const EXPIRES_IN_S = 86_400n;
const PAUSE_MS = 120;
/** A database or chain that was killed is back within seconds, started again by its supervisor. */
const PATIENCE_MS = 60_000;
const OUTAGE_PAUSE_MS = 250;
/** A person is told what is waited for at least so often. */
const TELL_EVERY_MS = 5_000;
/** A part that goes on failing for so long will not mend itself while somebody waits. */
const FAULT_PATIENCE_MS = 30_000;
/** Of each asset, whole units: the operator's own money in the FX position. */
const LIQUIDITY = '250000';

interface Actor {
  readonly merchant: ExampleMerchant;
  readonly client: ExampleMerchantClient;
}

/** The main job, from the merchants' keys to the last proof. Every step asks first whether it is done: run again after any crash it goes on where it was. */
export async function runJob(options: JobOptions): Promise<readonly SubmittedOrder[]> {
  const { platform, example, onStep, onPoint = () => undefined } = options;
  const world = localWorld(platform.client, options.issuerKey);
  const actors = example.merchants.map((merchant) => ({
    merchant,
    client: exampleMerchant(merchant, { chainId: platform.client.chainId, vault: platform.deployment.vault }),
  }));
  const expiry = BigInt(Math.floor(platform.clock.nowMs() / 1000)) + EXPIRES_IN_S;

  const withPatience = <T>(work: () => Promise<T>) => patiently(options, work);

  onStep('merchants register their keys and wallets');
  await withPatience(async () => {
    for (const actor of actors) await register(platform, actor, expiry);
  });
  onPoint('merchants');
  onStep('merchants fund their accounts; the operator funds the FX position');
  const fundAll = async () => {
    await blockList(platform, example, world);
    for (const actor of actors) await fund(platform, actor, world, expiry);
    await fundLiquidity(platform, world, options.issuerKey, expiry);
  };
  await withPatience(fundAll);
  onPoint('funded');
  onStep('merchants add their payees');
  await withPatience(async () => {
    for (const actor of actors) await addPayees(platform, example, actor, expiry);
  });
  onPoint('payees');
  onStep('deposits become final and are credited');
  await until(options, async () => {
    if ((await platform.scanner.pending()).length > 0) return false;
    if (await isFunded(platform, actors)) return true;
    // The blocks of a killed local chain that were not final are gone, and what was deposited in them: it is deposited again.
    if (platform.local) await fundAll();
    return false;
  });
  onPoint('credited');
  onStep('merchants send their signed order files');
  const orders = await withPatience(async () => {
    const submitted: SubmittedOrder[] = [];
    for (const actor of actors) submitted.push(...(await submit(platform, example, actor, expiry)));
    return submitted;
  });
  onPoint('ordered');
  onStep('payments are screened, quoted and held');
  await until(options, async () => (await all(platform, orders)).every(({ state }) => !['received', 'screened', 'quoted'].includes(state)));
  onPoint('held');
  if (await withPatience(() => platform.closeWindow())) onStep('the settlement window is closed; its instructions are booked and anchored');
  onPoint('window');
  onStep('the vault pays against the anchored log');
  const waiting = async () => onStep(await waitingText(platform, orders));
  await until(options, async () => isPaidOut(platform, await all(platform, orders)), waiting);
  onPoint('paid');
  onStep('the last records are sealed and anchored');
  await withPatience(() => platform.sealAll());
  await until(options, async (report) => report.unanchored === 0 && report.openTransactions === 0);
  // The local chain calls a block `finalized` two blocks later, and whoever verifies goes by what the endpoint says.
  await withPatience(async () => platform.local?.mine(3));
  onPoint('anchored');
  return withPatience(() =>
    Promise.all(orders.map(async (order) => ({ ...order, payments: await paymentsOfOrder(platform.database.pool, order.order.order) }))),
  );
}

/** One piece of the job, which asks first what is already so, done over outages of the database and the chain. */
export function patiently<T>({ platform, onStep, signal }: Pick<JobOptions, 'platform' | 'onStep' | 'signal'>, work: () => Promise<T>): Promise<T> {
  const tell = ({ detail }: Problem) => onStep(`${detail} Waiting for it to come back, ${PATIENCE_MS / 1000} s at most`);
  return overOutages({ clock: platform.clock, forMs: PATIENCE_MS, pauseMs: OUTAGE_PAUSE_MS, tell }, async () => {
    if (signal?.aborted) throw new Problem('cli/stopped', 'The job was stopped before it was done; nothing is lost.');
    return work();
  });
}

/** Every payment ended; on a chain of somebody else's, where a deadline is a day away, also when each that is left was tried and refused. */
async function isPaidOut(platform: Platform, payments: readonly Payment[]): Promise<boolean> {
  for (const { state, payment } of payments) {
    if (FINAL_STATES.includes(state)) continue;
    if (platform.local || (await payoutOfPayment(platform.database.pool, payment))?.state !== 'failed') return false;
  }
  return true;
}

/** Who is waited for, and until when. */
async function waitingText(platform: Platform, orders: readonly SubmittedOrder[]): Promise<string> {
  const open = (await all(platform, orders)).filter(({ state }) => !FINAL_STATES.includes(state));
  const instructions = await openInstructions(platform.database.pool, platform.bookId);
  const lastS = Math.max(0, ...instructions.map(({ notAfterS }) => notAfterS));
  const leftS = Math.max(0, lastS - Math.floor(platform.clock.nowMs() / 1000));
  const names = open.map(({ creditorName }) => creditorName);
  return `waiting for ${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}: for ${leftS} s at most, then the money of whoever could not be paid goes back`;
}

type Report = Awaited<ReturnType<Platform['pass']>>;

/** Passes over everything until it is so. */
async function until(options: JobOptions, isSo: (report: Report) => Promise<boolean>, waiting: () => Promise<void> = async () => undefined): Promise<void> {
  const { platform } = options;
  let toldMs = platform.clock.nowMs();
  let soundMs = toldMs;
  for (;;) {
    if (platform.clock.nowMs() - toldMs >= TELL_EVERY_MS) {
      toldMs = platform.clock.nowMs();
      await patiently(options, waiting);
    }
    if (await patiently(options, async () => isSo(await platform.pass()))) return;
    const faults = platform.faults();
    if (faults.length === 0) soundMs = platform.clock.nowMs();
    if (platform.clock.nowMs() - soundMs > FAULT_PATIENCE_MS) throw new Problem('cli/job-stuck', `The job cannot go on: ${faults.join('; ')}.`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function all(platform: Platform, orders: readonly SubmittedOrder[]): Promise<Payment[]> {
  return (await Promise.all(orders.map(({ order }) => paymentsOfOrder(platform.database.pool, order.order)))).flat();
}

async function register({ directory, database }: Platform, { merchant, client }: Actor, expiry: bigint): Promise<void> {
  if (!(await findMerchant(database.pool, merchant.id))) await registerMerchant(directory, merchant.name, await client.signMerchantKey(expiry));
  if (!(await walletOwner(database.pool, client.wallet))) await registerWallet(directory, await client.signWallet(expiry));
}

async function blockList({ deployment }: Platform, example: Example, world: LocalWorld): Promise<void> {
  for (const { symbol, blockListed } of example.assets) {
    const token = deployment.tokens.find((candidate) => candidate.symbol === symbol)!;
    for (const address of blockListed) await world.blockList(token.address, address);
  }
}

function tokenOf({ deployment, assets, assetOf }: Platform, symbol: string) {
  const token = deployment.tokens.find((candidate) => candidate.symbol === symbol);
  assert(token, `there is no token ${symbol}`);
  return { ...token, asset: assets.get(assetOf.get(token.address)!)! };
}

/** What has already arrived for an account, credited or not yet: nothing is deposited twice. */
async function arrived(platform: Platform, owner: { reference: Hex; wallet: Hex; account: ReturnType<typeof chartAccount> }): Promise<bigint> {
  const account = await platform.book.account(owner.account);
  const waiting = (await platform.scanner.pending()).filter(
    ({ reference, from }) => reference === owner.reference || (reference === null && from === owner.wallet),
  );
  return (account?.creditsPosted ?? 0n) + waiting.reduce((sum, { amount }) => sum + amount, 0n);
}

/** What the wallet needs for its deposit, for good: a chain that is killed before its next dump would take the coins back again, and the deposit would be refused. */
async function endow({ local }: Platform, world: LocalWorld, token: Hex, wallet: Hex, value: bigint): Promise<void> {
  while ((await world.balanceOf(token, wallet)) < value) {
    await world.mint(token, wallet, value);
    await local?.checkpoint();
  }
}

async function fund(platform: Platform, { merchant, client }: Actor, world: LocalWorld, deadline: bigint): Promise<void> {
  const { address: token, decimals, asset } = tokenOf(platform, merchant.asset);
  const { vault } = platform.deployment;
  const account = chartAccount(platform.bookId, 'merchant', asset.asset, merchant.id);
  // A crash between the deposit and its credit is seen by the scan: bring it up to date before deciding.
  await platform.pass();
  if ((await arrived(platform, { reference: client.reference, wallet: client.wallet, account })) > 0n) return;
  const value = parseDecimal(merchant.deposit.amount, decimals);
  await endow(platform, world, token, client.wallet, value);
  const domain = await world.tokenDomain(token);
  switch (merchant.deposit.method) {
    case 'permit': {
      const permitNonce = await world.permitNonce(token, client.wallet);
      await world.depositWithPermit(vault, await client.permitDeposit({ token: domain, value, deadline, permitNonce }));
      return;
    }
    case 'authorization':
      await world.depositWithAuthorization(vault, await client.authorizationDeposit({ token: domain, value, deadline }));
      return;
    case 'transfer':
      await world.fundGas(client.wallet, 10n ** 17n);
      await world.transfer(client.walletAccount, token, vault, value);
      return;
  }
}

/** The operator's own wallet deposits by authorisation, like anybody else, under the reference of the book. */
async function fundLiquidity(platform: Platform, world: LocalWorld, issuerKey: Hex, deadline: bigint): Promise<void> {
  const key = toHex(keccak_256(concat(utf8('cairn.liquidity'), fromHex(issuerKey))));
  const wallet = privateKeyToAccount(key);
  const from = wallet.address.toLowerCase() as Hex;
  const reference = liquidityReference(platform.bookId);
  for (const asset of platform.assets.values()) {
    const { address: token, decimals } = tokenOf(platform, asset.symbol);
    const account = chartAccount(platform.bookId, 'fxPosition', asset.asset);
    await platform.pass();
    const waiting = (await platform.scanner.pending()).some((deposit) => deposit.reference === reference && deposit.token === token);
    if (waiting || ((await platform.book.account(account))?.creditsPosted ?? 0n) > 0n) continue;
    const value = parseDecimal(LIQUIDITY, decimals);
    await endow(platform, world, token, from, value);
    const domain = await world.tokenDomain(token);
    const salt = toHex(keccak_256(concat(utf8('cairn.liquidity'), uuidBytes(platform.bookId), fromHex(token))));
    const nonce = toHex(keccak_256(concat(fromHex(reference), fromHex(salt))));
    const signature = await wallet.signTypedData({
      domain: { name: domain.name, version: domain.version, chainId: Number(platform.client.chainId), verifyingContract: token },
      types: RECEIVE_WITH_AUTHORIZATION,
      primaryType: 'ReceiveWithAuthorization',
      message: { from, to: platform.deployment.vault, value, validAfter: 0n, validBefore: deadline, nonce },
    });
    await world.depositWithAuthorization(platform.deployment.vault, [token, from, value, 0n, deadline, reference, salt, split(signature)]);
  }
}

async function addPayees(platform: Platform, example: Example, { merchant, client }: Actor, expiry: bigint): Promise<void> {
  const isSandbox = example.orders.every(({ outcomes }) => outcomes === null);
  for (const payee of example.payees.filter((candidate) => candidate.merchant === merchant.id)) {
    if (await findPayee(platform.database.pool, merchant.id, payee.account)) continue;
    await addPayee(platform.directory, await client.signPayee(payee, tokenOf(platform, payee.asset).address, expiry), isSandbox);
  }
}

/** Every deposit of the job has come to its account. */
async function isFunded(platform: Platform, actors: readonly Actor[]): Promise<boolean> {
  const { book, bookId, assets } = platform;
  const accounts = [...assets.values()].map(({ asset }) => chartAccount(bookId, 'fxPosition', asset));
  for (const { merchant } of actors) {
    const { asset } = tokenOf(platform, merchant.asset);
    accounts.push(chartAccount(bookId, 'merchant', asset.asset, merchant.id));
  }
  for (const account of accounts) if (((await book.account(account))?.creditsPosted ?? 0n) === 0n) return false;
  return true;
}

async function submit(platform: Platform, example: Example, { merchant, client }: Actor, expiry: bigint): Promise<SubmittedOrder[]> {
  const { asset } = tokenOf(platform, merchant.asset);
  const account = chartAccount(platform.bookId, 'merchant', asset.asset, merchant.id);
  const submitted: SubmittedOrder[] = [];
  for (const order of example.orders.filter((candidate) => candidate.merchant === merchant.id)) {
    const authorisation = await client.signOrder(order, account, expiry);
    // A published sample miscounts itself; the sandbox merchant signed what it really holds. Our own example has to be right.
    const accepted = order.outcomes === null ? (['payments/count-mismatch'] as const) : [];
    submitted.push(await submitOrderFile(platform.directory, { merchant: merchant.id, file: order.bytes, authorisation, accepted }));
  }
  return submitted;
}
