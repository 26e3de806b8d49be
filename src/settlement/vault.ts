import type { Hex } from '#base';
import { listHash, type InstructionIntent } from '#custody/intents';
import type { StoredInstruction } from './store.ts';

/** What the vault says of an instruction at a final block. */
export interface VaultState {
  readonly blockNumber: bigint;
  readonly timestampS: bigint;
  /** The first pay went through: from then on anybody may retry. */
  readonly done: boolean;
  readonly paid: ReadonlyMap<number, { readonly txHash: Hex; readonly blockNumber: bigint }>;
  readonly cancelled: ReadonlySet<number>;
}

/** The vault as settlement sees it; chain implements it. */
export interface VaultChain {
  readonly chainId: bigint;
  readonly address: Hex;
  stateOf(instruction: Hex): Promise<VaultState>;
  /** Calldata of retry(instruction, words, indexes). */
  retryCall(instruction: StoredInstruction, indexes: readonly number[]): Hex;
}

/** The anchored log as settlement sees it: no root, no payout. */
export interface LogGate {
  isAnchored(seq: bigint): Promise<boolean>;
  /** Calldata of pay(...) with a proof against the log as it stands now; undefined while the record is in no final anchor. */
  payCall(instruction: StoredInstruction, signature: Hex): Promise<Hex | undefined>;
}

/** What the vault's signers are asked to agree to: the list itself, by its hash. */
export function instructionIntent(vault: VaultChain, stored: StoredInstruction): InstructionIntent {
  return { kind: 'instruction', chainId: vault.chainId, vault: vault.address, instruction: instructionOf(stored) };
}

export function instructionOf({ book, window, index, token, words, total, notAfterS }: StoredInstruction): InstructionIntent['instruction'] {
  return { book, window, index, token, listHash: listHash(words), count: words.length, total, notAfterS };
}
