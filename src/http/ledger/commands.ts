import { canonicalJson } from '#anchor/core';
import { Problem, type AccountId, type MerchantId, type TransferId } from '#base';
import { ACCOUNT_CODES, DEBITS_MUST_NOT_EXCEED_CREDITS, TRANSFER_CODES, type Account, type OpenAccount, type TransferCommand } from '#ledger/core';
import type { z } from 'zod';
import type { Caller } from '../access/scopes.ts';
import { ACCOUNT_FLAGS, TRANSFER_FLAGS, type accountIn, type TransferItem } from '../schemas/ledger.ts';
import { flagBits } from './present.ts';

function refuseFor(member: string): never {
  throw new Problem('http/not-allowed-here', `A merchant may not set ${member}.`, { member });
}

/** What a caller may open: a merchant only his own account of the merchants' kind, which never goes below zero. */
export function openAccountCommand(caller: Caller, item: z.output<typeof accountIn>, derived: AccountId): OpenAccount {
  const id = item.id ?? derived;
  if (caller.kind === 'operator') {
    const { asset, code = ACCOUNT_CODES.merchant, overdraft = 0n, flags = [], owner } = item;
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
export function transferCommand(caller: Caller, item: TransferItem, derived: TransferId, index: number): TransferCommand {
  const { id = derived, amount, flags = [], code, pendingId, debit, credit, asset, timeoutS, effectiveMs, reference } = item;
  const closesHold = flags.includes('postPending') || flags.includes('voidPending');
  if (caller.kind === 'merchant') checkMerchantItem(item, index);
  // A post or a void takes its code from the hold.
  const reason = code ?? (closesHold ? undefined : TRANSFER_CODES.other);
  const rest = defined({ pendingId, debit, credit, asset, timeoutS, effectiveMs, reference, code: reason });
  return { kind: 'transfer', id, amount, flags: flagBits(TRANSFER_FLAGS, flags), ...rest, ...evidenceOf(caller, item, index) };
}

/**
 * In this order: no `settles` (settlement is for payments), no code but `other`, no reference, no date, no subject but himself; both accounts named,
 * also where a hold names them already: then the ledger itself, in the moment it decides, refuses to close a hold between others' accounts.
 */
function checkMerchantItem(item: TransferItem, index: number): void {
  if (item.flags?.includes('settles')) refuseFor(`transfers.${index}.flags.settles`);
  if (item.code !== undefined && item.code !== TRANSFER_CODES.other) refuseFor(`transfers.${index}.code`);
  if (item.reference !== undefined) refuseFor(`transfers.${index}.reference`);
  if (item.effectiveMs !== undefined) refuseFor(`transfers.${index}.effectiveMs`);
  if (item.subject !== undefined) refuseFor(`transfers.${index}.subject`);
  if (item.debit === undefined || item.credit === undefined)
    throw missing(index, 'debit and credit', 'a merchant names both accounts, also of a hold he closes');
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

/** Every account that these items of a merchant name must be one of his own, of the merchants' kind; what is not looks like what does not exist. */
export function checkOwnAccounts(caller: Caller, items: readonly TransferItem[], accounts: ReadonlyMap<AccountId, Account>): void {
  if (caller.kind === 'operator') return;
  items.forEach((item, index) => {
    for (const id of [item.debit, item.credit]) {
      const account = id === undefined ? undefined : accounts.get(id);
      if (!account || !isOwn(account, caller.merchant))
        throw new Problem('http/not-found', `transfers.${index} names an account that is not yours.`, { index, account: id });
    }
  });
}

function isOwn(account: Account, merchant: MerchantId): boolean {
  return account.owner === merchant && account.code === ACCOUNT_CODES.merchant;
}
