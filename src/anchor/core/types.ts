import type { AccountId, AssetNo, Hex, MerchantId, OrderId, PayeeId, TransferId, Uuid, WindowId } from '#base';
import type { FieldName } from './fields.ts';

/** What every record has beside its body. `seq` starts at 1 and has no gaps inside a book. */
export interface RecordHeader {
  readonly seq: number;
  readonly nowMs: number;
  /** Whose key salts the fields: a payee or a merchant. A record with fields has a subject. */
  readonly subject?: Uuid<string>;
  /** Canonical JSON by field name. */
  readonly fields?: Readonly<Partial<Record<FieldName, string>>>;
}

/** What each kind binds: docs/formats.md, "Kinds and bodies". */
export type RecordBody =
  | {
      readonly kind: 'asset';
      readonly asset: AssetNo;
      readonly decimals: number;
      readonly caip19: string | null;
      readonly peg: string;
      readonly symbol: string;
    }
  | {
      readonly kind: 'account';
      readonly id: AccountId;
      readonly asset: AssetNo;
      readonly code: number;
      readonly flags: number;
      readonly overdraft: bigint;
      readonly owner: Uuid<string>;
    }
  | {
      readonly kind: 'transfer';
      readonly id: TransferId;
      readonly pendingId: TransferId;
      readonly debit: AccountId;
      readonly credit: AccountId;
      readonly asset: AssetNo;
      readonly amount: bigint;
      readonly code: number;
      readonly flags: number;
      readonly timeoutS: number;
      readonly effectiveMs: number;
      readonly reference: Uuid<string>;
    }
  | { readonly kind: 'refusal'; readonly transfer: TransferId; readonly code: string }
  | { readonly kind: 'expiry'; readonly pending: TransferId }
  | { readonly kind: 'merchant'; readonly merchant: MerchantId; readonly key: Hex; readonly digest: Hex }
  | { readonly kind: 'payee'; readonly payee: PayeeId; readonly merchant: MerchantId; readonly digest: Hex }
  | { readonly kind: 'order'; readonly order: OrderId; readonly merchant: MerchantId; readonly digest: Hex; readonly count: number }
  | { readonly kind: 'window'; readonly window: WindowId; readonly fromSeq: number; readonly toSeq: number }
  | {
      readonly kind: 'instruction';
      readonly vault: Hex;
      readonly token: Hex;
      readonly window: WindowId;
      readonly index: number;
      readonly listHash: Hex;
      readonly count: number;
      readonly total: bigint;
      /** Seconds. */
      readonly notAfterS: number;
    }
  | { readonly kind: 'tariff'; readonly tariff: Uuid<string>; /** Canonical JSON. */ readonly schedule: string }
  | { readonly kind: 'wallet'; readonly merchant: MerchantId; readonly wallet: Hex; readonly digest: Hex }
  | { readonly kind: 'release'; readonly pending: TransferId; readonly instruction: Hex; readonly index: number; readonly reason: number }
  | { readonly kind: 'erasure'; readonly subject: Uuid<string> }
  | { readonly kind: 'liability'; readonly root: Hex; readonly asset: AssetNo; readonly total: bigint };

/** One record of a book. */
export type LogRecord = RecordHeader & RecordBody;
