import { Interface, zeroPadValue, type JsonRpcProvider, type Log, type LogDescription } from 'ethers';
import { Problem, type Hex } from '#base';
import type { Exported } from '../export/read.ts';
import { depositsOf, type MoneyLog } from './deposits.ts';
import { finalBlockOf, withEndpoint, type FinalityTag } from './endpoint.ts';
import type { AnchoredFact, CancelledFact, ChainFacts, PaidFact } from './facts.ts';

/** Read from the interfaces, not from our build: an independent second spelling. */
const ANCHOR = new Interface([
  'event Anchored(uint256 indexed index, bytes32 leaf, bytes32 previous, bytes32 commitment)',
  'function commitment() view returns (bytes32)',
]);
const VAULT = new Interface([
  'event Paid(bytes32 indexed instruction, address indexed token, uint256 payments, uint256 amount)',
  'event Cancelled(bytes32 indexed instruction, uint8 index)',
  'event Deposited(bytes32 indexed merchantReference, address indexed token, address indexed from, uint256 amount)',
  'event TokenListed(address indexed token, uint96 perTransaction, uint96 perDay)',
  'function anchor() view returns (address)',
  'function book() view returns (bytes16)',
]);
const TOKEN = new Interface(['event Transfer(address indexed from, address indexed to, uint256 value)', 'function balanceOf(address) view returns (uint256)']);

/** Blocks a request: what public endpoints allow. */
const STEP = 2_000;

/** Reads everything the audit compares with, at one final block. Throws `audit/wrong-chain`, `audit/no-finality`, `audit/endpoint-failed`. */
export async function readChain(rpcUrl: string, exported: Pick<Exported, 'header' | 'anchors'>, finality: FinalityTag = 'finalized'): Promise<ChainFacts> {
  return withEndpoint(rpcUrl, (provider) => read(provider, exported, finality));
}

async function read(provider: JsonRpcProvider, { header, anchors }: Pick<Exported, 'header' | 'anchors'>, finality: FinalityTag): Promise<ChainFacts> {
  const { chainId } = await provider.getNetwork();
  if (chainId !== header.chainId) throw new Problem('audit/wrong-chain', `The export is of chain ${header.chainId}, the endpoint of ${chainId}.`);
  const final = await finalBlockOf(provider, finality);
  const source = { provider, from: Number(header.fromBlock), to: final.number };
  const tokens = header.tokens.map(({ address }) => address);
  const vaultLogs = decode(VAULT, await logsOf(source, { address: header.vault }));
  const anchored = decode(ANCHOR, await logsOf(source, { address: header.anchor }));
  return {
    finalBlock: final.number,
    finalTimestamp: BigInt(final.timestamp),
    vaultAnchor: lower((await call(provider, VAULT, header.vault, 'anchor', [], final.number))[0]),
    vaultBook: lower((await call(provider, VAULT, header.vault, 'book', [], final.number))[0]),
    commitment: lower((await call(provider, ANCHOR, header.anchor, 'commitment', [], final.number))[0]),
    anchored: await withTimes(
      provider,
      anchored.filter(({ parsed }) => parsed.name === 'Anchored').map(anchoredOf),
      new Set(anchors.map(({ index }) => index)),
    ),
    paid: vaultLogs.filter(({ parsed }) => parsed.name === 'Paid').map(paidOf),
    cancelled: vaultLogs.filter(({ parsed }) => parsed.name === 'Cancelled').map(cancelledOf),
    deposits: depositsByTransaction([...(await transfersOf(source, tokens, header.vault)), ...vaultLogs.flatMap(moneyOf)]),
    holdings: new Map(await Promise.all(tokens.map(async (token) => [token, await balanceOf(provider, token, header.vault, final.number)] as const))),
  };
}

interface Source {
  readonly provider: JsonRpcProvider;
  readonly from: number;
  readonly to: number;
}

interface Decoded {
  readonly log: Log;
  readonly parsed: LogDescription;
}

async function logsOf({ provider, from, to }: Source, filter: { address: string | string[]; topics?: (string | null)[] }): Promise<Log[]> {
  const logs: Log[] = [];
  for (let at = from; at <= to; at += STEP) logs.push(...(await provider.getLogs({ ...filter, fromBlock: at, toBlock: Math.min(at + STEP - 1, to) })));
  return logs;
}

/** Times tell whether a leaf that the export lacks is older than the export. */
async function withTimes(provider: JsonRpcProvider, events: readonly AnchoredFact[], known: ReadonlySet<bigint>): Promise<AnchoredFact[]> {
  const timed: AnchoredFact[] = [];
  for (const event of events) timed.push(known.has(event.index) ? event : { ...event, timestamp: BigInt((await blockOf(provider, event.block)).timestamp) });
  return timed;
}

async function blockOf(provider: JsonRpcProvider, number: number) {
  const block = await provider.getBlock(number);
  if (!block) throw new Problem('audit/endpoint-failed', `The endpoint does not have block ${number}.`);
  return block;
}

async function call(provider: JsonRpcProvider, abi: Interface, to: Hex, name: string, args: readonly unknown[], blockTag: number) {
  const data = await provider.call({ to, data: abi.encodeFunctionData(name, args), blockTag });
  if (data === '0x') throw new Problem('audit/endpoint-failed', `There is no contract at ${to} that answers ${name}().`);
  return abi.decodeFunctionResult(name, data);
}

async function balanceOf(provider: JsonRpcProvider, token: Hex, holder: Hex, block: number): Promise<bigint> {
  const [units] = await call(provider, TOKEN, token, 'balanceOf', [holder], block);
  return units as bigint;
}

function decode(abi: Interface, logs: readonly Log[]): Decoded[] {
  return logs.map((log) => ({ log, parsed: abi.parseLog(log) })).filter((decoded): decoded is Decoded => decoded.parsed !== null);
}

function lower(value: unknown): Hex {
  return String(value).toLowerCase() as Hex;
}

function anchoredOf({ log, parsed: { args } }: Decoded): AnchoredFact {
  return {
    index: args['index'] as bigint,
    leaf: lower(args['leaf']),
    previous: lower(args['previous']),
    commitment: lower(args['commitment']),
    transaction: lower(log.transactionHash),
    block: log.blockNumber,
    timestamp: null,
  };
}

function paidOf({ log, parsed: { args } }: Decoded): PaidFact {
  return {
    instruction: lower(args['instruction']),
    token: lower(args['token']),
    payments: args['payments'] as bigint,
    amount: args['amount'] as bigint,
    transaction: lower(log.transactionHash),
  };
}

function cancelledOf({ parsed: { args } }: Decoded): CancelledFact {
  return { instruction: lower(args['instruction']), index: Number(args['index']) };
}

async function transfersOf(source: Source, tokens: readonly Hex[], vault: Hex): Promise<MoneyLog[]> {
  const topic = TOKEN.getEvent('Transfer')!.topicHash;
  const party = zeroPadValue(vault, 32);
  const incoming = decode(TOKEN, await logsOf(source, { address: [...tokens], topics: [topic, null, party] }));
  const outgoing = decode(TOKEN, await logsOf(source, { address: [...tokens], topics: [topic, party] }));
  return [...incoming.map((one) => transferOf(one, 'in', 'from')), ...outgoing.map((one) => transferOf(one, 'out', 'to'))].filter(
    ({ party: other }) => other !== vault,
  );
}

function placeOf({ log }: Decoded): Pick<MoneyLog, 'transaction' | 'logIndex' | 'block'> {
  return { transaction: lower(log.transactionHash), logIndex: log.index, block: log.blockNumber };
}

function transferOf(decoded: Decoded, kind: 'in' | 'out', side: 'from' | 'to'): MoneyLog {
  const { args } = decoded.parsed;
  return { kind, ...placeOf(decoded), token: lower(decoded.log.address), party: lower(args[side]), amount: args['value'] as bigint, reference: null };
}

function moneyOf(decoded: Decoded): MoneyLog[] {
  const { name, args } = decoded.parsed;
  const place = placeOf(decoded);
  if (name === 'TokenListed') return [{ kind: 'listed', ...place, token: lower(args['token']), party: '0x', amount: 0n, reference: null }];
  if (name === 'Paid') return [{ kind: 'paid', ...place, token: lower(args['token']), party: '0x', amount: args['amount'] as bigint, reference: null }];
  if (name !== 'Deposited') return [];
  const [token, party, reference] = [lower(args['token']), lower(args['from']), lower(args['merchantReference'])];
  return [{ kind: 'deposited', ...place, token, party, amount: args['amount'] as bigint, reference }];
}

function depositsByTransaction(logs: readonly MoneyLog[]) {
  const ordered = [...logs].sort((a, b) => a.block - b.block || a.logIndex - b.logIndex);
  return [...Map.groupBy(ordered, ({ transaction }) => transaction).values()].flatMap(depositsOf);
}
