import { keccak_256 } from '@noble/hashes/sha3.js';
import { decodeEventLog, encodeFunctionData, parseAbi } from 'viem';
import { assert, concat, fromHex, isOutage, Problem, toHex, utf8, uuidBytes, type Hex } from '#base';
import type { Instruction } from '#custody/intents';
import { SETTLEMENT_VAULT_ABI } from '../abi/settlement-vault.ts';
import { lower } from '../client/logs.ts';
import type { ChainClient, ChainLog } from '../client/types.ts';
import type { Deployment } from '../deploy/types.ts';
import { MAX_TRANSACTION_GAS } from '../outbox/send.ts';
import { logsBackwards, topicOf } from './backwards.ts';

const PAID = topicOf('Paid(bytes32,address,uint256,uint256)');
const PAYMENT_FAILED = topicOf('PaymentFailed(bytes32,uint8,address,uint96,bytes4)');
const ERC20 = parseAbi(['function balanceOf(address) view returns (uint256)', 'function transfer(address, uint256) returns (bool)']);

/** Of the gas of a transaction, what a list may be expected to take: the token can ask for more by the time it is paid. */
const LIST_GAS = (MAX_TRANSACTION_GAS * 4n) / 5n;
/** The checks of pay, and what the vault keeps back before the last transfer (GAS_BEFORE_TRANSFER of PackedPayments.sol). */
const LIST_BASE_GAS = 550_000n;
/** The vault's own work for each payee, and the most that it offers the token (TRANSFER_GAS of PackedPayments.sol). */
const PAYEE_GAS = 5_000n;
const MOST_TRANSFER_GAS = 200_000n;
/** Of any transaction (yellow paper, G_transaction): a transfer inside of ours does not take it again. */
const PLAIN_GAS = 21_000n;
/** One done flag and 255 bits share a storage slot of the vault. */
const MOST_PAYEES = 255n;

/** What the vault says of an instruction at one final block. */
export interface InstructionState {
  readonly blockNumber: bigint;
  /** The chain's clock in that block, seconds: what `notAfter` is compared with. */
  readonly timestampS: bigint;
  /** It was paid from once: from then on anybody may retry what failed, until notAfter. */
  readonly done: boolean;
  /** Words that were paid, with the transaction that paid each. */
  readonly paid: ReadonlyMap<number, { readonly txHash: Hex; readonly blockNumber: bigint }>;
  readonly cancelled: ReadonlySet<number>;
}

/** A payee whom the token refused. `reason`: the first 4 bytes of its answer. */
export interface FailedPayment {
  readonly instruction: Hex;
  readonly index: number;
  readonly payee: Hex;
  readonly amount: bigint;
  readonly reason: Hex;
}

/** What a pay or retry transaction did, from the logs of its receipt. */
export interface PayOutcome {
  readonly paid: readonly { readonly instruction: Hex; readonly token: Hex; readonly indexes: readonly number[]; readonly amount: bigint }[];
  readonly failed: readonly FailedPayment[];
}

/** What the vault may pay of a token, minor units, as of one final block. */
export interface VaultAllowance {
  readonly blockNumber: bigint;
  /** The chain's clock in that block, seconds. */
  readonly timestampS: bigint;
  /** The most that one transaction pays; 0 while the token is not listed. */
  readonly perTransaction: bigint;
  /** The most that a day (of UTC) pays; 0 while the token is not listed. */
  readonly perDay: bigint;
  /** Paid already on the day of that block. */
  readonly spentToday: bigint;
}

export interface VaultReader {
  stateOf(instruction: Hex): Promise<InstructionState>;
  outcomeOf(logs: readonly ChainLog[]): PayOutcome;
  allowanceOf(token: Hex): Promise<VaultAllowance>;
  /** How many payees one transaction pays without more gas than a transaction may have, by what a transfer of the token to a new holder takes now. */
  payeesATransaction(token: Hex): Promise<number>;
  /** Minor units that an account holds of a token as of a block: the vault's own, for reconciliation. */
  balanceOf(token: Hex, holder: Hex, block: bigint): Promise<bigint>;
}

export function createVaultReader({ client, deployment }: { readonly client: ChainClient; readonly deployment: Deployment }): VaultReader {
  const { vault } = deployment;

  async function stateOf(instruction: Hex): Promise<InstructionState> {
    const { number: blockNumber, timestampS } = await client.block(await client.finalBlock());
    const [done, settled, cancelledBits] = await client.read('an instruction', (viem) =>
      viem.readContract({ abi: SETTLEMENT_VAULT_ABI, address: vault, functionName: 'instructionState', args: [instruction], blockNumber }),
    );
    const paid = await findPayments(instruction, new Set(bitsOf(settled & ~cancelledBits)), blockNumber);
    return { blockNumber, timestampS, done, paid, cancelled: new Set(bitsOf(cancelledBits)) };
  }

  /** The transactions behind the bits: the bits alone decide what is paid. */
  async function findPayments(instruction: Hex, bits: ReadonlySet<number>, block: bigint): Promise<InstructionState['paid']> {
    const found = new Map<number, { txHash: Hex; blockNumber: bigint }>();
    if (bits.size === 0) return found;
    for await (const logs of logsBackwards(client, { address: [vault], topics: [PAID, instruction] }, deployment.block.number, block)) {
      for (const log of logs) {
        for (const index of decodePaid(log).indexes) if (bits.has(index)) found.set(index, { txHash: log.transactionHash, blockNumber: log.blockNumber });
      }
      if (found.size === bits.size) return found;
    }
    assert(false, `the vault says that ${bits.size} words of ${instruction} are paid, its logs say ${found.size}`);
  }

  /** Where the token does not say, as while the vault has none of it, as much as the vault ever offers. */
  async function transferGas(token: Hex): Promise<bigint> {
    const newHolder = toHex(keccak_256(concat(utf8('cairn.newHolder'), fromHex(token))).slice(12));
    const data = encodeFunctionData({ abi: ERC20, functionName: 'transfer', args: [newHolder, 1n] });
    try {
      const gas = await client.read('what a transfer takes', (viem) => viem.estimateGas({ account: vault, to: token, data, blockTag: 'latest' }));
      return gas - PLAIN_GAS < MOST_TRANSFER_GAS ? gas - PLAIN_GAS : MOST_TRANSFER_GAS;
    } catch (error) {
      if (isOutage(error) || !(error instanceof Problem)) throw error;
      return MOST_TRANSFER_GAS;
    }
  }

  return {
    stateOf,
    payeesATransaction: async (token) => {
      const payees = (LIST_GAS - LIST_BASE_GAS) / ((await transferGas(token)) + PAYEE_GAS);
      return Number(payees < MOST_PAYEES ? payees : MOST_PAYEES);
    },
    outcomeOf: (logs) => {
      const own = logs.filter(({ address }) => address === vault);
      return {
        paid: own.filter(({ topics }) => topics[0] === PAID).map(decodePaid),
        failed: own.filter(({ topics }) => topics[0] === PAYMENT_FAILED).map(decodeFailed),
      };
    },
    allowanceOf: async (token) => {
      const { number: blockNumber, timestampS } = await client.block(await client.finalBlock());
      const [listed, perTransaction, perDay] = await client.read('the caps of a token', (viem) =>
        viem.readContract({ abi: SETTLEMENT_VAULT_ABI, address: vault, functionName: 'caps', args: [token], blockNumber }),
      );
      const spentToday = await client.read('what was paid of a token today', (viem) =>
        viem.readContract({ abi: SETTLEMENT_VAULT_ABI, address: vault, functionName: 'spentToday', args: [token], blockNumber }),
      );
      return { blockNumber, timestampS, perTransaction: listed ? perTransaction : 0n, perDay: listed ? perDay : 0n, spentToday };
    },
    balanceOf: (token, holder, block) =>
      client.read('a balance', (viem) => viem.readContract({ abi: ERC20, address: token, functionName: 'balanceOf', args: [holder], blockNumber: block })),
  };
}

/** Positions of the bits that are set, ascending. */
function bitsOf(bits: bigint): number[] {
  const positions: number[] = [];
  for (let rest = bits, at = 0; rest > 0n; rest >>= 1n, at++) if (rest & 1n) positions.push(at);
  return positions;
}

function decodePaid(log: ChainLog): PayOutcome['paid'][number] {
  const { args } = decodeEventLog({ abi: SETTLEMENT_VAULT_ABI, eventName: 'Paid', topics: log.topics as [Hex, ...Hex[]], data: log.data });
  return { instruction: args.instruction, token: lower(args.token), indexes: bitsOf(args.payments), amount: args.amount };
}

function decodeFailed(log: ChainLog): FailedPayment {
  const { args } = decodeEventLog({ abi: SETTLEMENT_VAULT_ABI, eventName: 'PaymentFailed', topics: log.topics as [Hex, ...Hex[]], data: log.data });
  return { ...args, payee: lower(args.payee) };
}

type Bytes32 = Uint8Array;

/** The way of a record into the log as it stands: ILedgerAnchor.LogProof, member by member, as the anchor's prover gives it. */
export interface RecordProof {
  readonly firstSeq: bigint;
  readonly lastSeq: bigint;
  readonly previousHead: Bytes32;
  readonly batchPath: readonly Bytes32[];
  readonly bookIndex: number;
  readonly bookCount: number;
  readonly bookPath: readonly Bytes32[];
  readonly anchorIndex: bigint;
  readonly count: bigint;
  readonly peaks: readonly Bytes32[];
  readonly peakPath: readonly Bytes32[];
}

export interface PayCall {
  readonly instruction: Instruction;
  /** 32 bytes each: payee 20, amount u96. */
  readonly words: readonly Hex[];
  /** What the instruction's record carries beside its body. */
  readonly header: { readonly seq: bigint; readonly nowMs: bigint; readonly fieldsRoot: Hex };
  readonly proof: RecordProof;
  /** The vault signer's, 65 bytes. */
  readonly signature: Hex;
}

/** Call data of SettlementVault.pay. */
export function encodePay({ instruction, words, header, proof, signature }: PayCall): Hex {
  const path = (hashes: readonly Bytes32[]): Hex[] => hashes.map(toHex);
  const inLog = {
    ...proof,
    previousHead: toHex(proof.previousHead),
    batchPath: path(proof.batchPath),
    bookPath: path(proof.bookPath),
    peaks: path(proof.peaks),
    peakPath: path(proof.peakPath),
  };
  return encodeFunctionData({ abi: SETTLEMENT_VAULT_ABI, functionName: 'pay', args: [toTuple(instruction), [...words], header, inLog, signature] });
}

/** Call data of SettlementVault.retry: the words at these positions once more. */
export function encodeRetry(instruction: Instruction, words: readonly Hex[], indexes: readonly number[]): Hex {
  return encodeFunctionData({ abi: SETTLEMENT_VAULT_ABI, functionName: 'retry', args: [toTuple(instruction), [...words], [...indexes]] });
}

/** Call data of SettlementVault.cancel. */
export function encodeCancel(instruction: Hex, index: number, signature: Hex): Hex {
  return encodeFunctionData({ abi: SETTLEMENT_VAULT_ABI, functionName: 'cancel', args: [instruction, index, signature] });
}

function toTuple({ book, window, index, token, listHash, count, total, notAfterS }: Instruction) {
  return { book: toHex(uuidBytes(book)), window: toHex(uuidBytes(window)), index, token, listHash, count, total, notAfter: BigInt(notAfterS) };
}
