/** Account flags (docs/formats.md). The two limits exclude each other. */
export const ACCOUNT_LINKED = 1;
export const DEBITS_MUST_NOT_EXCEED_CREDITS = 2;
export const CREDITS_MUST_NOT_EXCEED_DEBITS = 4;
export const CLOSED = 8;
export const ALL_ACCOUNT_FLAGS = 15;

/** Transfer flags (docs/formats.md). */
export const LINKED = 1;
export const PENDING = 2;
export const POST_PENDING = 4;
export const VOID_PENDING = 8;
export const BALANCING_DEBIT = 16;
export const BALANCING_CREDIT = 32;
/** Only with PENDING: the next settlement window takes it. */
export const SETTLES = 64;
/** Only with POST_PENDING: closes the hold and gives back the rest. */
export const FINAL_POST = 128;
export const ALL_TRANSFER_FLAGS = 255;

/** Codes of the chart of accounts: what an account is for. */
export const ACCOUNT_CODES = {
  vault: 10,
  merchant: 20,
  suspense: 30,
  feeIncome: 40,
  fxPosition: 50,
  fxSpreadIncome: 60,
  rounding: 70,
  liquidityCapital: 80,
} as const;

/** Codes of transfers: why money moved. */
export const TRANSFER_CODES = {
  deposit: 1,
  liquidity: 2,
  suspense: 3,
  payout: 10,
  fee: 11,
  fx: 12,
  spread: 13,
  rounding: 14,
  other: 99,
} as const;
