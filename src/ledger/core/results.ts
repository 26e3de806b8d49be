import type { Account, LedgerRecord } from './types.ts';

/**
 * Every answer of the ledger, in descending order of precedence: of several that apply the first is given.
 * The order is TigerBeetle's (its reference of create_transfers and create_accounts; of its first two the one that goes before the other
 * in its code does here); what is ours stands where its check belongs.
 */
export const RESULT_CODES = [
  'created',
  'linked_event_chain_open',
  'linked_event_failed',
  'field_malformed',
  'reserved_flag',
  'id_must_not_be_zero',
  'id_must_not_be_int_max',

  // The same id once more: the first difference is named.
  'exists_with_different_flags',
  'exists_with_different_pending_id',
  'exists_with_different_timeout',
  'exists_with_different_debit_account_id',
  'exists_with_different_credit_account_id',
  'exists_with_different_amount',
  'exists_with_different_reference',
  'exists_with_different_effective_date',
  'exists_with_different_asset',
  'exists_with_different_code',
  'exists_with_different_overdraft',
  'exists_with_different_owner',
  'exists_with_different_body',
  'exists_with_different_fields',
  'exists',
  'id_already_failed',

  // Wrong by itself, whatever the book holds.
  'flags_are_mutually_exclusive',
  'debit_account_id_must_not_be_zero',
  'debit_account_id_must_not_be_int_max',
  'credit_account_id_must_not_be_zero',
  'credit_account_id_must_not_be_int_max',
  'accounts_must_be_different',
  'pending_id_must_be_zero',
  'pending_id_must_not_be_zero',
  'pending_id_must_not_be_int_max',
  'pending_id_must_be_different',
  'timeout_reserved_for_pending_transfer',
  'settling_transfer_must_be_pending',
  'final_transfer_must_post_pending',
  'overdraft_must_be_zero',
  'asset_must_not_be_zero',
  'code_must_not_be_zero',

  // Wrong for what the book holds.
  'asset_not_found',
  'account_not_found',
  'window_not_found',
  'debit_account_not_found',
  'credit_account_not_found',
  'accounts_must_have_the_same_asset',
  'transfer_must_have_the_same_asset_as_accounts',
  'pending_transfer_not_found',
  'pending_transfer_not_pending',
  'pending_transfer_has_different_debit_account_id',
  'pending_transfer_has_different_credit_account_id',
  'pending_transfer_has_different_asset',
  'pending_transfer_has_different_code',
  'exceeds_pending_transfer_amount',
  'pending_transfer_has_different_amount',
  'pending_transfer_already_posted',
  'pending_transfer_already_voided',
  'pending_transfer_expired',
  'pending_transfer_not_in_window',
  'pending_transfer_released',
  'pending_transfer_in_window',
  'pending_transfer_not_due',
  'debit_account_already_closed',
  'credit_account_already_closed',
  'overflows_debits_pending',
  'overflows_credits_pending',
  'overflows_debits_posted',
  'overflows_credits_posted',
  'overflows_debits',
  'overflows_credits',
  'exceeds_credits',
  'exceeds_debits',
] as const;

export type ResultCode = (typeof RESULT_CODES)[number];

/** Everything but `created`. */
export type RefusalCode = Exclude<ResultCode, 'created'>;

/**
 * Refusals of a transfer that another state of the book could have answered otherwise: they become a `refusal` record,
 * so that a retry never gets another outcome than the first attempt (TigerBeetle's transient errors, and ours).
 */
export const REMEMBERED_REFUSALS: ReadonlySet<string> = new Set<RefusalCode>([
  'debit_account_not_found',
  'credit_account_not_found',
  'pending_transfer_not_found',
  'pending_transfer_in_window',
  'debit_account_already_closed',
  'credit_account_already_closed',
  'overflows_debits_pending',
  'overflows_credits_pending',
  'overflows_debits_posted',
  'overflows_credits_posted',
  'overflows_debits',
  'overflows_credits',
  'exceeds_credits',
  'exceeds_debits',
]);

/** The accounts of a transfer as they are after it (or as they are, when it was refused), where they are known. */
export interface Balances {
  readonly debit: Account | null;
  readonly credit: Account | null;
}

/** The command became `record`. */
export interface Created {
  readonly code: 'created';
  readonly record: LedgerRecord;
  readonly balances: Balances | null;
}

/** It did not. `record` is the one that exists already, or the refusal that is remembered; null when nothing was or is written. */
export interface Refused {
  readonly code: RefusalCode;
  readonly record: LedgerRecord | null;
  readonly balances: Balances | null;
}

export type Result = Created | Refused;

export function refused(code: RefusalCode, record: LedgerRecord | null = null, balances: Balances | null = null): Refused {
  return { code, record, balances };
}
