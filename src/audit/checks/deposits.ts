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
  type BookId,
  type Hex,
  type MerchantId,
  type TransferId,
} from '#base';
import { chartAccount, TRANSFER_CODES, type State, type TransferRecord } from '#ledger/core';
import type { ChainFacts, DepositFact } from '../chain/facts.ts';
import type { Header } from '../export/format.ts';
import type { Findings } from '../findings.ts';
import { assetsByToken } from './assets.ts';
import type { Authority } from './authority.ts';
import { readEvidence } from './evidence.ts';

/** The deposits of the chain, and which of them the book has credited so far. */
export interface DepositBook {
  readonly header: Header;
  readonly byId: ReadonlyMap<TransferId, DepositFact>;
  /** By the id under which a deposit waits in suspense that its owner's account could not take: the id under which the book refused it. */
  readonly refusedAs: ReadonlyMap<TransferId, TransferId>;
  readonly credited: Map<TransferId, bigint>;
  /** By the id of its way out of suspense, the id of its credit. */
  readonly releaseOf: ReadonlyMap<TransferId, TransferId>;
  /** The plain ones that wait in suspense, by the id of their credit: only these may leave it, each once. */
  readonly suspended: Map<TransferId, TransferRecord>;
  /** How many left it. */
  claimed: number;
}

/**
 * A deposit's transfer has an id that follows from where on the chain it is: keccak("cairn.deposit" || chain u64 || transaction || log index u32). One that the book refused,
 * because the account was closed, waits in suspense under keccak("cairn.deposit.suspense" || that hash).
 */
export function depositBook(header: Header, { deposits }: Pick<ChainFacts, 'deposits'>): DepositBook {
  const byId = new Map<TransferId, DepositFact>();
  const refusedAs = new Map<TransferId, TransferId>();
  const releaseOf = new Map<TransferId, TransferId>();
  for (const deposit of deposits) {
    const { transaction, logIndex } = deposit;
    const digest = keccak_256(concat(utf8('cairn.deposit'), uintBytes(header.chainId, 8), fromHex(transaction), uintBytes(logIndex, 4)));
    const id = derivedId<TransferId>(digest);
    byId.set(id, deposit);
    refusedAs.set(derivedId<TransferId>(keccak_256(concat(utf8('cairn.deposit.suspense'), digest))), id);
    releaseOf.set(derivedId<TransferId>(keccak_256(concat(utf8('cairn.deposit.claimed'), digest))), id);
  }
  return { header, byId, refusedAs, credited: new Map(), releaseOf, suspended: new Map(), claimed: 0 };
}

/** True where the transfer claims that money came in from outside, which is then judged. */
export function stepDeposit(book: DepositBook, authority: Authority, state: State, record: TransferRecord, findings: Findings): boolean {
  const refusedAs = book.refusedAs.get(record.id);
  const id = refusedAs ?? record.id;
  const claims = record.fields?.deposit !== undefined || book.byId.has(id);
  if (!claims) return false;
  if (record.debit === chartAccount(book.header.book, 'suspense', record.asset)) {
    stepRelease(book, authority, record, findings);
    return true;
  }
  const found = findings.all.length;
  const say = (what: string): void => findings.add('deposit', record.seq, `Record ${record.seq} credits ${record.amount} to account ${record.credit}, ${what}`);
  const fact = book.byId.get(id);
  if (!fact) {
    say('and no final block has a deposit of that id');
    return true;
  }
  book.credited.set(id, record.seq);
  const asset = assetsByToken(state).get(fact.token);
  if (asset !== record.asset) say(`in asset ${record.asset}; the token that arrived in ${fact.transaction} is asset ${asset}`);
  if (fact.amount !== record.amount) say(`and ${fact.amount} arrived in ${fact.transaction}`);
  if (refusedAs !== undefined && !state.refusals.has(refusedAs)) say(`and no record before it refused the deposit in ${fact.transaction}`);
  const owner = refusedAs === undefined ? ownerOf(book.header.book, authority, fact) : NOBODYS;
  if (record.credit !== creditOf(book.header.book, owner, record)) say(`and the deposit in ${fact.transaction} is ${owner.whose}`);
  if (record.debit !== chartAccount(book.header.book, 'vault', record.asset)) say('and does not debit the vault');
  if (record.code !== owner.code || record.flags !== 0) say(`with the code ${record.code}, and the deposit in ${fact.transaction} is ${owner.whose}`);
  const evidence = readEvidence(record.fields?.deposit, { amount: 'string', transactionHash: 'string', from: 'string', token: 'string', logIndex: 'number' });
  const isSame =
    typeof evidence !== 'string' &&
    evidence.amount === `${fact.amount}` &&
    evidence.transactionHash === fact.transaction &&
    evidence.from === fact.from &&
    evidence.token === fact.token &&
    evidence.logIndex === fact.logIndex;
  if (!isSame) say(`with evidence that is not what the chain has in ${fact.transaction}`);
  const isWaiting = refusedAs === undefined && owner.account === 'suspense' && fact.reference === null;
  if (isWaiting && findings.all.length === found) book.suspended.set(record.id, record);
  return true;
}

/** A plain transfer that waited in suspense is the merchant's whose wallet turned out to have sent it, by that wallet's own signature: the whole of it, once. */
function stepRelease(book: DepositBook, { keys, wallets }: Authority, record: TransferRecord, findings: Findings): void {
  const { seq, amount, debit, credit, asset, code, flags, fields } = record;
  const found = findings.all.length;
  const say = (what: string): void => findings.add('deposit', seq, `Record ${seq} moves ${amount} from account ${debit} to account ${credit}, ${what}`);
  const id = book.releaseOf.get(record.id);
  const waiting = id === undefined ? undefined : book.suspended.get(id);
  if (id === undefined || !waiting) return say('and that id follows from no plain deposit that waits in suspense');
  const { from, transaction } = book.byId.get(id)!;
  if (waiting.asset !== asset || waiting.amount !== amount)
    say(`and ${waiting.amount} of asset ${waiting.asset} wait in suspense of the deposit in ${transaction}`);
  if (waiting.fields?.deposit !== fields?.deposit) say(`with evidence that is not that of record ${waiting.seq}`);
  const merchant = wallets.get(from)?.merchant;
  if (merchant === undefined || !keys.has(merchant)) return say(`and the wallet ${from} is nobody’s that the records before it know`);
  if (credit !== chartAccount(book.header.book, 'merchant', asset, merchant)) say(`and the wallet ${from} is of merchant ${merchant}`);
  if (code !== TRANSFER_CODES.claimed || flags !== 0) say(`with the code ${code}, and is a deposit claimed by its wallet`);
  if (findings.all.length !== found) return;
  book.suspended.delete(id);
  book.claimed++;
}

interface Owner {
  readonly account: 'merchant' | 'fxPosition' | 'suspense';
  readonly merchant: MerchantId | null;
  readonly code: number;
  readonly whose: string;
}

const NOBODYS: Owner = { account: 'suspense', merchant: null, code: TRANSFER_CODES.suspense, whose: 'nobody’s that the records before it know' };

/** A reference counts because the payer signed it, a plain transfer because its wallet was registered by then; all else waits in suspense. */
function ownerOf(book: BookId, { keys, wallets }: Authority, { from, reference }: DepositFact): Owner {
  const liquidity = toHex(concat(uuidBytes(book), new Uint8Array(16)));
  if (reference === liquidity) return { account: 'fxPosition', merchant: null, code: TRANSFER_CODES.liquidity, whose: 'the operator’s own liquidity' };
  const merchant = reference === null ? (wallets.get(from)?.merchant ?? null) : merchantOf(reference);
  if (merchant !== null && keys.has(merchant)) return { account: 'merchant', merchant, code: TRANSFER_CODES.deposit, whose: `of merchant ${merchant}` };
  return NOBODYS;
}

function merchantOf(reference: Hex): MerchantId | null {
  if (!isHex(reference, 32) || !reference.endsWith('0'.repeat(32))) return null;
  const merchant = uuidFromBytes<MerchantId>(fromHex(reference).slice(0, 16));
  return merchant === NIL_UUID ? null : merchant;
}

function creditOf(book: BookId, { account, merchant }: Owner, { asset }: TransferRecord): AccountId {
  return merchant === null ? chartAccount(book, account, asset) : chartAccount(book, account, asset, merchant);
}

/** Uncredited money is late, and wrong once a later deposit was credited: they are credited in the order of the chain. */
export function checkUncredited({ byId, credited }: DepositBook, findings: Findings): readonly DepositFact[] {
  const all = [...byId].map(([id, fact], place) => ({ id, fact, place }));
  const lastCredited = Math.max(-1, ...all.filter(({ id }) => credited.has(id)).map(({ place }) => place));
  const waiting = all.filter(({ id }) => !credited.has(id));
  for (const { fact, place } of waiting)
    if (place < lastCredited)
      findings.add('deposit', null, `The deposit of ${fact.amount} by ${fact.from} in ${fact.transaction} was never credited, later ones were`);
  return waiting.map(({ fact }) => fact);
}
