import { BaseError, BlockNotFoundError, HttpRequestError, RpcRequestError, TimeoutError } from 'viem';
import { Problem, type Hex } from '#base';
import { revertInWords } from './reverts.ts';
import type { SendResult } from './types.ts';

/** The host alone: the path and the user of an RPC address are often its password. */
export function shownHost(rpcUrl: string): string {
  return URL.canParse(rpcUrl) ? new URL(rpcUrl).host : 'the RPC endpoint';
}

function find<T extends Error>(error: unknown, kind: new (...args: never[]) => T): T | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof kind) return at;
  return undefined;
}

/** Data of an `execution reverted`, at whatever depth the client library put it; undefined where nothing reverted. */
function revertDataOf(error: unknown): Hex | undefined {
  for (let at = error as { code?: unknown; data?: unknown; message?: string; cause?: unknown } | undefined; at; at = at.cause as typeof at) {
    const data = typeof at.data === 'object' && at.data !== null ? (at.data as { data?: unknown }).data : at.data;
    // EIP-1474 has no code for a revert; geth and those after it use 3, others -32000 with these words.
    const reverted = at.code === 3 || /execution reverted|\brevert(ed)?\b/i.test(at.message ?? '');
    if (typeof data === 'string' && /^0x[0-9a-f]*$/i.test(data) && reverted) return data.toLowerCase() as Hex;
    // A revert without data has that code with some nodes and only these words with geth.
    if (at.code === 3 || (at instanceof RpcRequestError && /^execution reverted\b/i.test(at.details))) return '0x';
  }
  return undefined;
}

/** What the node itself said, without the request that our library adds. */
function wordsOf(error: unknown): string {
  const rpc = find(error, RpcRequestError);
  if (rpc) return rpc.details;
  if (error instanceof BaseError) return error.details || error.shortMessage;
  return error instanceof Error ? error.message : String(error);
}

/** A failed request as one of our problems; anything that is no failure of the chain (an assertion, a problem) passes as it is. */
export function toChainProblem(what: string, rpcUrl: string, error: unknown): unknown {
  if (!(error instanceof BaseError)) return error;
  const host = shownHost(rpcUrl);
  if (find(error, HttpRequestError) || find(error, TimeoutError)) {
    return new Problem('chain/unreachable', `${host} did not answer when asked for ${what}: ${wordsOf(error)}.`, { what }, error);
  }
  if (find(error, BlockNotFoundError))
    return new Problem('chain/state-lost', `${host} does not have the block that was asked for as ${what}.`, { what }, error);
  const revertData = revertDataOf(error);
  if (revertData !== undefined) return new Problem('chain/reverted', `${what} reverted: ${revertInWords(revertData)}.`, { what, revertData }, error);
  return new Problem('chain/refused-by-node', `${host} refused ${what}: ${wordsOf(error)}.`, { what }, error);
}

// The words of geth, anvil, reth, Erigon, Nethermind and Besu for the same few things: JSON-RPC has no codes for them.
const KNOWN = /already known|already imported|known transaction|alreadyknown/i;
const NONCE_USED = /nonce too low|oldnonce|nonce is too low/i;
const UNDERPRICED = /underpriced|replacement not allowed|replacementnotallowed|could not replace|below replacement|feetoolow/i;
const OUT_OF_FUNDS = /insufficient funds|insufficientfunds|upfront cost exceeds|insufficient balance/i;

/** What a node's refusal of a raw transaction means for whoever holds the stored bytes. */
export function toSendResult(error: unknown): SendResult {
  const message = wordsOf(error);
  if (find(error, HttpRequestError) || find(error, TimeoutError)) return { kind: 'unreachable', message };
  if (KNOWN.test(message)) return { kind: 'known' };
  if (NONCE_USED.test(message)) return { kind: 'nonceUsed' };
  if (UNDERPRICED.test(message)) return { kind: 'underpriced', message };
  if (OUT_OF_FUNDS.test(message)) return { kind: 'outOfFunds', message };
  return { kind: 'refused', message };
}
