import { decodeErrorResult, parseAbi, type Abi } from 'viem';
import type { Hex } from '#base';
import { LEDGER_ANCHOR_ABI } from '../abi/ledger-anchor.ts';
import { SETTLEMENT_VAULT_ABI } from '../abi/settlement-vault.ts';
import { TEST_STABLECOIN_ABI } from '../abi/test-stablecoin.ts';
import { TIMELOCK_ABI } from '../abi/timelock.ts';
import type { TransactionFailure } from '../outbox/types.ts';
import { lower } from './logs.ts';

/** Solidity's own two (Error(string) and Panic(uint256) of the ABI specification). */
const SOLIDITY = parseAbi(['error Error(string)', 'error Panic(uint256)']);

const KNOWN: Abi = [...SOLIDITY, ...LEDGER_ANCHOR_ABI, ...SETTLEMENT_VAULT_ABI, ...TIMELOCK_ABI, ...TEST_STABLECOIN_ABI].filter(({ type }) => type === 'error');

/** A contract's refusal in words: name and arguments of its custom error where it is one of ours. */
export function describeRevert(revertData: Hex): TransactionFailure {
  const data = lower(revertData);
  return { reason: 'reverted', error: decodeKnown(data), revertData: data };
}

/** The same as it stands in a sentence. */
export function revertInWords(revertData: Hex): string {
  const { error, revertData: data } = describeRevert(revertData);
  return error ? `${error.name}(${error.args.join(', ')})` : `an error that is none of ours (${data})`;
}

function decodeKnown(data: Hex): TransactionFailure['error'] {
  const selectorLength = 10;
  if (data.length < selectorLength) return null;
  try {
    const { errorName, args } = decodeErrorResult({ abi: KNOWN, data });
    return { name: errorName, args: (args ?? []).map((arg) => (typeof arg === 'string' && arg.startsWith('0x') ? arg.toLowerCase() : String(arg))) };
  } catch {
    // Selector of a contract that is not ours.
    return null;
  }
}
