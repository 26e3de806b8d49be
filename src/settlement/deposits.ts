import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, derivedId, fromHex, NIL_UUID, utf8, uuidFromBytes, type AssetNo, type BookId, type Hex, type MerchantId, type TransferId } from '#base';
import { assert } from '#base';
import { canonicalJson } from '#anchor/core';
import type { Deposit } from '#chain';
import type { Book } from '#ledger';
import { UNASSIGNED_REFERENCE } from '#custody/intents';
import { chartAccount, TRANSFER_CODES, type Result, type TransferCommand, type TransferRecord } from '#ledger/core';

/** Who a deposit belongs to. `liquidity`: our own money for the FX position. `suspense`: we do not know, and a person has to find out. */
export type DepositOwner =
  { readonly kind: 'merchant'; readonly merchant: MerchantId } | { readonly kind: 'liquidity' } | { readonly kind: 'suspense'; readonly why: string };

export interface DepositRules {
  readonly book: BookId;
  readonly assetOf: ReadonlyMap<Hex, AssetNo>;
  /** The reference under which we deposit our own liquidity. */
  readonly liquidityReference: Hex;
}

/** A reference is worth something only because the payer signed it; a plain transfer only because its wallet is registered: in the book, by its own signature. Everything else waits in suspense. */
async function ownerOf(book: Book, rules: DepositRules, deposit: Deposit, asset: AssetNo): Promise<DepositOwner> {
  if (deposit.kind === 'plain') {
    const wallet = await book.byKey(`wallet:${deposit.from}`);
    return wallet?.kind === 'wallet'
      ? { kind: 'merchant', merchant: wallet.merchant }
      : { kind: 'suspense', why: 'a transfer from a wallet that nobody registered' };
  }
  assert(deposit.reference, 'a referenced deposit has a reference');
  if (deposit.reference === rules.liquidityReference) return { kind: 'liquidity' };
  if (deposit.reference === UNASSIGNED_REFERENCE) return { kind: 'suspense', why: 'money that somebody sent to the address of a key of ours' };
  const bytes = fromHex(deposit.reference);
  const merchant = uuidFromBytes<MerchantId>(bytes.slice(0, 16));
  const named = bytes.slice(16).every((byte) => byte === 0) && merchant !== NIL_UUID;
  const account = named ? await book.account(chartAccount(rules.book, 'merchant', asset, merchant)) : null;
  return account ? { kind: 'merchant', merchant } : { kind: 'suspense', why: 'a reference that names no merchant' };
}

/** The transfer that credits a final deposit. Its id follows from (chain, transaction, log), so a second credit is the same transfer: `exists`. */
function depositCommand(rules: DepositRules, deposit: Deposit, owner: DepositOwner, asset: AssetNo): TransferCommand {
  const { identity } = deposit;
  const credit = {
    merchant: () => chartAccount(rules.book, 'merchant', asset, owner.kind === 'merchant' ? owner.merchant : NIL_UUID),
    liquidity: () => chartAccount(rules.book, 'fxPosition', asset),
    suspense: () => chartAccount(rules.book, 'suspense', asset),
  }[owner.kind]();
  const code = { merchant: TRANSFER_CODES.deposit, liquidity: TRANSFER_CODES.liquidity, suspense: TRANSFER_CODES.suspense }[owner.kind];
  return {
    kind: 'transfer',
    id: derivedId<TransferId>(fromHex(deposit.digest)),
    debit: chartAccount(rules.book, 'vault', asset),
    credit,
    asset,
    amount: deposit.amount,
    code,
    subject: owner.kind === 'merchant' ? owner.merchant : rules.book,
    fields: {
      deposit: canonicalJson({
        amount: `${deposit.amount}`,
        blockHash: deposit.blockHash,
        blockNumber: `${deposit.blockNumber}`,
        chainId: `${identity.chainId}`,
        from: deposit.from,
        kind: deposit.kind,
        logIndex: identity.logIndex,
        reference: deposit.reference,
        token: deposit.token,
        transactionHash: identity.transactionHash,
      }),
      ...(owner.kind === 'suspense' ? { reason: canonicalJson({ why: owner.why }) } : {}),
    },
  };
}

function ownerIn({ code, subject, fields }: TransferRecord): DepositOwner {
  if (code === TRANSFER_CODES.liquidity) return { kind: 'liquidity' };
  if (code === TRANSFER_CODES.deposit) return { kind: 'merchant', merchant: subject as string as MerchantId };
  return { kind: 'suspense', why: (JSON.parse(fields?.reason ?? '{}') as { why?: string }).why ?? '' };
}

export interface CreditedDeposit {
  readonly deposit: Deposit;
  readonly owner: DepositOwner;
  readonly asset: AssetNo;
  readonly seq: bigint;
}

/**
 * Books one final deposit, once. The first decision that was booked stands, whatever would be decided now; money that its owner's account cannot take (it was closed)
 * waits in suspense, under an id of its own that follows from the deposit too.
 */
export async function creditDeposit(book: Book, rules: DepositRules, deposit: Deposit): Promise<CreditedDeposit | undefined> {
  const asset = rules.assetOf.get(deposit.token);
  // A token that the vault does not list is nobody's money here: the chain scanner only watches listed ones.
  if (asset === undefined) return undefined;
  // No wallet or merchant comes into the book between the look at whose it is and its record: whoever reads the book in order finds the same.
  return book.exclusively(() => creditOnce(book, rules, deposit, asset));
}

async function creditOnce(book: Book, rules: DepositRules, deposit: Deposit, asset: AssetNo): Promise<CreditedDeposit> {
  // Whose it is was decided when it was booked: a wallet or merchant registered since then changes nothing of it.
  const before = await book.transfer(derivedId<TransferId>(fromHex(deposit.digest)));
  if (before?.kind === 'transfer') return { deposit, owner: ownerIn(before), asset, seq: before.seq };
  const owner = await ownerOf(book, rules, deposit, asset);
  const command = depositCommand(rules, deposit, owner, asset);
  const [result] = await book.submit([command]);
  const booked = bookedTransfer(result);
  if (booked) return { deposit, owner, asset, seq: booked.seq };
  const suspense: DepositOwner = { kind: 'suspense', why: `its account could not be credited: ${result?.code}` };
  const id = derivedId<TransferId>(keccak_256(concat(utf8('cairn.deposit.suspense'), fromHex(deposit.digest))));
  const [second] = await book.submit([{ ...depositCommand(rules, deposit, suspense, asset), id }]);
  const parked = bookedTransfer(second);
  assert(parked, `deposit ${deposit.digest} could not be booked: ${result?.code}, ${second?.code}`);
  return { deposit, owner: suspense, asset, seq: parked.seq };
}

/** Created now, or there from before: with whatever body it was booked. */
function bookedTransfer(result: Result | undefined): { readonly seq: bigint } | null {
  return result?.record?.kind === 'transfer' ? result.record : null;
}
