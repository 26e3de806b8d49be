import { keccak_256 } from '@noble/hashes/sha3.js';
import {
  assert,
  concat,
  fromHex,
  hashStruct,
  hashTypedData,
  toHex,
  uintBytes,
  utf8,
  uuidBytes,
  type BookId,
  type Eip712Message,
  type Eip712Struct,
  type Hex,
  type WindowId,
} from '#base';
import { authorisationDigest, type AuthorisationIntent } from './authorisation.ts';
import { transactionDigest, type UnsignedTransaction } from './transaction.ts';

export * from './authorisation.ts';
export * from './intentText.ts';
export * from './signature.ts';
export * from './transaction.ts';

/** The three keys, each a root of its own: who anchors, who pays, who governs. */
export type Role = 'poster' | 'vault' | 'owner';

export const ROLES: readonly Role[] = ['poster', 'vault', 'owner'];

/** "The anchored log may grow by this leaf", and by no other, after exactly this commitment. */
export interface AnchorIntent {
  readonly kind: 'anchor';
  readonly chainId: bigint;
  readonly anchor: Hex;
  readonly previous: Hex;
  readonly leaf: Hex;
}

/** A list of payments in one token: at most 255, of one window of one book. */
export interface Instruction {
  readonly book: BookId;
  readonly window: WindowId;
  readonly index: number;
  readonly token: Hex;
  readonly listHash: Hex;
  readonly count: number;
  readonly total: bigint;
  /** Seconds; nothing of the list is paid later. */
  readonly notAfterS: number;
}

export interface InstructionIntent {
  readonly kind: 'instruction';
  readonly chainId: bigint;
  readonly vault: Hex;
  readonly instruction: Instruction;
}

/** "Payment `index` of the instruction with this id shall never be paid." */
export interface CancelIntent {
  readonly kind: 'cancel';
  readonly chainId: bigint;
  readonly vault: Hex;
  readonly instruction: Hex;
  readonly index: number;
}

/** A transaction of the Safe that proposes to the contracts' timelock, with the group's key as one of its owners. It pays nobody's gas: the refund members are all zero. */
export interface GovernanceIntent {
  readonly kind: 'governance';
  readonly chainId: bigint;
  readonly safe: Hex;
  readonly to: Hex;
  readonly value: bigint;
  readonly data: Hex;
  readonly nonce: bigint;
}

/**
 * "What was proposed to the timelock under this id shall not happen": the owner's own transaction, because OpenZeppelin's timelock goes by the sender. Whoever has the signature can hand it to any
 * node of the chain, so that nodes which cancel depend on no relayer; its gas is the owner's. Amounts are wei.
 */
export interface TimelockCancelIntent {
  readonly kind: 'timelockCancel';
  readonly chainId: bigint;
  readonly timelock: Hex;
  /** The id of the operation, 32 bytes. */
  readonly operation: Hex;
  /** Of the owner's account: the number of its transactions so far. */
  readonly nonce: bigint;
  readonly gas: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** Everything a key of ours can be asked to sign: structured, so that whoever holds a share can judge it. */
export type Intent = AnchorIntent | InstructionIntent | CancelIntent | GovernanceIntent | TimelockCancelIntent | AuthorisationIntent;

export const ANCHOR_STRUCT: Eip712Struct = {
  name: 'Anchor',
  members: [
    ['bytes32', 'previous'],
    ['bytes32', 'leaf'],
  ],
};

export const INSTRUCTION_STRUCT: Eip712Struct = {
  name: 'Instruction',
  members: [
    ['bytes16', 'book'],
    ['bytes16', 'window'],
    ['uint16', 'index'],
    ['address', 'token'],
    ['bytes32', 'listHash'],
    ['uint8', 'count'],
    ['uint128', 'total'],
    ['uint64', 'notAfter'],
  ],
};

export const CANCEL_STRUCT: Eip712Struct = {
  name: 'Cancel',
  members: [
    ['bytes32', 'instruction'],
    ['uint8', 'index'],
  ],
};

const ZERO_ADDRESS: Hex = `0x${'00'.repeat(20)}`;
const SAFE_DOMAIN_TYPE = 'EIP712Domain(uint256 chainId,address verifyingContract)';
const SAFE_TX_TYPE =
  'SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)';

/** Which key an intent is for: a root of its own for each, so that no signature can be taken for another role's. */
export function roleOf(intent: Intent): Role {
  switch (intent.kind) {
    case 'anchor':
      return 'poster';
    case 'instruction':
    case 'cancel':
      return 'vault';
    case 'governance':
    case 'timelockCancel':
      return 'owner';
    // Its digest is of the token's own domain, in which nothing else of ours is: money can lie at the address of any key.
    case 'authorisation':
      return intent.holder;
  }
}

function instructionMessage(instruction: Instruction): Eip712Message {
  return {
    book: toHex(uuidBytes(instruction.book)),
    window: toHex(uuidBytes(instruction.window)),
    index: BigInt(instruction.index),
    token: instruction.token,
    listHash: instruction.listHash,
    count: BigInt(instruction.count),
    total: instruction.total,
    notAfter: BigInt(instruction.notAfterS),
  };
}

/** The id of an instruction, on the chain and in releases: hashStruct(Instruction), 32 bytes. */
export function instructionId(instruction: Instruction): Hex {
  return toHex(hashStruct(INSTRUCTION_STRUCT, instructionMessage(instruction)));
}

/** One payment of a list: payee address 20 || amount u96. 32 bytes. */
export function paymentWord(payee: Hex, amount: bigint): Hex {
  const address = fromHex(payee);
  assert(address.length === 20, `${payee} is no address`);
  return toHex(concat(address, uintBytes(amount, 12)));
}

/** listHash = keccak(word_0 || word_1 || ...), 1 to 255 words. */
export function listHash(words: readonly Hex[]): Hex {
  assert(words.length >= 1 && words.length <= 255, `an instruction has 1 to 255 payments, not ${words.length}`);
  return toHex(keccak_256(concat(...words.map(fromHex))));
}

/** An address as EIP-712 encodes it: padded on the left to 32 bytes. */
function addressWord(address: Hex): Uint8Array {
  const bytes = fromHex(address);
  assert(bytes.length === 20, `${address} is no address`);
  return concat(new Uint8Array(12), bytes);
}

/** Safe's own domain has neither name nor version, and its struct a `bytes` member, so it is hashed by hand (safe-smart-account 1.5.0, Safe.sol, getTransactionHash). */
function safeTransactionDigest(intent: GovernanceIntent): Uint8Array {
  const domain = keccak_256(concat(keccak_256(utf8(SAFE_DOMAIN_TYPE)), uintBytes(intent.chainId, 32), addressWord(intent.safe)));
  const zero = new Uint8Array(32);
  const [operation, safeTxGas, baseGas, gasPrice] = [zero, zero, zero, zero];
  const struct = keccak_256(
    concat(
      keccak_256(utf8(SAFE_TX_TYPE)),
      addressWord(intent.to),
      uintBytes(intent.value, 32),
      keccak_256(fromHex(intent.data)),
      operation,
      safeTxGas,
      baseGas,
      gasPrice,
      addressWord(ZERO_ADDRESS),
      addressWord(ZERO_ADDRESS),
      uintBytes(intent.nonce, 32),
    ),
  );
  return keccak_256(concat(Uint8Array.of(0x19, 0x01), domain, struct));
}

/** The 32 bytes that are signed for this intent (docs/formats.md, "Signed messages"). */
export function intentDigest(intent: Intent): Uint8Array {
  switch (intent.kind) {
    case 'anchor':
      return hashTypedData({ name: 'CairnLedgerAnchor', version: '1', chainId: intent.chainId, verifyingContract: intent.anchor }, ANCHOR_STRUCT, {
        previous: intent.previous,
        leaf: intent.leaf,
      });
    case 'instruction':
      return hashTypedData(vaultDomain(intent), INSTRUCTION_STRUCT, instructionMessage(intent.instruction));
    case 'cancel':
      return hashTypedData(vaultDomain(intent), CANCEL_STRUCT, { instruction: intent.instruction, index: BigInt(intent.index) });
    case 'governance':
      return safeTransactionDigest(intent);
    case 'timelockCancel':
      return transactionDigest(timelockCancelTransaction(intent));
    case 'authorisation':
      return authorisationDigest(intent);
  }
}

/** The transaction of the owner's account that cancels: TimelockController.cancel(bytes32), no value. */
export function timelockCancelTransaction({
  timelock,
  operation,
  chainId,
  nonce,
  gas,
  maxFeePerGas,
  maxPriorityFeePerGas,
}: TimelockCancelIntent): UnsignedTransaction {
  const id = fromHex(operation);
  assert(id.length === 32, `${operation} is no id of an operation`);
  const data = toHex(concat(keccak_256(utf8('cancel(bytes32)')).slice(0, 4), id));
  return { chainId, nonce, maxPriorityFeePerGas, maxFeePerGas, gas, to: timelock, value: 0n, data };
}

function vaultDomain({ chainId, vault }: { readonly chainId: bigint; readonly vault: Hex }) {
  return { name: 'CairnSettlementVault', version: '1', chainId, verifyingContract: vault };
}
