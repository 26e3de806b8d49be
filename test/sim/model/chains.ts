import { MAX_AMOUNT } from '#base';
import type { Command, Evidence, LedgerRecord, RecordBody, RefusalCode, ResultCode } from '#ledger/core';
import { effectsOf } from './effects.ts';
import { judgeOther, nameOf } from './others.ts';
import { isDue, judgeTransfer } from './rules.ts';
import { View } from './view.ts';

/** A request as it was asked, cut into its chains: each begins at a place and ends before the next one. */
export interface Asked {
  readonly commands: readonly Command[];
  readonly chains: readonly Chain[];
  /** The chain of each command. */
  readonly chainOf: readonly Chain[];
}

export interface Chain {
  readonly from: number;
  readonly to: number;
  /** The last command of the request is linked to nothing. */
  readonly isOpen: boolean;
}

function isLinked(command: Command): boolean {
  return command.kind === 'transfer' || command.kind === 'openAccount' ? ((command.flags ?? 0) & 1) === 1 : command.linked === true;
}

export function ask(commands: readonly Command[]): Asked {
  const chains: Chain[] = [];
  const chainOf: Chain[] = [];
  for (let from = 0; from < commands.length;) {
    let to = from + 1;
    while (to < commands.length && isLinked(commands[to - 1]!)) to += 1;
    const chain = { from, to, isOpen: to === commands.length && isLinked(commands[to - 1]!) };
    chains.push(chain);
    for (let i = from; i < to; i++) chainOf.push(chain);
    from = to;
  }
  return { commands, chains, chainOf };
}

/** What the id or the key of a command is filed under. */
export function subjectOf(command: Command): string {
  return command.kind === 'transfer' ? `transfer ${command.id}` : nameOf(command);
}

const CANONICAL = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The malformed commands that the workload makes: ids that are not spelled canonically, amounts beside 0 to 2^128 - 1, fields without a subject. */
function isMalformed(command: Command): boolean {
  if (command.fields !== undefined && command.subject === undefined) return true;
  if (command.kind === 'expire' || command.kind === 'release') return !CANONICAL.test(command.transfer);
  if (command.kind !== 'transfer') return false;
  const isSpelled = CANONICAL.test(command.id) && (command.pendingId === undefined || CANONICAL.test(command.pendingId));
  return !isSpelled || command.amount < 0n || command.amount > MAX_AMOUNT;
}

/** What one command becomes on a view of the book, or why it is refused. */
export function judge(view: View, command: Command, nowMs: number): RefusalCode | RecordBody {
  if (isMalformed(command)) return 'field_malformed';
  return command.kind === 'transfer' ? judgeTransfer(view, command, nowMs) : judgeOther(view, command, nowMs);
}

export function evidenceOf({ fields, subject }: Evidence): Evidence {
  return { ...(fields !== undefined && { fields }), ...(subject !== undefined && { subject }) };
}

function pretend(view: View, body: RecordBody, evidence: Evidence, name: string | null, nowMs: number): void {
  const record = { ...body, ...evidenceOf(evidence), seq: view.nextSeq, nowMs } as LedgerRecord;
  const { accounts, holds } = effectsOf(view, record);
  view.pretend(record, name, accounts, holds);
}

/** As if the command were booked: what comes after it in its chain sees what it did. */
function goOn(view: View, command: Command, body: RecordBody, nowMs: number): void {
  if (command.kind !== 'window') return pretend(view, body, command, command.kind === 'transfer' ? null : nameOf(command), nowMs);
  for (const hold of view.untaken()) {
    if (hold.seq < (command.fromSeq ?? 1n) || !isDue(hold, nowMs)) continue;
    pretend(view, { kind: 'expiry', transfer: hold.id }, {}, `expired ${hold.id}`, nowMs);
  }
  pretend(view, judge(view, command, nowMs) as RecordBody, command, nameOf(command), nowMs);
}

/** The answers to a chain (or to a command alone) by the book as it was after a record: whole or not at all, and the one that was refused first keeps its own reason. */
export function answersTo({ commands }: Asked, { from, to, isOpen }: Chain, view: View, nowMs: number): ResultCode[] {
  const codes: ResultCode[] = [];
  for (let i = from; i < to; i++) {
    const answer = isOpen && i === to - 1 ? 'linked_event_chain_open' : judge(view, commands[i]!, nowMs);
    codes.push(typeof answer === 'string' ? answer : 'created');
    if (typeof answer !== 'string' && to - from > 1) goOn(view, commands[i]!, answer, nowMs);
    if (codes.at(-1) !== codes[0] || (codes[0] !== 'created' && codes[0] !== 'exists')) break;
  }
  const isWhole = codes.length === to - from && codes.every((code) => code === codes[0]) && (codes[0] === 'created' || codes[0] === 'exists');
  if (isWhole || (to - from === 1 && !isOpen)) return codes;
  const failed = codes[0] === 'exists' ? 0 : codes.length - 1;
  return commands.slice(from, to).map((_, i) => {
    if (i === failed) return codes[i]!;
    return isOpen && i === to - from - 1 ? 'linked_event_chain_open' : 'linked_event_failed';
  });
}
