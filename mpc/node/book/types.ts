import type { Hex, Problem, TimeMs } from '#base';
import type { AnchorIntent, GovernanceIntent, Intent, Role } from '#custody/intents';
import type { TimelockOperation } from '#governance/core';
import type { ChainOptions } from './chain/endpoints.ts';
import type { Judgement, MerchantKeys, RateBands, Refusal, Registration } from './core/core.ts';
import type { GovernanceView, PendingOperation } from './governance.ts';

export interface NodeBookOptions {
  /** Of this node alone: two files, the replica (which can be replayed anew) and the votes (which nothing brings back). Nobody else may have it open. */
  readonly folder: string;
  readonly registration: Registration;
  /** As the operators registered them, asked for every judgement. */
  readonly merchants: () => MerchantKeys;
  /** Null: any rates are taken, and payments between currencies are worth whatever the platform says. */
  readonly rates: () => RateBands | null;
  readonly chain: ChainOptions;
  /** Every transaction of the Safe that this node ever signed: what it did not agree to, it cancels. */
  readonly agreed: () => readonly GovernanceIntent[];
  /** Of the node's own key in this role; undefined where it has none in use. */
  readonly addressOf: (role: Role) => Hex | undefined;
  /** How far ahead of the node's clock a record may be written. */
  readonly maxAheadMs: TimeMs;
  /** A journal could not be written, or a record was taken in half: nothing more comes of this book, and the process is to end and read its journals afresh. */
  readonly onFatal: (problem: Problem) => void;
}

export interface NodeBook {
  /** The record that comes next: what to ask a feed for. */
  nextSeq(): bigint;
  /** Takes a page of a feed, from whoever brings it, as far as it holds: what was taken before a refusal is kept. `seq`: the last record replayed. */
  absorb(page: Uint8Array, nowMs: TimeMs): Promise<{ readonly ok: true; readonly seq: bigint } | Refusal>;
  /** Whether the node signs this, by its own records and its own endpoints; one thing at a time. It binds nobody yet. Throws only where the node itself is broken. */
  judge(intent: Intent, nowMs: TimeMs): Promise<Judgement>;
  /** What waits in the timelock, and which of it this node did not agree to, by its own endpoints and up to the final block. */
  watch(nowMs: TimeMs): Promise<TimelockWatch | Refusal>;
  /** Hands a signed transaction to every endpoint of the node: why not, by host; null where it was taken. */
  send(raw: Hex): Promise<ReadonlyMap<string, string | null>>;
  /** Time of the newest final block that its endpoints agree on; undefined while they do not tell. */
  witnessedMs(nowMs: TimeMs): Promise<TimeMs | undefined>;
  /**
   * Before a signature over this anchor leaves: durable when it resolves, and no other batch ever gets one after the same commitment; why not, where another has. Not when it is judged: whoever holds the
   * coordinator could ask every node for another batch at the same place, and with each bound to its own the log, and all money with it, would stand still for ever.
   */
  bind(intent: AnchorIntent): Promise<Refusal | null>;
  close(): Promise<void>;
}

export interface TimelockWatch extends Omit<GovernanceView, 'logs'> {
  /** Everything that was ever scheduled and is, finally, in the order of the chain. */
  readonly operations: readonly TimelockOperation[];
  readonly pending: readonly PendingOperation[];
}
