import { MAX_AMOUNT, NIL_UUID } from '#base';
import type { Written } from './plan.ts';

/** A CHECK of the schema: false where it refuses a row. As in SQL, what is null refuses nothing. */
type Check = (row: Written) => boolean;

const MAX_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

function within(value: unknown, low: bigint | number, high: bigint | number): boolean {
  return value === null || ((value as bigint) >= low && (value as bigint) <= high);
}

function bits(value: unknown, mask: number): number {
  return (value as number) & mask;
}

function sum(a: unknown, b: unknown): bigint {
  return (a as bigint) + (b as bigint);
}

/** Pending and posted of one side, and what it may come to. */
function limited(row: Written, flag: number, side: string, other: string): boolean {
  return bits(row['flags'], flag) === 0 || sum(row[`${side}_pending`], row[`${side}_posted`]) <= sum(row[`${other}_posted`], row['overdraft']);
}

/** Either names no hold, or posts or voids one: see docs/formats.md. */
function flagsAgree({ flags, pending_id: pendingId }: Written): boolean {
  if (flags === null) return true;
  if (!within(flags, 0, 255) || bits(flags, 12) === 12) return false;
  return bits(flags, 12) === 0 ? bits(flags, 128) === 0 && pendingId === null : bits(flags, 114) === 0 && pendingId !== null;
}

const TRANSFER_COLUMNS = ['id', 'debit', 'credit', 'asset', 'amount', 'code', 'flags'];

/** The CHECK rules of a book's tables under their names, as src/db/migrations has them. */
export const CHECKS: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  account: {
    account_id_is_given: ({ id }) => id !== NIL_UUID && id !== MAX_UUID,
    account_asset_is_given: ({ asset }) => within(asset, 1n, 4_294_967_295n),
    account_code_is_given: ({ code }) => within(code, 1, 65_535),
  },
  journal: {
    journal_kind_is_known: ({ kind }) => within(kind, 1, 15),
    journal_transfer_is_whole: (row) =>
      row['kind'] === 3 ? TRANSFER_COLUMNS.every((column) => row[column] !== null) && row['body'] === null : row['body'] !== null,
    journal_accounts_differ: ({ debit, credit }) => debit === null || credit === null || debit !== credit,
    journal_amount_fits: ({ amount }) => within(amount, 0n, MAX_AMOUNT),
    journal_flags_agree: flagsAgree,
    journal_only_holds_settle_or_time_out: ({ flags, timeout_s: timeout }) =>
      flags === null || bits(flags, 2) !== 0 || (bits(flags, 64) === 0 && timeout === null),
    journal_void_is_not_final: ({ flags }) => flags === null || bits(flags, 136) !== 136,
  },
  account_history: {
    account_flags_are_known: ({ flags }) => within(flags, 0, 15),
    account_has_one_limit: ({ flags }) => bits(flags, 6) !== 6,
    account_overdraft_needs_a_limit: ({ overdraft, flags }) => within(overdraft, 0n, MAX_AMOUNT) && (overdraft === 0n || bits(flags, 6) !== 0),
    account_pending_is_never_negative: (row) => within(row['debits_pending'], 0n, MAX_AMOUNT) && within(row['credits_pending'], 0n, MAX_AMOUNT),
    account_posted_is_never_negative: (row) => within(row['debits_posted'], 0n, MAX_AMOUNT) && within(row['credits_posted'], 0n, MAX_AMOUNT),
    account_debits_fit: (row) => sum(row['debits_pending'], row['debits_posted']) <= MAX_AMOUNT,
    account_credits_fit: (row) => sum(row['credits_pending'], row['credits_posted']) <= MAX_AMOUNT,
    account_debits_within_credits: (row) => limited(row, 2, 'debits', 'credits'),
    account_credits_within_debits: (row) => limited(row, 4, 'credits', 'debits'),
  },
  pending: {
    pending_status_is_known: ({ status }) => ['open', 'posted', 'voided', 'expired'].includes(status as string),
    pending_captures_fit: ({ captured, amount }) => within(captured, 0n, amount as bigint),
    pending_closer_is_named: ({ status, closed_by: closer }) => (closer !== null) === (status === 'posted' || status === 'voided'),
    pending_in_window_settles: ({ window_seq: window, settles }) => window === null || settles === true,
    pending_in_window_does_not_expire: ({ window_seq: window, status }) => window === null || status !== 'expired',
    pending_in_window_is_not_voided: ({ window_seq: window, release_seq: release, status }) => window === null || release !== null || status !== 'voided',
    pending_release_follows_window: ({ window_seq: window, release_seq: release }) =>
      release === null || (window !== null && (window as bigint) < (release as bigint)),
    pending_released_is_only_voided: ({ release_seq: release, status }) => release === null || status === 'open' || status === 'voided',
    pending_without_timeout_does_not_expire: ({ expires_ms: expires, status }) => expires !== null || status !== 'expired',
  },
  evidence: {},
};

/** Names of the rules that a row breaks. */
export function broken(table: string, row: Written): string[] {
  return Object.entries(CHECKS[table]!).flatMap(([name, holds]) => (holds(row) ? [] : [name]));
}
