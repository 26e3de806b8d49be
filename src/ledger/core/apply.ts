import { assert, type AccountId, type TimeMs, type TransferId } from '#base';
import { LINKED } from './flags.ts';
import { closeWindow, expire, release } from './commands/holds.ts';
import { evidenceOf, keyOf } from './commands/keys.ts';
import { applyNamed, closeAccount, openAccount, openAsset } from './commands/registry.ts';
import { REMEMBERED_REFUSALS, refused, type Result } from './results.ts';
import { Draft, type Changes, type State } from './state.ts';
import { applyTransfer } from './commands/transfers.ts';
import type { Command, LedgerRecord } from './types.ts';
import { isWellFormed } from './commands/validate.ts';

export interface Applied {
  /** One a command, in order. */
  readonly results: readonly Result[];
  /** What is appended to the journal, in order, from `state.seq + 1`. */
  readonly records: readonly LedgerRecord[];
  readonly changes: Changes;
}

/**
 * Decides a request: its commands in order, each linked chain whole or not at all. The state is brought to what it is
 * afterwards; whoever has to be able to go back uses a `Draft` and `decide`.
 */
export function apply(state: State, commands: readonly Command[], nowMs: TimeMs): Applied {
  const draft = new Draft(state, nowMs);
  const results = decide(draft, commands);
  draft.commit();
  return { results, records: draft.records, changes: draft.changes() };
}

/** As `apply`, on a draft that other requests of the same batch share. A chain never reaches into the next request. */
export function decide(draft: Draft, commands: readonly Command[]): Result[] {
  assert(draft.nowMs >= draft.after.nowMs, `time went back from ${draft.after.nowMs} to ${draft.nowMs}`);
  const results: Result[] = [];
  while (results.length < commands.length) {
    const first = results.length;
    let last = first;
    while (last < commands.length - 1 && isLinked(commands[last]!)) last += 1;
    if (last === first && !isLinked(commands[first]!)) results.push(decideAlone(draft, commands[first]!));
    else results.push(...decideChain(draft, commands.slice(first, last + 1)));
  }
  return results;
}

function isLinked(command: Command): boolean {
  if (command.kind === 'transfer' || command.kind === 'openAccount') return ((command.flags ?? 0) & LINKED) !== 0;
  return command.linked === true;
}

function decideAlone(draft: Draft, command: Command): Result {
  return remember(draft, command, decideOne(draft, command));
}

/** One command, as if it were linked to nothing; nothing is remembered yet. */
export function decideOne(draft: Draft, command: Command): Result {
  if (!isWellFormed(command)) return refused('field_malformed');
  switch (command.kind) {
    case 'transfer':
      return applyTransfer(draft, command);
    case 'openAsset':
      return openAsset(draft, command);
    case 'openAccount':
      return openAccount(draft, command);
    case 'closeAccount':
      return closeAccount(draft, command);
    case 'expire':
      return expire(draft, command);
    case 'window':
      return closeWindow(draft, command);
    case 'release':
      return release(draft, command);
    case 'merchant':
    case 'payee':
    case 'order':
    case 'wallet':
    case 'instruction':
    case 'tariff':
    case 'erasure':
    case 'liability':
      return applyNamed(draft, command);
  }
}

/** A refusal that another state could have answered otherwise is written down, so that the id stays refused. */
function remember(draft: Draft, command: Command, result: Result): Result {
  if (command.kind !== 'transfer' || result.code === 'created' || !REMEMBERED_REFUSALS.has(result.code)) return result;
  const evidence = evidenceOf(command);
  const record = draft.append({ kind: 'refusal', transfer: command.id, code: result.code, ...evidence, seq: draft.nextSeq, nowMs: draft.nowMs }, null);
  return refused(result.code, record, result.balances);
}

function decideChain(draft: Draft, chain: readonly Command[]): Result[] {
  draft.beginChain();
  const results: Result[] = [];
  for (const [i, command] of chain.entries()) {
    const open = i === chain.length - 1 && isLinked(command);
    const result = open ? refused('linked_event_chain_open') : decideOne(draft, command);
    results.push(result);
    // A chain that was booked before answers `exists` for each of its commands; a part of one is broken.
    if (result.code !== results[0]!.code || (result.code !== 'created' && result.code !== 'exists')) break;
  }
  const end = results[results.length - 1]!.code;
  const whole = results.length === chain.length && end === results[0]!.code && (end === 'created' || end === 'exists');
  if (whole) {
    draft.commitChain();
    return results;
  }

  draft.rollBackChain();
  const failed = results[0]!.code === 'exists' ? 0 : results.length - 1;
  const reason = remember(draft, chain[failed]!, withoutChain(draft, results[failed]!));
  return chain.map((command, i) => {
    if (i === failed) return reason;
    if (i === chain.length - 1 && isLinked(command)) return refused('linked_event_chain_open');
    return refused('linked_event_failed');
  });
}

/** The refusal with the balances as they are once the chain is taken back, and without a record that went with it. */
function withoutChain(draft: Draft, result: Result): Result {
  if (result.code === 'created') return result;
  const record = result.record && result.record.seq < draft.nextSeq ? result.record : null;
  if (!result.balances) return refused(result.code, record);
  const { debit, credit } = result.balances;
  const balances = { debit: (debit && draft.account(debit.id)) ?? null, credit: (credit && draft.account(credit.id)) ?? null };
  return refused(result.code, record, balances);
}

/** What a partial state has to hold before these commands are decided; a hold also needs both its accounts. */
export interface Needs {
  readonly accounts: ReadonlySet<AccountId>;
  /** Holds that are posted, voided, expired or released (and, where there is no such hold, the transfer of that id). */
  readonly holds: ReadonlySet<TransferId>;
  /** Transfers that may have been booked or refused before. */
  readonly transfers: ReadonlySet<TransferId>;
  readonly keys: ReadonlySet<string>;
  /** Every open hold that settles and that no window took. */
  readonly openHolds: boolean;
}

export function needs(commands: Iterable<Command>): Needs {
  const accounts = new Set<AccountId>();
  const holds = new Set<TransferId>();
  const transfers = new Set<TransferId>();
  const keys = new Set<string>();
  let openHolds = false;
  for (const command of commands) {
    if (!isWellFormed(command)) continue;
    if (command.kind === 'transfer') {
      transfers.add(command.id);
      if (command.debit !== undefined) accounts.add(command.debit);
      if (command.credit !== undefined) accounts.add(command.credit);
      if (command.pendingId !== undefined) holds.add(command.pendingId);
      continue;
    }
    keys.add(keyOf(command));
    if (command.kind === 'openAccount' || command.kind === 'closeAccount') accounts.add(command.id);
    if (command.kind === 'expire' || command.kind === 'release') holds.add(command.transfer);
    if (command.kind === 'instruction') keys.add(`window:${command.window}`);
    if (command.kind === 'window') openHolds = true;
  }
  return { accounts, holds, transfers, keys, openHolds };
}
