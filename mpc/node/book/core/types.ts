import type { AssetNo, BookId, Hex, MerchantId, OrderId, PayeeId, PaymentId, TimeMs, TransferId, WindowId } from '#base';
import type { Role } from '#custody/intents';
import type { Judged, Objection, TimelockOperation } from '#governance/core';
import type { Refusal } from './rules.ts';

/** What the node's operators registered out of band: the only deployment it ever signs for. Addresses in lower case. */
export interface Registration {
  readonly chainId: bigint;
  readonly anchor: Hex;
  readonly vault: Hex;
  readonly timelock: Hex;
  /** That proposes to the timelock. */
  readonly safe: Hex;
  /** The account of the group's owner key, which cancels. */
  readonly owner: Hex;
  readonly book: BookId;
  /** The first block of the deployment. */
  readonly fromBlock: bigint;
}

/** What the operators hold to be possible of exchange rates: by ISO 4217 code, plain decimals in units of the pivot, both ends included. The pivot itself is 1. */
export interface RateBands {
  readonly pivot: string;
  readonly bands: ReadonlyMap<string, { readonly low: string; readonly high: string }>;
  /** Seconds since 1970: from then on no rate is believed by them. Null: they do not expire. */
  readonly notAfterS: number | null;
}

/** A key of a merchant as the operators know it from himself. */
export interface RegisteredKey {
  readonly key: Hex;
  /** Counts for records up to this moment; null while in use. A key that is revoked is not in the file at all. */
  readonly untilMs: number | null;
}
export type MerchantKeys = ReadonlyMap<MerchantId, readonly RegisteredKey[]>;

/** A contract that an intent touches, by what it is to us. */
export interface ContractFact {
  readonly role: 'anchor' | 'vault' | 'safe' | 'timelock' | 'token';
  readonly address: Hex;
}

/** What every intent has for the policy engine, which reads these members and no others. */
interface CommonFacts {
  readonly chainId: bigint;
  /** The first is the contract that verifies the signature. */
  readonly contracts: readonly ContractFact[];
  readonly payments: readonly MovedFacts[];
  /** The 32 bytes to be signed, rebuilt from the intent. */
  readonly digest: Hex;
  /** Time of the final block that the node's own endpoints agree on; absent where none was asked. */
  readonly witnessedMs?: TimeMs;
}

/** What money moves: what policy rules are about. */
export interface MovedFacts {
  readonly token: Hex;
  readonly payee: Hex;
  /** Minor units of the token. */
  readonly amount: bigint;
  /** A merchant key that the operators registered signed the payee's entry. */
  readonly registered: boolean;
}

/** One payment of a list, as the node found it in its own copy of the book: of what is judged well always to a registered payee, at the address that the merchant signed. */
export interface PaymentFacts extends MovedFacts {
  readonly registered: true;
  readonly payment: PaymentId;
  readonly hold: TransferId;
  readonly order: OrderId;
  readonly merchant: MerchantId;
  readonly entry: PayeeId;
  readonly name: string;
  /** As the order file names it: an IBAN, or another identification. */
  readonly account: string;
  /** Of the order: ISO 4217 code and plain decimal. */
  readonly currency: string;
  readonly instructed: string;
}

export interface AnchorFacts extends CommonFacts {
  readonly kind: 'anchor';
  /** Position of the leaf in the log, and the records it brings in. */
  readonly index: bigint;
  readonly firstSeq: bigint;
  readonly lastSeq: bigint;
  /** The node said yes to this very leaf before: the same batch again. */
  readonly again: boolean;
}

/** `payments` without those that are cancelled on the chain. */
export interface InstructionFacts extends CommonFacts {
  readonly kind: 'instruction';
  readonly payments: readonly PaymentFacts[];
  /** hashStruct(Instruction). */
  readonly instruction: Hex;
  readonly window: WindowId;
  readonly index: number;
  readonly asset: { readonly asset: AssetNo; readonly symbol: string; readonly decimals: number };
  /** Minor units of the whole list. */
  readonly total: bigint;
  readonly notAfterS: number;
}

export interface CancelFacts extends CommonFacts {
  readonly kind: 'cancel';
  readonly instruction: Hex;
  readonly index: number;
  /** What is not paid, and to whom. */
  readonly amount: bigint;
  readonly payee: Hex;
}

/** A transaction of the Safe, decoded to the last byte: `describeJudged` of #governance/core shows it to a person. */
export interface GovernanceFacts extends CommonFacts {
  readonly kind: 'governance';
  readonly nonce: bigint;
  readonly judged: Judged;
}

export interface TimelockCancelFacts extends CommonFacts {
  readonly kind: 'timelockCancel';
  readonly operation: TimelockOperation;
  /** Why the node did not agree to it. */
  readonly objection: Objection['reason'];
  /** Wei that the owner's account can come to pay for it. */
  readonly mostFee: bigint;
}

/** `payments`: one, to the vault. */
export interface AuthorisationFacts extends CommonFacts {
  readonly kind: 'authorisation';
  readonly holder: Role;
  readonly from: Hex;
  readonly index: number;
  readonly validBeforeS: number;
}

/** What the node knows of an intent that it would sign, for the policy engine. */
export type Facts = AnchorFacts | InstructionFacts | CancelFacts | GovernanceFacts | TimelockCancelFacts | AuthorisationFacts;

export type Judgement = { readonly ok: true; readonly facts: Facts } | Refusal;
