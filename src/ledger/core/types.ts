import type { AccountId, AssetNo, Hex, MerchantId, OrderId, PayeeId, TimeMs, TransferId, Uuid, WindowId } from '#base';

/** The place of a record in its book: 1, 2, 3, ... without gaps. */
export type Seq = bigint;

/** The slots of evidence beside a record, in the order of docs/formats.md (slot 0 is `order`); 12 to 15 are reserved. */
export const FIELD_NAMES = [
  'order',
  'payee',
  'screening',
  'quote',
  'authorisation',
  'risk',
  'isoMessage',
  'travelRule',
  'deposit',
  'settlement',
  'metadata',
  'reason',
] as const;
export type FieldName = (typeof FIELD_NAMES)[number];

/** Canonical JSON (RFC 8785) by slot; an absent slot is an empty one. */
export type Fields = Readonly<Partial<Record<FieldName, string>>>;

export interface Evidence {
  readonly fields?: Fields;
  /** Whose key salts the fields: a payee, a merchant. There are no fields without it. */
  readonly subject?: Uuid<string>;
}

interface Appended extends Evidence {
  readonly seq: Seq;
  readonly nowMs: TimeMs;
}

/* The bodies, one a kind, with exactly the members of docs/formats.md. */

export interface AssetBody {
  readonly kind: 'asset';
  readonly asset: AssetNo;
  readonly decimals: number;
  /** CAIP-19 of the token; an asset off the chain has none. */
  readonly caip19: string | null;
  /** ISO 4217 code. */
  readonly peg: string;
  readonly symbol: string;
}

export interface AccountBody {
  readonly kind: 'account';
  readonly id: AccountId;
  readonly asset: AssetNo;
  readonly code: number;
  readonly flags: number;
  /** Minor units by which the limited side may exceed the other. */
  readonly overdraft: bigint;
  readonly owner: Uuid<string>;
}

export interface TransferBody {
  readonly kind: 'transfer';
  readonly id: TransferId;
  /** The hold that is posted or voided, else nil. */
  readonly pendingId: TransferId;
  readonly debit: AccountId;
  readonly credit: AccountId;
  readonly asset: AssetNo;
  /** Minor units as booked: what a balancing transfer or "all that is left" came to; for a void what it gave back. */
  readonly amount: bigint;
  readonly code: number;
  readonly flags: number;
  readonly timeoutS: number;
  /** The date it counts for; 0 when that is the date it was booked. */
  readonly effectiveMs: TimeMs;
  /** What it belongs to (a payment), or nil. */
  readonly reference: Uuid<string>;
}

export interface RefusalBody {
  readonly kind: 'refusal';
  readonly transfer: TransferId;
  readonly code: string;
}

export interface ExpiryBody {
  readonly kind: 'expiry';
  /** The pending transfer. */
  readonly transfer: TransferId;
}

export interface MerchantBody {
  readonly kind: 'merchant';
  readonly merchant: MerchantId;
  readonly key: Hex;
  readonly authorisation: Hex;
}

export interface PayeeBody {
  readonly kind: 'payee';
  readonly payee: PayeeId;
  readonly merchant: MerchantId;
  readonly authorisation: Hex;
}

export interface OrderBody {
  readonly kind: 'order';
  readonly order: OrderId;
  readonly merchant: MerchantId;
  readonly authorisation: Hex;
  readonly count: number;
}

export interface WindowBody {
  readonly kind: 'window';
  readonly window: WindowId;
  readonly fromSeq: Seq;
  readonly toSeq: Seq;
}

export interface InstructionBody {
  readonly kind: 'instruction';
  readonly vault: Hex;
  readonly token: Hex;
  readonly window: WindowId;
  readonly index: number;
  readonly listHash: Hex;
  readonly count: number;
  readonly total: bigint;
  readonly notAfterS: number;
}

export interface TariffBody {
  readonly kind: 'tariff';
  readonly tariff: Uuid<string>;
  /** Canonical JSON of the fee and FX schedule. */
  readonly schedule: string;
}

export interface WalletBody {
  readonly kind: 'wallet';
  readonly merchant: MerchantId;
  readonly wallet: Hex;
  readonly authorisation: Hex;
}

export interface ReleaseBody {
  readonly kind: 'release';
  /** The pending transfer. */
  readonly transfer: TransferId;
  /** hashStruct of the instruction that did not pay it. */
  readonly instruction: Hex;
  readonly index: number;
  /** 1: notAfter passed in a final block unpaid; 2: cancelled on chain, finally. */
  readonly reason: number;
}

export interface ErasureBody {
  readonly kind: 'erasure';
  /** The subject whose key is deleted. */
  readonly erased: Uuid<string>;
}

export interface LiabilityBody {
  readonly kind: 'liability';
  readonly root: Hex;
  readonly asset: AssetNo;
  readonly total: bigint;
}

/** Kinds that only have to be unique: what they mean is checked by others (signatures by the auditor, payouts by the vault). */
export type NamedBody = MerchantBody | PayeeBody | OrderBody | WalletBody | InstructionBody | TariffBody | ErasureBody | LiabilityBody;

export type RecordBody = AssetBody | AccountBody | TransferBody | RefusalBody | ExpiryBody | WindowBody | ReleaseBody | NamedBody;

export type TransferRecord = TransferBody & Appended;
export type WindowRecord = WindowBody & Appended;
export type RefusalRecord = RefusalBody & Appended;

/** One entry of a book's journal, one leaf. */
export type LedgerRecord = RecordBody & Appended;
export type RecordKind = LedgerRecord['kind'];

/** The number of each kind in a leaf (docs/formats.md). */
export const KIND_NUMBERS: Readonly<Record<RecordKind, number>> = {
  asset: 1,
  account: 2,
  transfer: 3,
  refusal: 4,
  expiry: 5,
  merchant: 6,
  payee: 7,
  order: 8,
  window: 9,
  instruction: 10,
  tariff: 11,
  wallet: 12,
  release: 13,
  erasure: 14,
  liability: 15,
};

/* Commands: what is asked of a book. Each becomes one record, or a refusal. */

/** For kinds without flags in their body: succeeds or fails with the next command. */
interface Linkable {
  readonly linked?: boolean;
}

export type OpenAsset = { readonly kind: 'openAsset' } & Omit<AssetBody, 'kind'> & Evidence & Linkable;

export interface OpenAccount extends Evidence {
  readonly kind: 'openAccount';
  readonly id: AccountId;
  readonly asset: AssetNo;
  readonly code: number;
  readonly flags?: number;
  readonly overdraft?: bigint;
  readonly owner?: Uuid<string>;
}

/** Appends the account once more with the flag `closed`: from then on its holds can only be voided or expire; those that a window took are posted or released as ever. */
export interface CloseAccount extends Evidence, Linkable {
  readonly kind: 'closeAccount';
  readonly id: AccountId;
}

/** What is absent is nil or zero; a post or a void takes accounts, asset, code and reference from its hold. */
export interface TransferCommand extends Evidence {
  readonly kind: 'transfer';
  readonly id: TransferId;
  readonly pendingId?: TransferId;
  readonly debit?: AccountId;
  readonly credit?: AccountId;
  readonly asset?: AssetNo;
  /** Minor units. Balancing: at most so much. Post: MAX_AMOUNT takes all that is left. Void: 0 or all that is left. */
  readonly amount: bigint;
  readonly code?: number;
  readonly flags?: number;
  readonly timeoutS?: number;
  readonly effectiveMs?: TimeMs;
  readonly reference?: Uuid<string>;
}

export interface Expire extends Evidence, Linkable {
  readonly kind: 'expire';
  /** The pending transfer. */
  readonly transfer: TransferId;
}

/** Takes every open hold that settles, from `fromSeq` (1 when absent) to the record just before it. */
export interface CloseWindow extends Evidence, Linkable {
  readonly kind: 'window';
  readonly window: WindowId;
  readonly fromSeq?: Seq;
}

export type Release = ReleaseBody & Evidence & Linkable;
export type NamedCommand = NamedBody & Evidence & Linkable;

export type Command = OpenAsset | OpenAccount | CloseAccount | TransferCommand | Expire | CloseWindow | Release | NamedCommand;

/* What the records add up to. */

/** An account with its balances; a value, never changed in place. */
export interface Account {
  readonly id: AccountId;
  readonly asset: AssetNo;
  readonly code: number;
  readonly flags: number;
  readonly overdraft: bigint;
  readonly owner: Uuid<string>;
  readonly debitsPending: bigint;
  readonly debitsPosted: bigint;
  readonly creditsPending: bigint;
  readonly creditsPosted: bigint;
  /** The last record that changed it: its version. */
  readonly seq: Seq;
}

export type HoldStatus = 'open' | 'posted' | 'voided' | 'expired';

/** A pending transfer and what became of it; a value, never changed in place. */
export interface Hold {
  readonly id: TransferId;
  readonly seq: Seq;
  readonly debit: AccountId;
  readonly credit: AccountId;
  readonly asset: AssetNo;
  readonly amount: bigint;
  readonly code: number;
  readonly reference: Uuid<string>;
  readonly settles: boolean;
  /** When it may expire; 0 for never. */
  readonly expiresMs: TimeMs;
  /** The sum of its captures so far. */
  readonly captured: bigint;
  readonly status: HoldStatus;
  /** The transfer that closed it; null while open, and when it expired. */
  readonly closedBy: TransferId | null;
  /** The window record that took it: it can neither expire nor be voided. */
  readonly windowSeq: Seq | null;
  /** The release record after which it can only be voided. */
  readonly releaseSeq: Seq | null;
}
