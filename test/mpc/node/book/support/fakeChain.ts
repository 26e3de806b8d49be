import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeAbiParameters, encodeEventTopics, keccak256, parseAbi, toEventSelector, toFunctionSelector } from 'viem';
import { fromHex, toHex, uintBytes, uuidBytes, type BookId, type Hex } from '#base';
import { appendLeaf, commitment, EMPTY_LOG, type LogHead } from '#anchor/core';

const EVENTS = parseAbi([
  'event Anchored(uint256 indexed index, bytes32 leaf, bytes32 previous, bytes32 commitment)',
  'event Transfer(address indexed from, address indexed to, uint256 value)',
  'event Deposited(bytes32 indexed merchantReference, address indexed token, address indexed from, uint256 amount)',
]);
const SELECTORS = {
  commitment: toFunctionSelector('commitment()'),
  anchor: toFunctionSelector('anchor()'),
  book: toFunctionSelector('book()'),
  instructionState: toFunctionSelector('instructionState(bytes32)'),
  caps: toFunctionSelector('caps(address)'),
  balanceOf: toFunctionSelector('balanceOf(address)'),
  separator: toFunctionSelector('DOMAIN_SEPARATOR()'),
  authorizationState: toFunctionSelector('authorizationState(address,bytes32)'),
  getTimestamp: toFunctionSelector('getTimestamp(bytes32)'),
};

const CALL_SCHEDULED = toEventSelector('CallScheduled(bytes32,uint256,address,uint256,bytes,bytes32,uint256)');
const CANCELLED = toEventSelector('Cancelled(bytes32)');

interface FakeBlock {
  readonly number: number;
  hash: Hex;
  timestamp: number;
  readonly commitment: Hex;
}

interface FakeLog {
  readonly address: Hex;
  readonly topics: Hex[];
  readonly data: Hex;
  readonly block: number;
}

interface LogQuery {
  readonly address: Hex | readonly Hex[];
  readonly topics: readonly (Hex | readonly Hex[])[];
  readonly fromBlock: Hex;
  readonly toBlock: Hex;
}

export interface InstructionBits {
  readonly opened: boolean;
  readonly settled: bigint;
  readonly cancelled: bigint;
}

/** A token with EIP-3009, as one address sees it; each from the block on that it says. */
export interface FakeToken {
  listed: boolean;
  separator: Hex;
  readonly balances: { readonly holder: Hex; readonly amount: bigint; readonly since: number }[];
  readonly taken: { readonly holder: Hex; readonly nonce: Hex; readonly since: number }[];
}

export interface Mined {
  readonly transaction: Hex;
  readonly logIndex: number;
  readonly block: bigint;
}

/** What one endpoint says instead of the truth; undefined lets the truth through. */
export type Lie = (method: string, params: readonly unknown[], truth: () => unknown) => unknown;

/** A chain in memory that does what it is told, behind real endpoints that may each lie in their own way: everything below `finalDepth` blocks is final. */
export class FakeChain {
  readonly chainId = 31337n;
  readonly anchor: Hex = `0x${'a1'.repeat(20)}`;
  readonly vault: Hex = `0x${'b2'.repeat(20)}`;
  readonly blocks: FakeBlock[] = [];
  readonly logs: FakeLog[] = [];
  readonly receipts = new Map<Hex, { readonly block: number; readonly logs: readonly (FakeLog & { readonly logIndex: number })[] }>();
  /** By id; `since`: the block from which on it is so. */
  readonly instructions = new Map<Hex, { readonly bits: InstructionBits; readonly since: number }>();
  readonly tokens = new Map<Hex, FakeToken>();
  head: LogHead = EMPTY_LOG;
  vaultAnchor = this.anchor;
  #book: BookId;
  readonly #servers: Server[] = [];
  #transactions = 0;

  constructor(book: BookId, timestampS: number) {
    this.#book = book;
    this.mine(timestampS);
  }

  get newest(): FakeBlock {
    return this.blocks.at(-1);
  }

  mine(timestampS = this.newest.timestamp + 1): FakeBlock {
    const number = this.blocks.length;
    const block = { number, hash: keccak256(uintBytes(number + 1, 32)), timestamp: timestampS, commitment: toHex(commitment(this.head)) };
    this.blocks.push(block);
    return block;
  }

  /** So many more, so that what was mined before is final. */
  finalise(depth: number): void {
    for (let i = 0; i < depth; i++) this.mine();
  }

  /** The log grows by a leaf, in a block of its own. */
  append(leaf: Hex): void {
    const previous = toHex(commitment(this.head));
    const index = this.head.count;
    this.head = appendLeaf(this.head, fromHex(leaf));
    const block = this.mine();
    const topics = encodeEventTopics({ abi: EVENTS, eventName: 'Anchored', args: { index } }) as Hex[];
    const data = encodeAbiParameters([{ type: 'bytes32' }, { type: 'bytes32' }, { type: 'bytes32' }], [leaf, previous, block.commitment]);
    this.logs.push({ address: this.anchor, topics, data, block: block.number });
  }

  /** A log of any contract in the newest block, and in one transaction with the others there. */
  log(address: Hex, topics: Hex[], data: Hex): void {
    this.logs.push({ address, topics, data, block: this.newest.number });
  }

  /** Money arrives in the vault, in a block of its own; with a reference where one is given. */
  deposit({ token, from, amount, reference }: { token: Hex; from: Hex; amount: bigint; reference: Hex | null }): Mined {
    const block = this.mine();
    const transaction = keccak256(uintBytes(++this.#transactions, 16));
    const value = encodeAbiParameters([{ type: 'uint256' }], [amount]);
    const transfer = encodeEventTopics({ abi: EVENTS, eventName: 'Transfer', args: { from, to: this.vault } }) as Hex[];
    const logs = [{ address: token, topics: transfer, data: value, block: block.number, logIndex: 3 }];
    if (reference !== null) {
      const topics = encodeEventTopics({ abi: EVENTS, eventName: 'Deposited', args: { merchantReference: reference, token, from } }) as Hex[];
      logs.push({ address: this.vault, topics, data: value, block: block.number, logIndex: 4 });
    }
    this.receipts.set(transaction, { block: block.number, logs });
    return { transaction, logIndex: 3, block: BigInt(block.number) };
  }

  /** An endpoint of this chain. */
  async serve(lie: Lie = () => undefined): Promise<string> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { id, method, params = [] } = JSON.parse(Buffer.concat(chunks).toString()) as { id: number; method: string; params?: unknown[] };
        const truth = () => this.#answer(method, params);
        const lied = lie(method, params, truth);
        const result = lied === undefined ? truth() : lied;
        const body = result instanceof TypeError ? { jsonrpc: '2.0', id, error: { code: -32_000, message: result.message } } : { jsonrpc: '2.0', id, result };
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(body));
      });
    });
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
  }

  #answer(method: string, params: readonly unknown[]): unknown {
    switch (method) {
      case 'eth_chainId':
        return `0x${this.chainId.toString(16)}`;
      case 'eth_getBlockByNumber':
        return this.#block(params[0] as string);
      case 'eth_getLogs':
        return this.#getLogs(params[0] as LogQuery);
      case 'eth_getTransactionCount':
        return '0x7';
      case 'eth_getBalance':
        return '0xde0b6b3a7640000';
      case 'eth_call':
        return this.#call(params[0] as { to: Hex; data: Hex }, params[1] as string);
      case 'eth_getTransactionReceipt':
        return this.#receipt(params[0] as Hex);
      default:
        return new TypeError(`no ${method} here`);
    }
  }

  #at(tag: string): FakeBlock | undefined {
    return tag.startsWith('0x') ? this.blocks[Number(tag)] : this.newest;
  }

  #block(tag: string): unknown {
    const block = this.#at(tag);
    if (!block) return null;
    const zero = `0x${'00'.repeat(32)}`;
    return { number: `0x${block.number.toString(16)}`, hash: block.hash, timestamp: `0x${block.timestamp.toString(16)}`, parentHash: zero, transactions: [] };
  }

  #getLogs({ address, topics: [kinds], fromBlock, toBlock }: LogQuery): unknown {
    const isMeant = (log: FakeLog) => [address].flat().includes(log.address) && [kinds].flat().includes(log.topics[0]);
    return this.logs
      .filter((log) => isMeant(log) && log.block >= Number(fromBlock) && log.block <= Number(toBlock))
      .map((log, i) => ({
        address: log.address,
        topics: log.topics,
        data: log.data,
        blockNumber: `0x${log.block.toString(16)}`,
        blockHash: this.blocks[log.block]!.hash,
        transactionHash: keccak256(uintBytes(log.block, 8)),
        transactionIndex: '0x0',
        logIndex: `0x${i.toString(16)}`,
        removed: false,
      }));
  }

  #call({ to, data }: { to: Hex; data: Hex }, tag: string): unknown {
    const block = this.#at(tag)!;
    if (to === this.anchor && data === SELECTORS.commitment) return block.commitment;
    if (to === this.vault && data === SELECTORS.anchor) return encodeAbiParameters([{ type: 'address' }], [this.vaultAnchor]);
    if (to === this.vault && data === SELECTORS.book) return toHex(new Uint8Array([...uuidBytes(this.#book), ...new Uint8Array(16)]));
    if (to === this.vault && data.startsWith(SELECTORS.instructionState)) {
      const found = this.instructions.get(`0x${data.slice(10)}`);
      const { opened, settled, cancelled } = found && found.since <= block.number ? found.bits : { opened: false, settled: 0n, cancelled: 0n };
      return encodeAbiParameters([{ type: 'bool' }, { type: 'uint256' }, { type: 'uint256' }], [opened, settled, cancelled]);
    }
    if (to === this.vault && data.startsWith(SELECTORS.caps)) {
      const listed = this.tokens.get(`0x${data.slice(34)}`)?.listed ?? false;
      return encodeAbiParameters([{ type: 'bool' }, { type: 'uint96' }, { type: 'uint96' }], [listed, 10n ** 20n, 10n ** 21n]);
    }
    if (data.startsWith(SELECTORS.getTimestamp)) return this.#getTimestamp(`0x${data.slice(10)}`, block.number);
    const token = this.tokens.get(to);
    return token ? this.#askToken(token, data, block) : '0x';
  }

  #askToken({ separator, balances, taken }: FakeToken, data: Hex, { number }: FakeBlock): Hex {
    const holder: Hex = `0x${data.slice(34, 74)}`;
    if (data === SELECTORS.separator) return separator;
    if (data.startsWith(SELECTORS.balanceOf)) {
      const amount = balances.findLast((one) => one.holder === holder && one.since <= number)?.amount ?? 0n;
      return encodeAbiParameters([{ type: 'uint256' }], [amount]);
    }
    if (!data.startsWith(SELECTORS.authorizationState)) return '0x';
    const isTaken = taken.some((one) => one.holder === holder && one.nonce === `0x${data.slice(74)}` && one.since <= number);
    return encodeAbiParameters([{ type: 'bool' }], [isTaken]);
  }

  /** As the timelock’s own logs have it. */
  #getTimestamp(id: Hex, until: number): Hex {
    const last = this.logs.findLast(({ topics, block }) => topics[1] === id && block <= until);
    const scheduled = this.logs.findLast((log) => log.topics[1] === id && log.topics[0] === CALL_SCHEDULED);
    if (!last || !scheduled || (last !== scheduled && last.topics[0] === CANCELLED)) return toHex(uintBytes(0, 32));
    const delayS = Number(BigInt(`0x${scheduled.data.slice(2 + 4 * 64, 2 + 5 * 64)}`));
    return toHex(uintBytes(this.blocks[scheduled.block]!.timestamp + delayS, 32));
  }

  #receipt(transaction: Hex): unknown {
    const found = this.receipts.get(transaction);
    if (!found) return null;
    const logs = found.logs.map(({ address, topics, data, logIndex }) => ({ address, topics, data, logIndex: `0x${logIndex.toString(16)}` }));
    return { status: '0x1', blockNumber: `0x${found.block.toString(16)}`, logs };
  }
}
