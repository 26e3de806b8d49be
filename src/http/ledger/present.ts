import type { z } from 'zod';
import { assert, NIL_UUID } from '#base';
import type { Account, LedgerRecord, TransferRecord } from '#ledger/core';
import type { Caller } from '../access/scopes.ts';
import {
  ACCOUNT_FLAGS,
  TRANSFER_FLAGS,
  type accountOut,
  type balancesOut,
  type entryOut,
  type recordOut,
  type transferOut,
  type transferResultOut,
} from '../schemas/ledger.ts';

/** Bits to names: bit i is the i-th name. */
function flagNames<Name extends string>(names: readonly Name[], bits: number): Name[] {
  return names.filter((_, i) => (bits & (1 << i)) !== 0);
}

/** Names to bits. */
export function flagBits<Name extends string>(names: readonly Name[], chosen: readonly Name[]): number {
  return chosen.reduce((bits, name) => bits | (1 << names.indexOf(name)), 0);
}

export type BalancesView = Pick<Account, 'id' | 'debitsPending' | 'debitsPosted' | 'creditsPending' | 'creditsPosted' | 'seq'>;

export function presentBalances(account: BalancesView): z.input<typeof balancesOut> {
  return {
    account: account.id,
    debitsPending: `${account.debitsPending}`,
    debitsPosted: `${account.debitsPosted}`,
    creditsPending: `${account.creditsPending}`,
    creditsPosted: `${account.creditsPosted}`,
    seq: `${account.seq}`,
  };
}

export function presentAccount(account: Account): z.input<typeof accountOut> {
  const { id, asset, code, flags, overdraft, owner } = account;
  return { id, asset, code, flags: flagNames(ACCOUNT_FLAGS, flags), overdraft: `${overdraft}`, owner, balances: presentBalances(account) };
}

function orNull(id: string): string | null {
  return id === NIL_UUID ? null : id;
}

/** Metadata is shown to its subject and to the operator; other evidence (screening, risk) only in the journal, to the operator. */
export function presentTransfer(caller: Caller, record: TransferRecord): z.input<typeof transferOut> {
  const { id, seq, nowMs, pendingId, debit, credit, asset, amount, code, flags, timeoutS, effectiveMs, reference, fields, subject } = record;
  const texts = { seq: `${seq}`, amount: `${amount}`, pendingId: orNull(pendingId), reference: orNull(reference) };
  const shown = caller.kind === 'operator' || caller.merchant === subject ? fields?.metadata : undefined;
  const metadata = shown === undefined ? null : (JSON.parse(shown) as Record<string, string>);
  return { kind: 'transfer', id, nowMs, debit, credit, asset, code, flags: flagNames(TRANSFER_FLAGS, flags), timeoutS, effectiveMs, ...texts, metadata };
}

/** A record that touched an account: its opening or closing, a transfer, the expiry of a hold. */
export function presentEntry(caller: Caller, record: LedgerRecord): z.input<typeof entryOut> {
  if (record.kind === 'transfer') return presentTransfer(caller, record);
  const place = { seq: `${record.seq}`, nowMs: record.nowMs };
  if (record.kind === 'account') return { kind: 'account', ...place, flags: flagNames(ACCOUNT_FLAGS, record.flags) };
  assert(record.kind === 'expiry', `a ${record.kind} touches no account`);
  return { kind: 'expiry', ...place, transfer: record.transfer };
}

/** A record as the journal has it: bigint as text, evidence as the JSON it is. */
export function presentRecord(record: LedgerRecord): z.input<typeof recordOut> {
  const { fields, ...body } = record;
  const plain = JSON.parse(JSON.stringify(body, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))) as z.input<typeof recordOut>;
  if (!fields) return plain;
  return { ...plain, fields: Object.fromEntries(Object.entries(fields).map(([name, json]) => [name, JSON.parse(json) as unknown])) };
}

/** Balances of an account are shown to its owner and to the operator: the other side of a merchant's transfer stays dark. */
export function visibleBalances(caller: Caller, account: Account | null | undefined): z.input<typeof transferResultOut>['debit'] {
  if (!account || (caller.kind === 'merchant' && account.owner !== caller.merchant)) return null;
  return presentBalances(account);
}
