import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, fromHex, Problem, toHex, uintBytes, utf8, type Hex } from '#base';
import type { ChainLog } from '../client/types.ts';
import { topicAddress, topicOf } from '../reads/backwards.ts';
import type { Deposit, DepositIdentity } from './types.ts';

/** ERC-20. */
export const TRANSFER = topicOf('Transfer(address,address,uint256)');
/** Of the vault: reference, token and payer are topics, the amount is data. */
export const DEPOSITED = topicOf('Deposited(bytes32,address,address,uint256)');
/** Of the vault: a token was listed, after its probe went in and out again, or its caps changed. */
export const TOKEN_LISTED = topicOf('TokenListed(address,uint96,uint96)');

interface Incoming {
  readonly log: ChainLog;
  readonly from: Hex;
  readonly amount: bigint;
  reference: Hex | null;
  isProbe: boolean;
}

export function depositDigest({ chainId, transactionHash, logIndex }: DepositIdentity): Hex {
  return toHex(keccak_256(concat(utf8('cairn.deposit'), uintBytes(chainId, 8), fromHex(transactionHash), uintBytes(logIndex, 4))));
}

/**
 * The deposits among the logs of whole transactions, in the order of the chain. Every Deposited of the vault belongs to exactly one Transfer of the same transaction, token, payer and amount:
 * the nearest one before it that no other took. Transfers that are left are plain ones. Not money: a transfer of nothing, of the vault to itself, and the probe of a token that was being listed.
 *
 * `logs`: Transfers of the tokens to the vault; Deposited and TokenListed of the vault; of a transaction with a TokenListed also the Transfers from the vault, and
 * everything else that the vault says.
 */
export function matchDeposits(chainId: bigint, vault: Hex, logs: readonly ChainLog[]): Deposit[] {
  const byTransaction = Map.groupBy(logs, (log) => `${log.blockHash} ${log.transactionHash}`);
  return [...byTransaction.values()].flatMap((ofOne) => matchOne(vault, ofOne)).map((incoming) => toDeposit(chainId, incoming));
}

function matchOne(vault: Hex, logs: readonly ChainLog[]): Incoming[] {
  const incoming: Incoming[] = [];
  for (const log of logs) {
    if (log.address !== vault && log.topics[0] === TRANSFER) readTransfer(vault, log, incoming);
    else if (log.address === vault && log.topics[0] === DEPOSITED) takeReference(log, incoming);
    else if (log.address === vault && log.topics[0] === TOKEN_LISTED) takeProbe(vault, log, logs, incoming);
  }
  return incoming.filter(({ amount, isProbe }) => amount > 0n && !isProbe);
}

function readTransfer(vault: Hex, log: ChainLog, incoming: Incoming[]): void {
  const [, from, to] = log.topics;
  assert(from && to, 'a Transfer names both sides (ERC-20)');
  if (topicAddress(to) !== vault || topicAddress(from) === vault) return;
  incoming.push({ log, from: topicAddress(from), amount: BigInt(log.data), reference: null, isProbe: false });
}

function takeReference(log: ChainLog, incoming: Incoming[]): void {
  const [, reference, token, from] = log.topics;
  assert(reference && token && from, 'Deposited names reference, token and payer');
  const amount = BigInt(log.data);
  const match = incoming.findLast(
    (one) => one.reference === null && one.log.address === topicAddress(token) && one.from === topicAddress(from) && one.amount === amount,
  );
  if (!match) {
    throw new Problem(
      'chain/deposit-unmatched',
      `The vault says that ${amount} units of ${topicAddress(token)} arrived in ${log.transactionHash}; the token does not.`,
      {
        transactionHash: log.transactionHash,
        logIndex: log.logIndex,
      },
    );
  }
  match.reference = reference;
}

/**
 * A probe goes in and out again within one call of the vault that says nothing before TokenListed. So it is younger than whatever else the vault has said in this
 * transaction: a payout, which ends in a Paid of the vault, never stands for its way back, and a change of caps, which has no probe, hides nobody's deposit.
 */
function takeProbe(vault: Hex, listed: ChainLog, logs: readonly ChainLog[], incoming: readonly Incoming[]): void {
  const token = topicAddress(listed.topics[1]!);
  const said = logs.findLast((log) => log.logIndex < listed.logIndex && log.address === vault)?.logIndex ?? -1;
  const isWithin = ({ logIndex }: ChainLog, end: number): boolean => logIndex > said && logIndex < end;
  const back = logs.findLast(
    (log) => isWithin(log, listed.logIndex) && log.address === token && log.topics[0] === TRANSFER && topicAddress(log.topics[1]!) === vault,
  );
  const probe =
    back &&
    incoming.findLast(
      (one) => isWithin(one.log, back.logIndex) && one.log.address === token && one.from === topicAddress(back.topics[2]!) && one.amount === BigInt(back.data),
    );
  if (probe) probe.isProbe = true;
}

function toDeposit(chainId: bigint, { log, from, amount, reference }: Incoming): Deposit {
  const identity = { chainId, transactionHash: log.transactionHash, logIndex: log.logIndex };
  return {
    identity,
    digest: depositDigest(identity),
    blockNumber: log.blockNumber,
    blockHash: log.blockHash,
    token: log.address,
    from,
    amount,
    kind: reference === null ? 'plain' : 'referenced',
    reference,
  };
}
