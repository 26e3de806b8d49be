import { Problem, toHex, type AccountId, type Eip712Domain, type Hex, type MerchantId, type TimeMs } from '#base';
import type { Authorisation, Evidence } from './authorisation.ts';
import { messageDigest, type MessageKind, type Messages } from './messages.ts';
import { recoverSigner } from './signature.ts';

/** Which message used a nonce first. The store behind it is outside; its unique key (merchant, nonce) has the last word. */
export interface UsedNonces {
  /** Digest of the message that used the nonce, or null where it is free. */
  usedBy(merchant: MerchantId, nonce: bigint): Hex | null;
}

export interface VerificationContext {
  readonly domain: Eip712Domain;
  readonly nowMs: TimeMs;
  /** Whose authorisation is expected. */
  readonly merchant: MerchantId;
  readonly nonces: UsedNonces;
}

/** A message that is the merchant's own. */
export interface Verified {
  /** The authorisation digest of the ledger's records. */
  readonly digest: Hex;
  readonly signer: Hex;
  /** The very same message was taken before: the answer of that time is the answer, and nothing happens again. */
  readonly repeated: boolean;
}

/** What an order file really holds; `ParsedOrderFile` fits. */
export interface OrderFacts {
  readonly fileHash: Hex;
  readonly count: number;
  readonly controlSum: string;
}

function refuseExpired(expiry: bigint, nowMs: TimeMs): void {
  // Valid up to and with its last second, as block.timestamp <= deadline is in EIP-2612.
  if (BigInt(Math.floor(nowMs / 1000)) > expiry)
    throw new Problem('identity/expired', `The authorisation ended ${expiry} (seconds since 1970).`, { expiry: `${expiry}` });
}

function refuseOtherMerchant(stated: MerchantId, expected: MerchantId): void {
  if (stated !== expected) throw new Problem('identity/wrong-merchant', `The authorisation is of merchant ${stated}, not ${expected}.`, { merchant: stated });
}

function signerOf(digest: Uint8Array, evidence: Evidence): Hex {
  switch (evidence.scheme) {
    case 'eip712':
      return recoverSigner(digest, evidence.signature);
  }
}

function refuseOtherSigner(signer: Hex, expected: Hex): void {
  if (signer !== expected) throw new Problem('identity/wrong-signer', `The message was signed by ${signer}, not by ${expected}.`, { signer, expected });
}

function refuseOtherFile(message: Messages['Order'], file: OrderFacts): void {
  if (message.fileHash !== file.fileHash) {
    throw new Problem('identity/wrong-file', `The merchant signed the file ${message.fileHash}; this one is ${file.fileHash}.`, { fileHash: file.fileHash });
  }
  if (message.count !== BigInt(file.count))
    throw new Problem('identity/wrong-count', `The merchant signed ${message.count} payments; the file has ${file.count}.`);
  if (message.controlSum === file.controlSum) return;
  throw new Problem('identity/wrong-control-sum', `The merchant signed the sum ${message.controlSum.slice(0, 60)}; the file has ${file.controlSum}.`);
}

/** Free, or used by this very message; used by another one is refused. */
function isRepeated(digest: Hex, { merchant, nonce }: { merchant: MerchantId; nonce: bigint }, nonces: UsedNonces): boolean {
  const usedBy = nonces.usedBy(merchant, nonce);
  if (usedBy === null || usedBy === digest) return usedBy === digest;
  throw new Problem('identity/nonce-used', `Nonce ${nonce} was used by another message of the merchant.`, { nonce: `${nonce}`, usedBy });
}

interface Proof {
  readonly digest: Uint8Array;
  readonly signer: Hex;
}

/** The guards all messages share, in order: expired, wrong merchant, bad signature, wrong signer. */
function prove<Kind extends MessageKind>({ kind, message, evidence }: Authorisation<Kind>, context: VerificationContext, expectedSigner: Hex): Proof {
  refuseExpired(message.expiry, context.nowMs);
  refuseOtherMerchant(message.merchant, context.merchant);
  const digest = messageDigest(context.domain, kind, message);
  const signer = signerOf(digest, evidence);
  refuseOtherSigner(signer, expectedSigner);
  return { digest, signer };
}

function conclude({ digest, signer }: Proof, message: Messages[MessageKind], nonces: UsedNonces): Verified {
  const hex = toHex(digest);
  return { digest: hex, signer, repeated: isRepeated(hex, message, nonces) };
}

/** `currentKey` null = the merchant has none yet, and the new key signs for itself. Refusals in order: those of `prove`, nonce used. */
export function verifyMerchantKey(authorisation: Authorisation<'MerchantKey'>, context: VerificationContext, currentKey: Hex | null): Verified {
  const proof = prove(authorisation, context, currentKey ?? authorisation.message.key);
  return conclude(proof, authorisation.message, context.nonces);
}

/** The wallet signs for itself: whoever holds it says whose deposits its transfers are. Refusals in order: those of `prove`, nonce used. */
export function verifyWallet(authorisation: Authorisation<'Wallet'>, context: VerificationContext): Verified {
  const proof = prove(authorisation, context, authorisation.message.wallet);
  return conclude(proof, authorisation.message, context.nonces);
}

/** `key` is the merchant's current key. Refusals in order: those of `prove`, nonce used. */
export function verifyPayee(authorisation: Authorisation<'Payee'>, context: VerificationContext, key: Hex): Verified {
  const proof = prove(authorisation, context, key);
  return conclude(proof, authorisation.message, context.nonces);
}

export interface OrderContext extends VerificationContext {
  readonly key: Hex;
  /** The merchant's account the order is to be paid from. */
  readonly account: AccountId;
}

/** Refusals in order: those of `prove`, wrong file hash, wrong count, wrong control sum, wrong account, nonce used. */
export function verifyOrder(authorisation: Authorisation<'Order'>, file: OrderFacts, context: OrderContext): Verified {
  const { message } = authorisation;
  const proof = prove(authorisation, context, context.key);
  refuseOtherFile(message, file);
  if (message.account !== context.account) {
    throw new Problem('identity/wrong-account', `The merchant signed for account ${message.account}, not ${context.account}.`, { account: message.account });
  }
  return conclude(proof, message, context.nonces);
}
