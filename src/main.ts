import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { getPublicKey } from '@noble/secp256k1';
import { fromHex, newId, systemClock, toHex, type Asset, type AssetNo, type BookId, type Clock, type Hex, type RandomBytes } from '#base';
import { createAnchorer, createProver, greatestUnanchoredAgeMs, isFinallyAnchored, openSealingThread, type Prover } from '#anchor';
import {
  connectChain,
  createAnchorChain,
  createDepositScanner,
  createOutbox,
  createStrayReader,
  createVaultReader,
  deploy,
  encodePay,
  encodeRetry,
  startLocalChain,
  type ChainClient,
  type Deployment,
  type DepositScanner,
  type Finality,
  type LocalChain,
  type LocalChainEvent,
  type Outbox,
  type OutboxProgress,
  type VaultReader,
} from '#chain';
import { loadOrCreateKey, openOperators, type Custody } from '#custody';
import { addressOf } from '#custody/intents';
import { abandonedPlaces, execute, openDatabase, query, startPostgres, type Database, type NamedStatement, type PostgresEvent } from '#db';
import { createFeed } from '#feed';
import { findPayee, type DirectoryDependencies } from '#identity';
import { merchantDomain } from '#identity/core';
import { openBook, type Book } from '#ledger';
import type { CoordinatorDependencies, PaymentProgress } from '#payments';
import {
  liquidityReference,
  provePayout,
  rebuildPayout,
  createSweeper,
  openChart,
  publishTariff,
  instructionOf,
  type ClaimedDeposit,
  type CreditedDeposit,
  type DepositRules,
  type PayoutProgress,
  type SettlementDependencies,
  type SweepProgress,
} from '#settlement';
import { startWebhooks, type Webhooks, type WebhooksPart } from '#webhooks';
import { capsOf, listAssets, wholeOf, type AssetWanted } from './assets.ts';
import { leaveGovernance, whoGoverns } from './govern.ts';
import { closeWindowIfNeeded, createFaults, headsOf, passOver, restBetween, startRun, type PassReport } from './pass.ts';
import { requireRehearsalChain, signerNodes, type OpenSigners } from './signers.ts';

export { requireRehearsalChain, signerNodes, type AssetWanted, type OpenSigners, type PassReport };

/** Everything that happens, for whoever shows it. */
export type PlatformEvent =
  | { readonly kind: 'step'; readonly text: string }
  | { readonly kind: 'warning'; readonly text: string }
  /** A part of a pass failed and was left aside; told once. */
  | { readonly kind: 'fault'; readonly part: string; readonly error: unknown }
  | { readonly kind: 'payment'; readonly progress: PaymentProgress }
  | { readonly kind: 'payout'; readonly progress: PayoutProgress }
  | { readonly kind: 'sweep'; readonly progress: SweepProgress }
  | { readonly kind: 'transaction'; readonly progress: OutboxProgress }
  | { readonly kind: 'deposit'; readonly credited: CreditedDeposit }
  | { readonly kind: 'claim'; readonly claimed: ClaimedDeposit };

export interface PlatformOptions {
  readonly stateDir: string;
  /** Wins over the embedded PostgreSQL. */
  readonly databaseUrl?: string;
  /** Wins over the local chain; then nothing is deployed without `deployConsent`. */
  readonly rpcUrl?: string;
  readonly deployConsent: boolean;
  /** When a block counts as final; the chain's own tag, or the local chain's dumps, unless said. */
  readonly finality?: Finality;
  readonly deployerKey?: Hex;
  /** Addresses of the two operators. Without them, on chain id 31337 only, keys are made for a rehearsal. */
  readonly operators?: readonly Hex[];
  /** Who holds the keys: opened once the chain is known. */
  readonly signers: OpenSigners;
  readonly assets: readonly AssetWanted[];
  readonly payments: Pick<CoordinatorDependencies, 'screen' | 'tariff' | 'rates'>;
  readonly clock?: Clock;
  readonly random?: RandomBytes;
  /** What differs from the usual of a local or a real chain. */
  readonly policy?: Partial<PlatformPolicy>;
  readonly onEvent: (event: PlatformEvent) => void;
  /** Ends a start before its next ceremony or transaction, by its reason; the next start goes on from there. */
  readonly signal?: AbortSignal;
}

export interface PlatformPolicy {
  readonly sealAfterMs: number;
  /** How long a held payment waits for the settlement window to close by itself. */
  readonly windowEveryMs: number;
  /** Between the close of a window and the last moment its payees can be paid. */
  readonly payoutTtlS: number;
  /** Between two tries to pay whom the token refused. */
  readonly retryAfterMs: number;
  readonly timelockDelayS: number;
}

export interface Platform {
  readonly clock: Clock;
  readonly database: Database;
  readonly databaseUrl: string;
  readonly client: ChainClient;
  readonly local: LocalChain | null;
  readonly deployment: Deployment;
  readonly bookId: BookId;
  readonly book: Book;
  readonly assets: ReadonlyMap<AssetNo, Asset>;
  readonly assetOf: ReadonlyMap<Hex, AssetNo>;
  readonly directory: DirectoryDependencies;
  readonly outbox: Outbox;
  readonly scanner: DepositScanner;
  readonly vault: VaultReader;
  readonly prover: Prover;
  readonly custody: Custody;
  readonly webhooks: Webhooks;
  /** The operators' keys lie in our own state folder: nobody stands behind them. */
  readonly areOperatorsRehearsed: boolean;
  /** Process ids of the servers that we run ourselves; null where they are somebody else's. */
  readonly processes: { readonly postgres: (() => number) | null; readonly chain: (() => number) | null; readonly signers: () => readonly number[] };
  /** One pass over everything that is under way. */
  pass(): Promise<PassReport>;
  /** Waits for the next pass: until something new is in the book, at most `mostMs`. */
  rest(mostMs: number, signal?: AbortSignal): Promise<void>;
  /** What failed in the last pass and was left aside while everything else went on; a person has to look. */
  faults(): readonly string[];
  /** Closes the settlement window now, if any payment waits for one. */
  closeWindow(): Promise<boolean>;
  /** Seals what is not sealed, without waiting for its age. */
  sealAll(): Promise<void>;
  greatestUnanchoredAgeMs(): Promise<number>;
  close(): Promise<void>;
}

/** Local blocks come when they are asked for, so everything may be quick there. */
const LOCAL: PlatformPolicy = { sealAfterMs: 1_500, windowEveryMs: 10_000, payoutTtlS: 45, retryAfterMs: 8_000, timelockDelayS: 5 };
const REMOTE: PlatformPolicy = { sealAfterMs: 20_000, windowEveryMs: 300_000, payoutTtlS: 86_400, retryAfterMs: 900_000, timelockDelayS: 172_800 };
const HOLD_TIMEOUT_S = 86_400;
/** What a new relayer, and the owner's key for its cancellations, get for gas on a chain that is not ours: with the deployment, and only with it. */
const RELAYER_WEI = 10n ** 17n;
const MAX_BATCH_RECORDS = 4_096;
/** Machines whose clocks are set differ by far less; what a book would lose by so much is little. */
const MAX_AHEAD_MS = 300_000;

/** What the supervisors of our own servers tell of them. */
const SUPERVISED = {
  'orphan-stopped': 'was still running for an earlier start that was killed, and is taken over',
  restarted: 'ended and was started again',
  'dump-damaged': 'has a damaged dump and goes on from the one before it',
  'dump-failed': 'cannot write its dump, and nothing becomes final until it can',
  lost: 'ended and cannot be started again',
} as const;

/** Starts or continues a deployment: database, chain, keys, contracts, book. What was started is stopped again where a later step fails. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const stop: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const step of stop.reverse()) await step();
  };
  try {
    return await wire(options, stop, close);
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

async function wire(options: PlatformOptions, stop: (() => Promise<unknown>)[], close: () => Promise<void>): Promise<Platform> {
  const { stateDir, clock = systemClock, random = (length: number) => new Uint8Array(randomBytes(length)), onEvent, signal } = options;
  const step = (text: string) => onEvent({ kind: 'step', text });
  const tellOf = (server: string) => (event: PostgresEvent | LocalChainEvent) =>
    onEvent({
      kind: 'error' in event ? 'warning' : 'step',
      text: `${server} ${SUPERVISED[event.kind]}${'error' in event ? `: ${String(event.error)}` : ''}`,
    });

  step(options.databaseUrl ? 'connecting to the database of DATABASE_URL' : 'starting PostgreSQL');
  const postgres = options.databaseUrl ? null : await startPostgres({ stateDir: join(stateDir, 'postgres'), onEvent: tellOf('PostgreSQL') });
  if (postgres) stop.push(() => postgres.stop());
  const left = postgres ? abandonedPlaces() : [];
  if (left.length > 0) step(`${left.length} databases of state folders that are gone are left on this machine; npx cairn prune shows them`);
  const databaseUrl = options.databaseUrl ?? postgres!.url;
  const database = await openDatabase({ url: databaseUrl });
  stop.push(() => database.close());

  step(options.rpcUrl ? 'connecting to the chain of RPC_URL' : 'starting the local chain');
  const local = options.rpcUrl ? null : await startLocalChain({ stateDir: join(stateDir, 'chain'), clock, onEvent: tellOf('the local chain') });
  if (local) stop.push(() => local.stop());
  const client = await connectChain({
    rpcUrl: options.rpcUrl ?? local!.rpcUrl,
    ...(local ? { expectedChainId: BigInt(local.chainId) } : {}),
    finality: options.finality ?? (local ? { kind: 'provider', finalBlock: async () => local.finalBlock() } : { kind: 'tag', tag: 'finalized' }),
  });
  const policy = { ...(local ? LOCAL : REMOTE), ...options.policy };

  const keys = join(stateDir, 'keys');
  const bookId = await bookOf(database, clock, random);
  // Before the contracts, which are bound to it for ever: a start that dies while it deploys has to find the same book again.
  // A clock that somebody moves is meant to be ahead.
  const book = await openBook({ database, bookId, clock, ...(clock === systemClock ? { maxAheadMs: MAX_AHEAD_MS } : {}) });
  stop.push(() => book.close());
  void book.lost.then(({ detail }) => onEvent({ kind: 'warning', text: `${detail} This process writes nothing to it any more: stop it, or start it again.` }));
  const heads = headsOf(databaseUrl, { clock, random, onEvent });
  stop.push(() => heads.close());
  const faults = createFaults(onEvent);
  const onLook = (part: WebhooksPart, failure: unknown) => (failure === null ? faults.works(part) : faults.fails(part, failure));
  const webhooks = startWebhooks({ database, book, heads, clock, random, reach: local ? 'sandbox' : 'public', onLook });
  stop.push(() => webhooks.close());
  const source = createFeed({ database, source: book, chainId: client.chainId });
  const signers = await options.signers({ stateDir, chainId: client.chainId, source, clock, random, onEvent, signal });
  stop.push(() => signers.stop());
  const { custody } = signers;

  const relayerKey = toHex(await loadOrCreateKey(keys, 'relayer', random));
  const deployerKey = options.deployerKey ?? toHex(await loadOrCreateKey(keys, 'deployer', random));
  const guardianKey = toHex(await loadOrCreateKey(keys, 'guardian', random));
  const operators = await openOperators({ given: options.operators, folder: join(stateDir, 'operators'), chainId: client.chainId, random });
  if (operators.areRehearsal)
    onEvent({
      kind: 'warning',
      text: `The operators' keys, in ${join(stateDir, 'operators')}, are made for a rehearsal: real ones stay with two people, on machines of their own.`,
    });
  const owner = await custody.address('owner');
  const [relayer, deployer, guardian] = [relayerKey, deployerKey, guardianKey].map(addressOfKey) as [Hex, Hex, Hex];
  // Governance's own transactions are paid by whoever sends them.
  if (local) for (const account of [relayer, deployer, guardian, owner, ...operators.addresses]) await local.fund(account, 10n ** 24n);

  const mineWhile = local ? async () => void (await local.mine(1)) : undefined;
  const deployment = await deploy({
    database,
    client,
    clock,
    deployerKey,
    consent: local !== null || options.deployConsent,
    book: bookId,
    signers: { poster: await custody.address('poster'), vault: await custody.address('vault'), owner },
    guardian,
    operators: operators.addresses,
    timelockDelayS: policy.timelockDelayS,
    tokens: options.assets.map(({ symbol, decimals }) => ({ symbol, decimals, ...capsOf(decimals) })),
    onProgress: ({ step: what, done, of }) => step(`deploying ${what} (${done} of ${of})`),
    ...(signal && { signal }),
    ...(mineWhile ? { rest: mineWhile } : { funding: [relayer, owner].map((to) => ({ to, wei: RELAYER_WEI })) }),
  });

  await leaveGovernance({ deployment, stateDir, rpcUrl: local ? local.rpcUrl : null, owner, guardian, operators: operators.addresses });
  if (local) step(await whoGoverns(client, deployment));

  const caps = new Map(options.assets.map(({ symbol, decimals }) => [symbol, capsOf(decimals)]));
  await signers.appoint({ deployment, owner, book: bookId, rpcUrl: options.rpcUrl ?? local!.rpcUrl, caps });

  const assets = listAssets(options.assets, deployment);
  const assetOf = new Map(deployment.tokens.map((token) => [token.address, options.assets.find(({ symbol }) => symbol === token.symbol)!.asset]));
  const tokens = new Map([...assetOf].map(([token, asset]) => [asset, token]));
  await openChart(book, assets);
  await publishTariff(book, options.payments.tariff());

  const outbox = createOutbox({ database, client, relayerKey, clock, onProgress: (progress) => onEvent({ kind: 'transaction', progress }) });
  stop.push(() => outbox.close());
  const vault = createVaultReader({ client, deployment });
  const sealer = openSealingThread({ databaseUrl, clock, chainId: client.chainId, sealAfterMs: policy.sealAfterMs, maxRecords: MAX_BATCH_RECORDS });
  stop.push(() => sealer.close());
  const anchorer = createAnchorer({ database, chain: createAnchorChain({ client, deployment }), outbox, custody, clock, signingPatienceMs: 2_000 });
  const prover = createProver({ database, chainId: client.chainId, anchorAddress: deployment.anchor, vaultAddress: deployment.vault });
  const scanner = createDepositScanner({ database, client, deployment });
  const directory: DirectoryDependencies = { database, book, bookId, clock, domain: merchantDomain(client.chainId, deployment.vault), assetOf };
  const coordinator: CoordinatorDependencies = {
    ...options.payments,
    database,
    book,
    bookId,
    clock,
    assets,
    assetOf,
    domain: directory.domain,
    capsOf: (asset) => vault.allowanceOf(tokens.get(asset)!),
    holdTimeoutS: HOLD_TIMEOUT_S,
    payeeOf: (merchant, account) => findPayee(database.pool, merchant, account),
    report: (progress) => onEvent({ kind: 'payment', progress }),
  };
  const settlement: SettlementDependencies = {
    database,
    book,
    bookId,
    clock,
    custody,
    outbox,
    retryAfterMs: policy.retryAfterMs,
    payoutTtlS: policy.payoutTtlS,
    allowanceOf: (token) => vault.allowanceOf(token),
    payeesATransaction: (token) => vault.payeesATransaction(token),
    vaultAddress: deployment.vault,
    tokens,
    vault: {
      chainId: client.chainId,
      address: deployment.vault,
      stateOf: (id) => vault.stateOf(id),
      retryCall: (stored, indexes) => encodeRetry(instructionOf(stored), stored.words, indexes),
    },
    log: {
      isAnchored: (seq) => isFinallyAnchored(database, bookId, seq),
      payCall: async (stored, signature) => {
        const { record, fieldsRoot, proof } = await prover.proofNow(book, stored.seq);
        const header = { seq: record.seq, nowMs: BigInt(record.nowMs), fieldsRoot: toHex(fieldsRoot) };
        return encodePay({ instruction: instructionOf(stored), words: stored.words, header, proof, signature });
      },
    },
    report: (progress) => onEvent({ kind: 'payout', progress }),
  };
  // A payment is proven against the log as it stands when it is sent, and the log grows with every anchor.
  outbox.buildWith('pay', 'anchor', ({ id }) => provePayout(settlement, id));
  outbox.rebuildWith('pay', async ({ id }, failure) => rebuildPayout(settlement, id, failure));
  const sweeper = createSweeper({
    chainId: client.chainId,
    vaultAddress: deployment.vault,
    least: new Map([...assetOf].map(([token, asset]) => [token, wholeOf(assets.get(asset)!)])),
    custody,
    outbox,
    stray: createStrayReader({ client, deployment }),
    clock,
    retryAfterMs: policy.retryAfterMs,
    report: (progress) => onEvent({ kind: 'sweep', progress }),
  });
  outbox.rebuildWith('sweep', async () => sweeper.rebuild());
  const rules: DepositRules = { book: bookId, assetOf, liquidityReference: liquidityReference(bookId) };
  const platform = {
    clock,
    database,
    databaseUrl,
    client,
    local,
    deployment,
    bookId,
    book,
    assets,
    assetOf,
    directory,
    outbox,
    scanner,
    vault,
    prover,
    custody,
    webhooks,
    areOperatorsRehearsed: operators.areRehearsal,
    processes: { postgres: postgres && (() => postgres.pid()), chain: local && (() => local.pid()), signers: () => signers.pids() },
  };
  const run = startRun({ ...platform, heads, sealer, anchorer, coordinator, settlement, sweeper, rules, windowEveryMs: policy.windowEveryMs, onEvent, faults });
  return {
    ...platform,
    pass: () => passOver(run),
    rest: (mostMs, signal) => restBetween(run, mostMs, signal),
    faults: () => faults.texts(),
    closeWindow: () => closeWindowIfNeeded(run),
    sealAll: async () => void (await sealer.sealAll(book)),
    greatestUnanchoredAgeMs: () => greatestUnanchoredAgeMs({ database, clock }, [book]),
    close,
  };
}

const CLAIM_BOOK: NamedStatement = { name: 'main.claimBook', text: 'insert into cairn.platform (book) values ($1::uuid) on conflict do nothing' };
const OWN_BOOK: NamedStatement = { name: 'main.ownBook', text: 'select p.book from cairn.platform p' };

/** The platform's own book: claimed at the first start, whatever other books the database has. */
async function bookOf({ pool }: Database, clock: Clock, random: RandomBytes): Promise<BookId> {
  await execute(pool, CLAIM_BOOK, [newId<BookId>(clock.nowMs(), random)]);
  return (await query<{ book: BookId }>(pool, OWN_BOOK))[0]!.book;
}

function addressOfKey(key: Hex): Hex {
  return addressOf(getPublicKey(fromHex(key), false));
}
