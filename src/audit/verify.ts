import { Interface, type JsonRpcProvider } from 'ethers';
import { Problem, type Hex } from '#base';
import { checkEntryOffline, checkReceiptOffline, parseReceipt, type EntryClaims, type EntryProof, type ReceiptClaims, type RecordClaims } from '#anchor/core';
import { finalBlockOf, withEndpoint, type FinalityTag } from './chain/endpoint.ts';

export interface VerifiedReceipt {
  readonly claims: ReceiptClaims;
  /** Number of the block up to which was believed: the newest that the endpoint calls final, or the newest of all where `latest` was asked for. */
  readonly finalBlock: number;
}

export interface VerifiedEntry {
  readonly claims: EntryClaims;
  readonly finalBlock: number;
}

/** Read from the interfaces, not from our build: an independent second spelling. */
const EVENTS = new Interface([
  'event Anchored(uint256 indexed index, bytes32 leaf, bytes32 previous, bytes32 commitment)',
  'event Paid(bytes32 indexed instruction, address indexed token, uint256 payments, uint256 amount)',
  'function anchor() view returns (address)',
  'function book() view returns (bytes16)',
  'function instructionState(bytes32) view returns (bool opened, uint256 settled, uint256 cancelled)',
]);

function refuse(detail: string): Problem {
  return new Problem('audit/receipt-refused', detail);
}

/** Checks a receipt with nothing but its text and an endpoint. Throws `anchor/...` where it contradicts itself, `audit/...` where the chain contradicts it. */
export async function verifyReceipt(text: string, rpcUrl: string, finality: FinalityTag = 'finalized'): Promise<VerifiedReceipt> {
  const claims = checkReceiptOffline(parseReceipt(text));
  return withEndpoint(rpcUrl, async (provider) => {
    const finalBlock = await checkRecords(provider, claims, finality);
    if (claims.paid) await checkPaid(provider, claims.vault, claims.paid, finalBlock);
    return { claims, finalBlock };
  });
}

/** The same of one line of an account's statement. */
export async function verifyEntry(proof: EntryProof, rpcUrl: string, finality: FinalityTag): Promise<VerifiedEntry> {
  const claims = checkEntryOffline(proof);
  return withEndpoint(rpcUrl, async (provider) => ({ claims, finalBlock: await checkRecords(provider, claims, finality) }));
}

/** Every record is in the log that the vault believes. Returns the block up to which the chain was believed. */
async function checkRecords(provider: JsonRpcProvider, claims: RecordClaims, finality: FinalityTag): Promise<number> {
  const { chainId } = await provider.getNetwork();
  if (chainId !== claims.chainId) throw new Problem('audit/wrong-chain', `The receipt is of chain ${claims.chainId}, the endpoint of ${chainId}.`);
  const { number: finalBlock } = await finalBlockOf(provider, finality);
  for (const claim of claims.anchored) await checkAnchored(provider, claims.anchor, claim, finalBlock);
  await checkVault(provider, claims);
  return finalBlock;
}

async function logsOf(provider: JsonRpcProvider, transaction: Hex, contract: Hex) {
  const receipt = await provider.getTransactionReceipt(transaction);
  if (!receipt) throw refuse(`The chain has no transaction ${transaction}.`);
  if (receipt.status !== 1) throw refuse(`The transaction ${transaction} reverted.`);
  const logs = receipt.logs.filter((log) => log.address.toLowerCase() === contract).map((log) => EVENTS.parseLog(log));
  return { blockNumber: receipt.blockNumber, logs: logs.filter((log) => log !== null) };
}

async function checkAnchored(provider: JsonRpcProvider, anchor: Hex, claim: RecordClaims['anchored'][number], finalBlock: number): Promise<void> {
  const { logs, blockNumber } = await logsOf(provider, claim.transaction, anchor);
  const found = logs.some(
    ({ name, args }) => name === 'Anchored' && args['index'] === claim.index && args['leaf'] === claim.leaf && args['commitment'] === claim.commitment,
  );
  if (!found) throw refuse(`The transaction ${claim.transaction} did not anchor leaf ${claim.index} of this receipt.`);
  if (blockNumber > finalBlock) throw new Problem('audit/not-final', `The anchor in block ${blockNumber} is not final yet.`);
}

async function checkVault(provider: JsonRpcProvider, { vault, anchor, book }: RecordClaims): Promise<void> {
  const pinned = await call(provider, vault, 'anchor', []);
  if (String(pinned[0]).toLowerCase() !== anchor) throw refuse(`The vault ${vault} believes another log than ${anchor}.`);
  const served = await call(provider, vault, 'book', []);
  if (String(served[0]) !== `0x${book.replaceAll('-', '')}`) throw refuse(`The vault ${vault} serves another book than ${book}.`);
}

async function call(provider: JsonRpcProvider, to: Hex, name: string, args: readonly unknown[]) {
  const data = await provider.call({ to, data: EVENTS.encodeFunctionData(name, args) });
  if (data === '0x') throw refuse(`There is no such contract at ${to}.`);
  return EVENTS.decodeFunctionResult(name, data);
}

async function checkPaid(provider: JsonRpcProvider, vault: Hex, claim: NonNullable<ReceiptClaims['paid']>, finalBlock: number): Promise<void> {
  const { logs, blockNumber } = await logsOf(provider, claim.transaction, vault);
  const bit = 1n << BigInt(claim.index);
  const found = logs.some(
    ({ name, args }) =>
      name === 'Paid' &&
      args['instruction'] === claim.instruction &&
      String(args['token']).toLowerCase() === claim.token &&
      ((args['payments'] as bigint) & bit) !== 0n,
  );
  if (!found) throw refuse(`The transaction ${claim.transaction} did not pay this payment.`);
  const [, settled, cancelled] = await call(provider, vault, 'instructionState', [claim.instruction]);
  if (((settled as bigint) & bit) === 0n || ((cancelled as bigint) & bit) !== 0n) throw refuse('The vault does not count this payment as paid.');
  if (blockNumber > finalBlock) throw new Problem('audit/not-final', `The payout in block ${blockNumber} is not final yet.`);
}
