import { strict as assert } from 'node:assert';
import { createHash, randomBytes } from 'node:crypto';
import { privateKeyToAccount } from 'viem/accounts';
import {
  ManualClock,
  newId,
  Problem,
  toHex,
  uuidBytes,
  type Asset,
  type AssetNo,
  type BookId,
  type Hex,
  type MerchantId,
  type OrderId,
  type PayeeId,
} from '#base';
import { depositDigest, type Deposit } from '#chain';
import { addPayee, findPayee, registerMerchant, type DirectoryDependencies, type Payee } from '#identity';
import { authorisationJson, eip712Message, merchantDomain, STRUCTS, type AuthorisationJson, type MessageKind, type Messages } from '#identity/core';
import { openBook, type Book } from '#ledger';
import { chartAccount, type AccountRole } from '#ledger/core';
import {
  paymentsOfOrder,
  submitOrderFile,
  type CoordinatorDependencies,
  type Payment,
  type PaymentProgress,
  type ScreeningOutcome,
  type VaultCaps,
} from '#payments';
import { parsePain001, parseRates } from '#payments/core';
import { creditDeposit, liquidityReference, openChart, type DepositRules } from '#settlement';
import { loadExample } from '../../scripts/example/example.ts';
import { testDatabase, type TestDatabase } from './postgres.ts';

const NOW = 1_800_000_000_000;
export const VAULT: Hex = `0x${'ab'.repeat(20)}`;
export const USD = 1 as AssetNo;
export const EUR = 2 as AssetNo;
export const TOKENS: ReadonlyMap<Hex, AssetNo> = new Map<Hex, AssetNo>([
  [`0x${'01'.repeat(20)}`, USD],
  [`0x${'02'.repeat(20)}`, EUR],
]);
export const KEY: Hex = `0x${'11'.repeat(32)}`;
const CHAIN = 31337n;
const EXPIRY = 4_000_000_000n;
const CLEAR: ScreeningOutcome = { decision: 'clear', hits: [], listHash: `0x${'00'.repeat(32)}` };
const random = (length: number) => new Uint8Array(randomBytes(length));
const ASSETS: readonly Asset[] = [
  { asset: USD, symbol: 'tUSD', decimals: 6, peg: 'USD', caip19: `eip155:31337/erc20:0x${'01'.repeat(20)}` },
  { asset: EUR, symbol: 'tEUR', decimals: 18, peg: 'EUR', caip19: `eip155:31337/erc20:0x${'02'.repeat(20)}` },
];

/** Signed with viem, by this private key. */
export async function sign<Kind extends MessageKind>(
  key: Hex,
  kind: Kind,
  message: Messages[Kind],
  vault: Hex = VAULT,
  chainId = CHAIN,
): Promise<AuthorisationJson> {
  const types = { [kind]: STRUCTS[kind].members.map(([type, name]) => ({ type, name })) };
  const primaryType: string = kind;
  const domain = { ...merchantDomain(chainId, vault), chainId: Number(chainId) };
  const signature = await privateKeyToAccount(key).signTypedData({ domain, types, primaryType, message: eip712Message(kind, message) });
  return authorisationJson({ kind, message, evidence: { scheme: 'eip712', signature } });
}

export function addressOfKey(key: Hex): Hex {
  return privateKeyToAccount(key).address.toLowerCase() as Hex;
}

/** A book, a directory and a merchant on a real database, with nothing of a chain behind them. */
export interface Trade {
  readonly db: TestDatabase;
  readonly clock: ManualClock;
  readonly book: Book;
  readonly bookId: BookId;
  readonly directory: DirectoryDependencies;
  readonly coordinator: CoordinatorDependencies;
  readonly rules: DepositRules;
  readonly merchant: MerchantId;
  readonly progress: PaymentProgress[];
  /** The most that the vault pays, of any asset. */
  caps: VaultCaps;
  /** What the next screenings answer. */
  screening: ScreeningOutcome;
  /** The order message as the merchant would sign it for this file. */
  orderMessage(file: Uint8Array, more?: Partial<Messages['Order']>): Messages['Order'];
  submit(file: Uint8Array, more?: Partial<Messages['Order']>): Promise<readonly Payment[]>;
  payee(account: string, asset?: AssetNo): Promise<Payee>;
  /** A final deposit as the scanner tells it. */
  deposit(more?: Partial<Deposit>): Deposit;
  /** Of the merchant, minor units. */
  fund(asset: AssetNo, amount: bigint): Promise<void>;
  /** Of the operator, minor units. */
  liquidity(asset: AssetNo, amount: bigint): Promise<void>;
  balance(role: AccountRole, asset: AssetNo): Promise<{ readonly posted: bigint; readonly pending: bigint }>;
  states(payments: readonly Payment[]): Promise<readonly string[]>;
  close(): Promise<void>;
}

export function freshId<Id extends string>(): Id {
  return newId(NOW, random) as string as Id;
}

export async function testTrade(): Promise<Trade> {
  const db = await testDatabase();
  const { database } = db;
  const clock = new ManualClock(NOW);
  const bookId = freshId<BookId>();
  const book = await openBook({ database, bookId, clock });
  const assets = new Map(ASSETS.map((asset) => [asset.asset, asset]));
  await openChart(book, assets);
  const directory = { database, book, bookId, clock, domain: merchantDomain(CHAIN, VAULT), assetOf: TOKENS };
  const merchant = freshId<MerchantId>();
  await registerMerchant(directory, 'Alpine Optics AG', await sign(KEY, 'MerchantKey', { merchant, key: addressOfKey(KEY), nonce: 1n, expiry: EXPIRY }));
  const { tariff, rates } = loadExample();
  const progress: PaymentProgress[] = [];
  const account = (role: AccountRole, asset: AssetNo) =>
    role === 'merchant' ? chartAccount(bookId, role, asset, merchant) : chartAccount(bookId, role, asset);
  const rules: DepositRules = {
    book: bookId,
    assetOf: TOKENS,
    liquidityReference: liquidityReference(bookId),
  };
  let deposits = 0;
  let nonce = 100n;

  const trade: Trade = {
    db,
    clock,
    book,
    bookId,
    directory,
    rules,
    merchant,
    progress,
    caps: { perTransaction: 10n ** 30n, perDay: 10n ** 30n },
    screening: CLEAR,
    coordinator: {
      database,
      book,
      bookId,
      clock,
      assets,
      assetOf: TOKENS,
      domain: directory.domain,
      payeeOf: (owner, name) => findPayee(database.pool, owner, name),
      screen: () => trade.screening,
      tariff: () => tariff,
      rates: () => parseRates(rates, clock.nowMs()),
      capsOf: async () => trade.caps,
      holdTimeoutS: 3_600,
      report: (step) => progress.push(step),
    },
    orderMessage: (file, more = {}) => {
      const facts = factsOf(file);
      return { merchant, order: freshId<OrderId>(), account: account('merchant', USD), ...facts, nonce: nonce++, expiry: EXPIRY, ...more };
    },
    submit: async (file, more = {}) => {
      const authorisation = await sign(KEY, 'Order', trade.orderMessage(file, more));
      return (await submitOrderFile(directory, { merchant, file, authorisation })).payments;
    },
    payee: async (name, asset = USD) => {
      const token = [...TOKENS].find(([, listed]) => listed === asset)![0];
      const message = {
        merchant,
        payee: freshId<PayeeId>(),
        name: `Owner of ${name}`,
        account: name,
        settlementAddress: toHex(random(20)),
        token,
        nonce: nonce++,
      };
      return addPayee(directory, await sign(KEY, 'Payee', { ...message, expiry: EXPIRY }), false);
    },
    deposit: (more = {}) => {
      const identity = { chainId: CHAIN, transactionHash: toHex(new Uint8Array(32).fill(++deposits)), logIndex: 3 };
      return {
        identity,
        digest: depositDigest(identity),
        blockNumber: 10n,
        blockHash: `0x${'bb'.repeat(32)}`,
        token: [...TOKENS.keys()][0]!,
        from: `0x${'77'.repeat(20)}`,
        amount: 1_000_000n,
        kind: 'referenced',
        reference: referenceOf(merchant),
        ...more,
      };
    },
    fund: async (asset, amount) => void (await creditDeposit(book, rules, trade.deposit({ token: tokenOf(asset), amount }))),
    liquidity: async (asset, amount) =>
      void (await creditDeposit(book, rules, trade.deposit({ token: tokenOf(asset), amount, reference: rules.liquidityReference }))),
    balance: async (role, asset) => {
      const found = await book.account(account(role, asset));
      assert.ok(found);
      return { posted: found.creditsPosted - found.debitsPosted, pending: found.creditsPending - found.debitsPending };
    },
    states: async (payments) => {
      const [first] = payments;
      return first ? (await paymentsOfOrder(database.pool, first.order)).map(({ state }) => state) : [];
    },
    close: async () => (await book.close(), await db.close()),
  };
  return trade;
}

function tokenOf(asset: AssetNo): Hex {
  return [...TOKENS].find(([, listed]) => listed === asset)![0];
}

export function referenceOf(merchant: MerchantId): Hex {
  return toHex(new Uint8Array([...uuidBytes(merchant), ...new Uint8Array(16)]));
}

/** What a merchant would sign for a file; for one that cannot be read, its hash and whatever he believed. */
function factsOf(file: Uint8Array): { readonly fileHash: Hex; readonly count: bigint; readonly controlSum: string } {
  try {
    const { fileHash, count, controlSum } = parsePain001(file);
    return { fileHash, count: BigInt(count), controlSum };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { fileHash: toHex(createHash('sha256').update(file).digest()), count: 2n, controlSum: '110.5' };
  }
}

/** The code of the problem that this ends in. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof Problem, String(error));
    return error.code;
  }
  return 'none';
}
