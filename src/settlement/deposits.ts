import { derivedId, fromHex, NIL_UUID, toHex, uuidFromBytes, type AssetNo, type BookId, type Hex, type MerchantId, type TransferId } from '#base';
import { assert } from '#base';
import { canonicalJson } from '#anchor/core';
import type { Deposit } from '#chain';
import type { Book } from '#ledger';
import { chartAccount, TRANSFER_CODES, type TransferCommand, type TransferRecord } from '#ledger/core';

/** Who a deposit belongs to. `liquidity`: our own money for the FX position. `suspense`: we do not know, and a person has to find out. */
export type DepositOwner =
  { readonly kind: 'merchant'; readonly merchant: MerchantId } | { readonly kind: 'liquidity' } | { readonly kind: 'suspense'; readonly why: string };

export interface DepositRules {
  readonly book: BookId;
  readonly assetOf: ReadonlyMap<Hex, AssetNo>;
  /** The reference under which we deposit our own liquidity. */
  readonly liquidityReference: Hex;
  readonly isMerchant: (merchant: MerchantId) => Promise<boolean>;
  /** The merchant who proved that this wallet is his, by its own signature. */
  readonly walletOwner: (wallet: Hex) => Promise<MerchantId | undefined>;
}

/** A reference is worth something only because the payer signed it; a plain transfer only because its wallet is registered. Everything else waits in suspense. */
async function ownerOf(rules: DepositRules, deposit: Deposit): Promise<DepositOwner> {
  if (deposit.kind === 'plain') {
    const merchant = await rules.walletOwner(deposit.from);
    return merchant ? { kind: 'merchant', merchant } : { kind: 'suspense', why: 'a transfer from a wallet that nobody registered' };
  }
  assert(deposit.reference, 'a referenced deposit has a reference');
  if (deposit.reference === rules.liquidityReference) return { kind: 'liquidity' };
  const bytes = fromHex(deposit.reference);
  const merchant = uuidFromBytes<MerchantId>(bytes.slice(0, 16));
  const known = bytes.slice(16).every((byte) => byte === 0) && merchant !== NIL_UUID && (await rules.isMerchant(merchant));
  return known ? { kind: 'merchant', merchant } : { kind: 'suspense', why: 'a reference that names no merchant' };
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

/** Books one final deposit, once. */
export async function creditDeposit(book: Book, rules: DepositRules, deposit: Deposit): Promise<CreditedDeposit | undefined> {
  const asset = rules.assetOf.get(deposit.token);
  // A token that the vault does not list is nobody's money here: the chain scanner only watches listed ones.
  if (asset === undefined) return undefined;
  // Whose it is was decided when it was booked: a wallet or merchant registered since then changes nothing of it.
  const booked = await book.transfer(derivedId<TransferId>(fromHex(deposit.digest)));
  if (booked?.kind === 'transfer') return { deposit, owner: ownerIn(booked), asset, seq: booked.seq };
  const owner = await ownerOf(rules, deposit);
  const [result] = await book.submit([depositCommand(rules, deposit, owner, asset)]);
  assert(result && (result.code === 'created' || result.code === 'exists'), `deposit ${toHex(fromHex(deposit.digest))} could not be booked: ${result?.code}`);
  return { deposit, owner, asset, seq: result.record!.seq };
}
