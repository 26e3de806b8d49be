import { canonicalJson } from '#anchor/core';
import { Problem, type AccountId, type MerchantId, type TransferId } from '#base';
import { ACCOUNT_CODES, DEBITS_MUST_NOT_EXCEED_CREDITS, TRANSFER_CODES, type OpenAccount, type TransferCommand } from '#ledger/core';
import type { z } from 'zod';
import type { Caller } from '../access/scopes.ts';
import { ACCOUNT_FLAGS, TRANSFER_FLAGS, type accountIn, type TransferItem } from '../schemas/ledger.ts';
import type { Party } from './parties.ts';
import { flagBits } from './present.ts';

function refuseFor(member: string, who = 'A merchant'): never {
  throw new Problem('http/not-allowed-here', `${who} may not set ${member}.`, { member });
}

/** What money moves by when it comes in, goes out or is priced: such transfers follow from the chain and from signed orders, and nobody books one by hand. */
const DERIVED_CODES: ReadonlySet<number> = new Set(Object.values(TRANSFER_CODES).filter((code) => code !== TRANSFER_CODES.other));

/** Our own side of those transfers. */
const CHART_CODES: ReadonlySet<number> = new Set([
  ACCOUNT_CODES.vault,
  ACCOUNT_CODES.suspense,
  ACCOUNT_CODES.feeIncome,
  ACCOUNT_CODES.fxPosition,
  ACCOUNT_CODES.fxSpreadIncome,
  ACCOUNT_CODES.rounding,
  ACCOUNT_CODES.clearing,
]);

/** What a caller may open: a merchant only his own account of the merchants' kind, which never goes below zero; nor does what the operator opens for him. */
export function openAccountCommand(caller: Caller, item: z.output<typeof accountIn>, derived: AccountId): OpenAccount {
  const id = item.id ?? derived;
  if (caller.kind === 'operator') {
    const { asset, code = ACCOUNT_CODES.merchant, overdraft = 0n, flags = [], owner } = item;
    // Money below zero in one of his accounts would be money from nowhere in another, and the vault would pay it out.
    if (owner !== undefined && overdraft !== 0n) refuseFor('overdraft of an account that is a merchant’s', 'The operator');
    if (owner !== undefined && !flags.includes('debitsMustNotExceedCredits')) refuseFor('an owner without flags.debitsMustNotExceedCredits', 'The operator');
    return { kind: 'openAccount', id, asset, code, overdraft, flags: flagBits(ACCOUNT_FLAGS, flags), ...(owner !== undefined && { owner }) };
  }
  if (item.code !== undefined && item.code !== ACCOUNT_CODES.merchant) refuseFor('code');
  if (item.flags?.includes('creditsMustNotExceedDebits')) refuseFor('flags.creditsMustNotExceedDebits');
  if (item.overdraft !== undefined && item.overdraft !== 0n) refuseFor('overdraft');
  if (item.owner !== undefined && item.owner !== caller.merchant) refuseFor('owner');
  const { asset } = item;
  return { kind: 'openAccount', id, asset, code: ACCOUNT_CODES.merchant, flags: DEBITS_MUST_NOT_EXCEED_CREDITS, owner: caller.merchant };
}

/** Without the members that are undefined: absent and undefined are not the same to the ledger. */
function defined<T extends object>(item: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** One item of a call as the ledger takes it, after the rules for whoever asks. `index` is its place in the call. */
export function transferCommand(caller: Caller, item: TransferItem, id: TransferId, index: number): TransferCommand {
  const { amount, flags = [], code, pendingId, debit, credit, asset, timeoutS, effectiveMs, reference } = item;
  const closesHold = flags.includes('postPending') || flags.includes('voidPending');
  checkItem(item, index);
  if (caller.kind === 'merchant') checkMerchantItem(item, index);
  // A post or a void takes its code from the hold.
  const reason = code ?? (closesHold ? undefined : TRANSFER_CODES.other);
  const rest = defined({ pendingId, debit, credit, asset, timeoutS, effectiveMs, reference, code: reason });
  return { kind: 'transfer', id, amount, flags: flagBits(TRANSFER_FLAGS, flags), ...rest, ...evidenceOf(caller, item, index) };
}

/**
 * Whoever asks, in this order: no `settles` (settlement is for payments), no code of what follows from the chain or from an order; both accounts named, also
 * where a hold names them already: then the ledger itself, in the moment it decides, refuses to close a hold between others' accounts.
 */
function checkItem({ flags, code, debit, credit }: TransferItem, index: number): void {
  if (flags?.includes('settles')) refuseFor(`transfers.${index}.flags.settles`, 'A caller');
  if (code !== undefined && DERIVED_CODES.has(code)) refuseFor(`transfers.${index}.code`, 'A caller');
  if (debit === undefined || credit === undefined) throw missing(index, 'debit and credit', 'both accounts are named, also of a hold that is closed');
}

/** In this order: no code but `other`, no reference, no date, no subject but himself. */
function checkMerchantItem(item: TransferItem, index: number): void {
  if (item.code !== undefined && item.code !== TRANSFER_CODES.other) refuseFor(`transfers.${index}.code`);
  if (item.reference !== undefined) refuseFor(`transfers.${index}.reference`);
  if (item.effectiveMs !== undefined) refuseFor(`transfers.${index}.effectiveMs`);
  if (item.subject !== undefined) refuseFor(`transfers.${index}.subject`);
}

function evidenceOf(caller: Caller, { metadata, subject }: TransferItem, index: number) {
  if (metadata === undefined) return {};
  const whose = caller.kind === 'merchant' ? caller.merchant : subject;
  if (whose === undefined) throw missing(index, 'subject', 'metadata belongs to a subject, whose key salts it');
  return { fields: { metadata: canonicalJson(metadata) }, subject: whose };
}

function missing(index: number, member: string, why: string): Problem {
  const errors = [{ field: `transfers.${index}`, message: `${member} missing: ${why}` }];
  return new Problem('http/invalid-request', `transfers.${index}: ${member} missing: ${why}.`, { errors, count: 1 });
}

/**
 * Every account that these items name must be there and, for a merchant, one of his own, of the merchants' kind; what is not looks like what does not exist.
 * For the operator none may be of our chart, and both must be of one owner: money that changes hands without a deposit or an order behind it would be minted.
 */
export function checkAccounts(caller: Caller, items: readonly TransferItem[], accounts: ReadonlyMap<AccountId, Party>): void {
  items.forEach((item, index) => {
    const sides = [item.debit, item.credit].map((id) => {
      const account = id === undefined ? undefined : accounts.get(id);
      if (!account || (caller.kind === 'merchant' && !isOwn(account, caller.merchant)))
        throw new Problem('http/not-found', `transfers.${index} names an account that is not yours.`, { index, account: id });
      return account;
    });
    if (sides.some(({ code }) => CHART_CODES.has(code))) refuseMove(index, 'touches an account of the chart');
    if (new Set(sides.map(({ owner }) => owner)).size > 1) refuseMove(index, 'moves money from one owner to another');
  });
}

function refuseMove(index: number, what: string): never {
  throw new Problem('http/not-allowed-here', `transfers.${index} ${what}: only deposits and payments do.`, { index });
}

function isOwn(account: Party, merchant: MerchantId): boolean {
  return account.owner === merchant && account.code === ACCOUNT_CODES.merchant;
}
