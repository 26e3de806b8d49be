import {
  hashTypedData,
  toHex,
  uuidBytes,
  type AccountId,
  type Eip712Domain,
  type Eip712Message,
  type Eip712Struct,
  type Hex,
  type MerchantId,
  type OrderId,
  type PayeeId,
} from '#base';

/** The merchants' messages of docs/formats.md. `expiry` is in seconds since 1970; a nonce is used once a merchant. */

/** Signed by the first key itself; later by the key before. */
export interface MerchantKeyMessage {
  readonly merchant: MerchantId;
  readonly key: Hex;
  readonly nonce: bigint;
  readonly expiry: bigint;
}

/** Signed by the wallet: plain transfers from it count as this merchant's deposits. */
export interface WalletMessage {
  readonly merchant: MerchantId;
  readonly wallet: Hex;
  readonly nonce: bigint;
  readonly expiry: bigint;
}

/** Signed by the merchant's key. */
export interface PayeeMessage {
  readonly merchant: MerchantId;
  readonly payee: PayeeId;
  readonly name: string;
  /** As the order file names the creditor's account: an IBAN in its electronic form, or another identification as written. */
  readonly account: string;
  readonly settlementAddress: Hex;
  readonly token: Hex;
  readonly nonce: bigint;
  readonly expiry: bigint;
}

/** Signed by the merchant's key. */
export interface OrderMessage {
  readonly merchant: MerchantId;
  readonly order: OrderId;
  /** The merchant's ledger account that pays. */
  readonly account: AccountId;
  /** SHA-256 of the file's exact bytes. */
  readonly fileHash: Hex;
  readonly count: bigint;
  readonly controlSum: string;
  readonly nonce: bigint;
  readonly expiry: bigint;
}

export interface Messages {
  readonly MerchantKey: MerchantKeyMessage;
  readonly Wallet: WalletMessage;
  readonly Payee: PayeeMessage;
  readonly Order: OrderMessage;
}

export type MessageKind = keyof Messages;

export const STRUCTS: Readonly<Record<MessageKind, Eip712Struct>> = {
  MerchantKey: {
    name: 'MerchantKey',
    members: [
      ['bytes16', 'merchant'],
      ['address', 'key'],
      ['uint64', 'nonce'],
      ['uint64', 'expiry'],
    ],
  },
  Wallet: {
    name: 'Wallet',
    members: [
      ['bytes16', 'merchant'],
      ['address', 'wallet'],
      ['uint64', 'nonce'],
      ['uint64', 'expiry'],
    ],
  },
  Payee: {
    name: 'Payee',
    members: [
      ['bytes16', 'merchant'],
      ['bytes16', 'payee'],
      ['string', 'name'],
      ['string', 'account'],
      ['address', 'settlementAddress'],
      ['address', 'token'],
      ['uint64', 'nonce'],
      ['uint64', 'expiry'],
    ],
  },
  Order: {
    name: 'Order',
    members: [
      ['bytes16', 'merchant'],
      ['bytes16', 'order'],
      ['bytes16', 'account'],
      ['bytes32', 'fileHash'],
      ['uint32', 'count'],
      ['string', 'controlSum'],
      ['uint64', 'nonce'],
      ['uint64', 'expiry'],
    ],
  },
};

/** Binds a message to one deployment: the same words signed for another chain or vault are another digest. */
export function merchantDomain(chainId: bigint, vault: Hex): Eip712Domain {
  return { name: 'Cairn', version: '1', chainId, verifyingContract: vault };
}

/** The message as EIP-712 encodes it: UUIDs become bytes16. What a wallet is given to sign. */
export function eip712Message<Kind extends MessageKind>(kind: Kind, message: Messages[Kind]): Eip712Message {
  const values = message as unknown as Readonly<Record<string, string | bigint>>;
  const entries = STRUCTS[kind].members.map(([type, name]) => [name, type === 'bytes16' ? toHex(uuidBytes(String(values[name]))) : values[name]!] as const);
  return Object.fromEntries(entries);
}

/** The 32 bytes that are signed; the "authorisation digest" of the ledger's records. */
export function messageDigest<Kind extends MessageKind>(domain: Eip712Domain, kind: Kind, message: Messages[Kind]): Uint8Array {
  return hashTypedData(domain, STRUCTS[kind], eip712Message(kind, message));
}
