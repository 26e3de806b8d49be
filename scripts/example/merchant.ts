import { keccak_256 } from '@noble/hashes/sha3.js';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { concat, fromHex, Problem, toHex, utf8, uuidBytes, type AccountId, type Hex, type MerchantId } from '#base';
import {
  authorisationJson,
  eip712Message,
  merchantDomain,
  STRUCTS,
  type Authorisation,
  type AuthorisationJson,
  type MessageKind,
  type Messages,
} from '#identity/core';
import { parsePain001 } from '#payments/core';
import type { ExampleMerchant, ExampleOrder, ExamplePayee } from './example.ts';

/**
 * The merchant's own computer, not part of the server: it alone holds the merchant's keys and answers with signed messages. It signs with viem while the server
 * verifies with @noble and an encoder of its own, so that a fault of either shows.
 */

/** What of the deployment the signatures bind; known only once it runs. */
export interface Deployment {
  readonly chainId: bigint;
  readonly vault: Hex;
}

/** The token's own EIP-712 domain, read from its `eip712Domain()`. */
export interface TokenDomain {
  readonly address: Hex;
  readonly name: string;
  readonly version: string;
}

export interface SplitSignature {
  readonly v: number;
  readonly r: Hex;
  readonly s: Hex;
}

/** Arguments of SettlementVault.depositWithPermit, in order. */
export type PermitDeposit = readonly [
  owner: Hex,
  token: Hex,
  value: bigint,
  merchantReference: Hex,
  deadline: bigint,
  permit: SplitSignature,
  referenceSignature: Hex,
];

/** Arguments of SettlementVault.depositWithAuthorization, in order. */
export type AuthorizationDeposit = readonly [
  token: Hex,
  from: Hex,
  value: bigint,
  validAfter: bigint,
  validBefore: bigint,
  merchantReference: Hex,
  salt: Hex,
  signature: SplitSignature,
];

export interface DepositRequest {
  readonly token: TokenDomain;
  /** Minor units. */
  readonly value: bigint;
  /** Last second. */
  readonly deadline: bigint;
}

export interface ExampleMerchantClient {
  /** Address of the signing key. */
  readonly key: Hex;
  readonly wallet: Hex;
  /** The merchant's uuid in the first 16 bytes, zeros after: what his deposits carry. */
  readonly reference: Hex;
  signMerchantKey(expiry: bigint): Promise<AuthorisationJson>;
  signWallet(expiry: bigint): Promise<AuthorisationJson>;
  signPayee(payee: ExamplePayee, token: Hex, expiry: bigint): Promise<AuthorisationJson>;
  /** `account` is the merchant's ledger account that pays. The file is hashed and counted here, by him. */
  signOrder(order: ExampleOrder, account: AccountId, expiry: bigint): Promise<AuthorisationJson>;
  /** `permitNonce` is the token's nonces(wallet). */
  permitDeposit(request: DepositRequest & { readonly permitNonce: bigint }): Promise<PermitDeposit>;
  authorizationDeposit(request: DepositRequest): Promise<AuthorizationDeposit>;
  /** Signs a transaction of the wallet itself, for a plain transfer; the caller sends it. */
  readonly walletAccount: PrivateKeyAccount;
}

const LOCAL_CHAIN = 31337n;

const PERMIT = {
  Permit: [
    { name: 'owner', type: 'address' },
    { name: 'spender', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const;

/** EIP-3009, with which the operator's own wallet deposits too. */
export const RECEIVE_WITH_AUTHORIZATION = {
  ReceiveWithAuthorization: [
    { name: 'from', type: 'address' },
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'validAfter', type: 'uint256' },
    { name: 'validBefore', type: 'uint256' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const;

const DEPOSIT_REFERENCE = {
  DepositReference: [
    { name: 'owner', type: 'address' },
    { name: 'token', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'reference', type: 'bytes32' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const;

/** A uint64 that follows from what is signed: the same message again is the same nonce, and no two of a merchant collide by chance. */
function nonceOf(kind: MessageKind, subject: string): bigint {
  return BigInt(toHex(keccak_256(utf8(`cairn.example ${kind} ${subject}`)).subarray(0, 8)));
}

export function split(signature: Hex): SplitSignature {
  return { r: `0x${signature.slice(2, 66)}`, s: `0x${signature.slice(66, 130)}`, v: parseInt(signature.slice(130), 16) };
}

function lower(address: Hex): Hex {
  return address.toLowerCase() as Hex;
}

/** Refuses any chain but the local one: its keys are public. */
export function exampleMerchant(merchant: ExampleMerchant, { chainId, vault }: Deployment): ExampleMerchantClient {
  if (chainId !== LOCAL_CHAIN) {
    throw new Problem('identity/test-key-elsewhere', `The example's keys are public and sign for chain ${LOCAL_CHAIN} only, not for ${chainId}.`, {
      chainId: `${chainId}`,
    });
  }
  const signer = privateKeyToAccount(merchant.publicTestKey);
  const walletAccount = privateKeyToAccount(merchant.publicTestWalletKey);
  const [key, wallet] = [lower(signer.address), lower(walletAccount.address)];
  const reference = toHex(concat(uuidBytes(merchant.id), new Uint8Array(16)));

  async function sign<Kind extends MessageKind>(by: PrivateKeyAccount, kind: Kind, message: Messages[Kind]): Promise<AuthorisationJson> {
    const types = { [kind]: STRUCTS[kind].members.map(([type, name]) => ({ type, name })) };
    const domain = { ...merchantDomain(chainId, vault), chainId: Number(chainId) };
    // viem derives types from literals; ours come from one table, so the struct's name is a plain string to it.
    const primaryType: string = kind;
    const signature = await by.signTypedData({ domain, types, primaryType, message: eip712Message(kind, message) });
    const authorisation: Authorisation<Kind> = { kind, message, evidence: { scheme: 'eip712', signature } };
    return authorisationJson(authorisation);
  }

  return {
    key,
    wallet,
    reference,
    walletAccount,
    signMerchantKey: (expiry) => sign(signer, 'MerchantKey', { merchant: merchant.id, key, nonce: nonceOf('MerchantKey', key), expiry }),
    signWallet: (expiry) => sign(walletAccount, 'Wallet', { merchant: merchant.id, wallet, nonce: nonceOf('Wallet', wallet), expiry }),
    signPayee: ({ id, name, account, settlementAddress }, token, expiry) =>
      sign(signer, 'Payee', { merchant: merchant.id, payee: id, name, account, settlementAddress, token: lower(token), nonce: nonceOf('Payee', id), expiry }),
    signOrder: (order, account, expiry) => {
      const { fileHash, count, controlSum } = parsePain001(order.bytes, ['payments/count-mismatch']);
      const nonce = nonceOf('Order', order.id);
      return sign(signer, 'Order', { merchant: merchant.id, order: order.id, account, fileHash, count: BigInt(count), controlSum, nonce, expiry });
    },
    permitDeposit: async ({ token, value, deadline, permitNonce }) => {
      const domain = { name: token.name, version: token.version, chainId: Number(chainId), verifyingContract: token.address };
      const permitMessage = { owner: wallet, spender: vault, value, nonce: permitNonce, deadline };
      const permit = await walletAccount.signTypedData({ domain, types: PERMIT, primaryType: 'Permit', message: permitMessage });
      const vaultDomain = { name: 'CairnSettlementVault', version: '1', chainId: Number(chainId), verifyingContract: vault };
      const message = { owner: wallet, token: token.address, value, reference, deadline };
      const referenceSignature = await walletAccount.signTypedData({ domain: vaultDomain, types: DEPOSIT_REFERENCE, primaryType: 'DepositReference', message });
      return [wallet, token.address, value, reference, deadline, split(permit), referenceSignature];
    },
    authorizationDeposit: async ({ token, value, deadline }) => {
      const salt = toHex(keccak_256(utf8(`cairn.example deposit ${merchant.id} ${value} ${deadline}`)));
      const nonce = toHex(keccak_256(concat(fromHex(reference), fromHex(salt))));
      const domain = { name: token.name, version: token.version, chainId: Number(chainId), verifyingContract: token.address };
      const message = { from: wallet, to: vault, value, validAfter: 0n, validBefore: deadline, nonce };
      const types = RECEIVE_WITH_AUTHORIZATION;
      const signature = await walletAccount.signTypedData({ domain, types, primaryType: 'ReceiveWithAuthorization', message });
      return [token.address, wallet, value, 0n, deadline, reference, salt, split(signature)];
    },
  };
}

/** What each merchant would tell the operators of the signer nodes himself: the address of the key that signs his payees and orders. */
export function merchantKeys(merchants: readonly ExampleMerchant[]): ReadonlyMap<MerchantId, Hex> {
  return new Map(merchants.map(({ id, publicTestKey }) => [id, privateKeyToAccount(publicTestKey).address.toLowerCase() as Hex]));
}
