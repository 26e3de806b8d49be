import { keccak_256 } from '@noble/hashes/sha3.js';
import {
  concat,
  derivedId,
  fromHex,
  isHex,
  NIL_UUID,
  toHex,
  uintBytes,
  utf8,
  uuidBytes,
  uuidFromBytes,
  type AccountId,
  type AssetNo,
  type BookId,
  type Hex,
  type MerchantId,
  type TransferId,
} from '#base';
import { chartAccount, TRANSFER_CODES, type State, type TransferRecord } from '#ledger/core';
import type { Authority } from './authority.ts';
import { readEvidence, tokenOfAsset } from './evidence.ts';

/** "This much of this token came from there": what a record says of the chain, and what the chain says itself. */
export interface DepositFact {
  readonly token: Hex;
  readonly from: Hex;
  readonly amount: bigint;
  /** 32 bytes; null for a plain transfer. */
  readonly reference: Hex | null;
}

export interface DepositClaim {
  readonly transaction: Hex;
  readonly logIndex: number;
  /** Where the record says that it was mined. */
  readonly block: bigint;
  readonly fact: DepositFact;
}

/** A log of a receipt, hexadecimal in lower case. */
export interface ReceiptLog {
  readonly address: Hex;
  readonly topics: readonly Hex[];
  readonly data: Hex;
  readonly logIndex: number;
}

const DEPOSIT = { transactionHash: 'string', from: 'string', token: 'string', amount: 'string', blockNumber: 'string', logIndex: 'number' } as const;

function topic(signature: string): Hex {
  return toHex(keccak_256(utf8(signature)));
}

const TRANSFER = topic('Transfer(address,address,uint256)');
const DEPOSITED = topic('Deposited(bytes32,address,address,uint256)');
const TOKEN_LISTED = topic('TokenListed(address,uint96,uint96)');

/** keccak("cairn.deposit" || chainId u64 || transaction 32 || log index u32): what the ids of its credit follow from (docs/formats.md). */
function depositDigest(chainId: bigint, { transaction, logIndex }: DepositClaim): Uint8Array {
  return keccak_256(concat(utf8('cairn.deposit'), uintBytes(chainId, 8), fromHex(transaction), uintBytes(logIndex, 4)));
}

/** As of one record: what the records up to it have, and who was known then. */
export interface DepositContext {
  readonly book: BookId;
  readonly chainId: bigint;
  readonly authority: Authority;
  readonly state: State;
}

/** Plain deposits that wait in suspense, by the id of their credit: only these may ever leave it, each once. */
export class Suspended {
  readonly #waiting = new Map<TransferId, { readonly asset: AssetNo; readonly evidence: string }>();

  /** Takes the credit of a deposit that follows from its claim. One with a reference waits for a person, and so does one that is parked: from the id of that no way out follows. */
  keep({ book }: DepositContext, { id, credit, asset, fields }: TransferRecord, claim: DepositClaim): void {
    const waits = claim.fact.reference === null && credit === chartAccount(book, 'suspense', asset);
    if (waits) this.#waiting.set(id, { asset, evidence: fields!.deposit! });
  }

  /**
   * What a transfer out of suspense says of the deposit that it hands to its merchant, if it is exactly the move that follows from that deposit and from the wallet that
   * signed for him since; a sentence where it is not. Money that leaves suspense leaves it for good.
   */
  release(context: DepositContext, record: TransferRecord): DepositClaim | string {
    const { book, chainId, authority } = context;
    const claim = readClaim(context, record);
    if (typeof claim === 'string') return claim;
    const digest = depositDigest(chainId, claim);
    if (record.id !== derivedId<TransferId>(keccak_256(concat(utf8('cairn.deposit.claimed'), digest)))) return 'its id does not follow from its deposit';
    const credited = derivedId<TransferId>(digest);
    const waiting = this.#waiting.get(credited);
    if (waiting?.asset !== record.asset || waiting.evidence !== record.fields?.deposit) return 'no such deposit waits in suspense as a plain transfer';
    const merchant = authority.ownerOf(claim.fact.from);
    if (merchant === null || !authority.hasMerchant(merchant)) return `the records before it have no merchant whose wallet is ${claim.fact.from}`;
    const owner = chartAccount(book, 'merchant', record.asset, merchant);
    if (record.credit !== owner || record.code !== TRANSFER_CODES.claimed) return `its deposit belongs to account ${owner}`;
    if (record.flags !== 0 || record.debit !== chartAccount(book, 'suspense', record.asset)) return 'it does more than to move it out of suspense';
    this.#waiting.delete(credited);
    return claim;
  }
}

/** What a transfer out of the vault’s account claims about the chain, if its id, its code and whom it credits follow from that; a sentence where they do not. */
export function claimOf(context: DepositContext, record: TransferRecord): DepositClaim | string {
  const claim = readClaim(context, record);
  return typeof claim === 'string' ? claim : (wrongCredit(context, record, claim) ?? claim);
}

function readClaim({ chainId, state }: DepositContext, record: TransferRecord): DepositClaim | string {
  const json = record.fields?.deposit;
  const said = readEvidence(json, DEPOSIT);
  if (typeof said === 'string') return `its deposit ${said}`;
  const { transactionHash: transaction, from, token, logIndex } = said;
  const { reference = null } = JSON.parse(json!) as { readonly reference?: unknown };
  const isWhole = isHex(transaction, 32) && isHex(from, 20) && isHex(token, 20) && Number.isInteger(logIndex) && logIndex >= 0 && logIndex < 2 ** 32;
  const isCounted = /^(0|[1-9]\d{0,38})$/.test(said.amount) && /^(0|[1-9]\d{0,18})$/.test(said.blockNumber);
  if (!isWhole || !isCounted || !(reference === null || (typeof reference === 'string' && isHex(reference, 32)))) return 'its deposit is none of any chain';
  const claim: DepositClaim = { transaction, logIndex, block: BigInt(said.blockNumber), fact: { token, from, amount: BigInt(said.amount), reference } };
  if (claim.fact.amount !== record.amount || tokenOfAsset(state, chainId, record.asset) !== token) return 'its deposit is of another amount or token';
  return claim;
}

/** A reference counts because the payer signed it, a plain transfer because its wallet was registered by then; all else waits in suspense. */
function wrongCredit({ book, chainId, authority }: DepositContext, record: TransferRecord, claim: DepositClaim): string | null {
  const { from, reference } = claim.fact;
  const digest = depositDigest(chainId, claim);
  const isParked = record.id === derivedId<TransferId>(keccak_256(concat(utf8('cairn.deposit.suspense'), digest)));
  if (record.id !== derivedId<TransferId>(digest) && !isParked) return 'its id does not follow from its deposit';
  const suspense = chartAccount(book, 'suspense', record.asset);
  const liquidity = reference === toHex(concat(uuidBytes(book), new Uint8Array(16)));
  const merchant = reference === null ? authority.ownerOf(from) : merchantOf(reference);
  const owner: { readonly account: AccountId; readonly code: number } = isParked
    ? { account: suspense, code: TRANSFER_CODES.suspense }
    : liquidity
      ? { account: chartAccount(book, 'fxPosition', record.asset), code: TRANSFER_CODES.liquidity }
      : merchant !== null && authority.hasMerchant(merchant)
        ? { account: chartAccount(book, 'merchant', record.asset, merchant), code: TRANSFER_CODES.deposit }
        : { account: suspense, code: TRANSFER_CODES.suspense };
  if (record.credit !== owner.account || record.code !== owner.code) return `its deposit belongs to account ${owner.account}`;
  return record.flags === 0 && record.debit === chartAccount(book, 'vault', record.asset) ? null : 'it does not debit the vault';
}

function merchantOf(reference: Hex): MerchantId | null {
  if (!reference.endsWith('0'.repeat(32))) return null;
  const merchant = uuidFromBytes<MerchantId>(fromHex(reference).slice(0, 16));
  return merchant === NIL_UUID ? null : merchant;
}

export function sameFact(a: DepositFact, b: DepositFact): boolean {
  return a.token === b.token && a.from === b.from && a.amount === b.amount && a.reference === b.reference;
}

/**
 * The deposit that the log at `logIndex` of a whole transaction is, or null where it is none: a transfer to the vault, with the reference of the vault’s own log about
 * it. Each `Deposited` takes the nearest transfer before it of the same token, payer and amount that none took; a listing takes its probe.
 */
export function depositAt(vault: Hex, logs: readonly ReceiptLog[], logIndex: number): DepositFact | null {
  const incoming: { readonly log: ReceiptLog; readonly fact: DepositFact; reference: Hex | null; isProbe: boolean }[] = [];
  const ordered = [...logs].sort((a, b) => a.logIndex - b.logIndex);
  for (const log of ordered) {
    const [kind, first = '0x', second = '0x', third = '0x'] = log.topics;
    if (
      kind === TRANSFER &&
      log.topics.length === 3 &&
      addressIn(second) === vault &&
      addressIn(first) !== vault &&
      log.address !== vault &&
      isHex(log.data, 32)
    ) {
      incoming.push({ log, fact: { token: log.address, from: addressIn(first), amount: BigInt(log.data), reference: null }, reference: null, isProbe: false });
    } else if (kind === DEPOSITED && log.address === vault) {
      const match = incoming.findLast(
        ({ fact, reference }) =>
          reference === null && fact.token === addressIn(second) && fact.from === addressIn(third) && isHex(log.data, 32) && fact.amount === BigInt(log.data),
      );
      if (match) match.reference = first;
    } else if (kind === TOKEN_LISTED && log.address === vault) {
      takeProbe(vault, addressIn(first), ordered, log.logIndex, incoming);
    }
  }
  const found = incoming.find(({ log }) => log.logIndex === logIndex);
  return !found || found.isProbe || found.fact.amount === 0n ? null : { ...found.fact, reference: found.reference };
}

/**
 * A probe goes in and out again within one call of the vault that says nothing before TokenListed, so it is younger than whatever else the vault has said in this transaction: a payout, which ends in a Paid, never stands
 * for its way back, and a change of caps, which has no probe, hides nobody's deposit. The platform reads it so too (src/chain/deposits), and a test holds the two together.
 */
function takeProbe(
  vault: Hex,
  token: Hex,
  logs: readonly ReceiptLog[],
  listedAt: number,
  incoming: readonly { readonly log: ReceiptLog; readonly fact: DepositFact; isProbe: boolean }[],
): void {
  const said = logs.findLast(({ address, logIndex }) => logIndex < listedAt && address === vault)?.logIndex ?? -1;
  const isWithin = ({ logIndex }: ReceiptLog, end: number): boolean => logIndex > said && logIndex < end;
  const back = logs.findLast(
    (log) =>
      isWithin(log, listedAt) && isHex(log.data, 32) && log.address === token && log.topics[0] === TRANSFER && addressIn(log.topics[1] ?? '0x') === vault,
  );
  const probe =
    back &&
    incoming.findLast(
      ({ log, fact }) =>
        isWithin(log, back.logIndex) && log.address === token && fact.from === addressIn(back.topics[2] ?? '0x') && fact.amount === BigInt(back.data),
    );
  if (probe) probe.isProbe = true;
}

function addressIn(word: Hex): Hex {
  return `0x${word.slice(-40)}`;
}
