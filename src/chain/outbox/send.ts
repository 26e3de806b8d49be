import type { PrivateKeyAccount } from 'viem/accounts';
import { keccak256 } from 'viem';
import { Problem, type Clock } from '#base';
import { shownHost } from '../client/failures.ts';
import type { ChainClient } from '../client/types.ts';
import type { Fee } from './fees.ts';
import type { NewAttempt, OutboxStore } from './store.ts';
import type { Attempt, OutboxTransaction } from './types.ts';

/** Gas of a transaction without payload to an account without code (yellow paper, G_transaction). */
const PLAIN_GAS = 21_000n;

/** Where a process can die with the most to lose: a test throws or kills there, nothing else listens. */
export type OutboxPoint =
  'signed-stored' | 'broadcast-unrecorded' | 'sent-stored' | 'mined-stored' | 'replacement-stored' | 'orphaned-stored' | 'settled-stored';

/** EIP-7825: since Osaka no transaction has more gas. */
export const MAX_TRANSACTION_GAS = 1n << 24n;

export interface OutboxPolicy {
  /** A transaction that blocks have passed over for this long is sent again with a higher fee, and one that the node has refused for this long gives its nonce up. */
  readonly replaceAfterMs: number;
  /** Wei a unit of gas that is never exceeded. */
  readonly maxFeePerGas: bigint;
  /** Waiting in the node at once: nodes drop what exceeds their own limit for one sender (geth: 64). */
  readonly maxInFlight: number;
  /** Added to an estimate, in percent: the state it was made on can change. */
  readonly gasMarginPercent: bigint;
  /** Units of gas that no transaction has more of: chains refuse it. */
  readonly maxGas: bigint;
}

export interface OutboxContext {
  readonly client: ChainClient;
  readonly store: OutboxStore;
  readonly account: PrivateKeyAccount;
  readonly clock: Clock;
  readonly policy: OutboxPolicy;
  readonly checkpoint: (point: OutboxPoint) => void;
}

/** What is signed: the transaction's own call, or an empty one to the relayer itself that only uses the nonce up. */
export async function signAttempt(
  context: OutboxContext,
  transaction: OutboxTransaction,
  as: Attempt['kind'],
  nonce: bigint,
  gas: bigint,
  fee: Fee,
): Promise<NewAttempt> {
  const { account, client, clock } = context;
  const { to, data, value } = transaction;
  const call = as === 'cancel' ? { to: account.address, gas: PLAIN_GAS } : { ...(to === null ? {} : { to }), data, value, gas };
  const raw = await account.signTransaction({ type: 'eip1559', chainId: Number(client.chainId), nonce: Number(nonce), ...fee, ...call });
  return { hash: keccak256(raw), nonce, kind: as, raw, gasLimit: call.gas, ...fee, signedMs: clock.nowMs() };
}

/** Sends the newest attempt, whose bytes are stored. Every answer that leaves the bytes with the node, or their nonce used, counts as sent: the next look tells which. The node's own words where it refuses them. */
export async function broadcast(context: OutboxContext, transaction: OutboxTransaction): Promise<string | null> {
  const { client, store, account, clock, checkpoint } = context;
  const attempt = transaction.attempts.at(-1)!;
  const result = await client.sendRaw(attempt.raw);
  if (result.kind === 'unreachable') {
    const host = shownHost(client.rpcUrl);
    throw new Problem('chain/unreachable', `${host} did not answer to a transaction: ${result.message}.`, { id: transaction.id });
  }
  if (result.kind === 'outOfFunds') {
    throw new Problem('chain/relayer-out-of-funds', `${account.address.toLowerCase()} cannot pay for transaction ${transaction.id}.`, {
      relayer: account.address.toLowerCase(),
    });
  }
  if (result.kind === 'refused') return result.message;
  checkpoint('broadcast-unrecorded');
  // A repeated broadcast does not start the time to replacement anew.
  if (transaction.state === 'sent' && attempt.sentMs !== null) return null;
  await store.sent(transaction.id, attempt.hash, clock.nowMs());
  checkpoint('sent-stored');
  return null;
}
