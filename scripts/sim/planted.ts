import { assert } from '#base';

/** A bug that the simulator has to find: a text of a source file and what it is replaced by. */
export interface Planted {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** How often the text stands in the file: once unless told. */
  readonly times?: number;
}

export const PLANTED: readonly Planted[] = [
  {
    name: 'a hold expires a moment late',
    file: 'src/ledger/core/commands/holds.ts',
    find: 'nowMs >= hold.expiresMs',
    replace: 'nowMs > hold.expiresMs',
  },
  { name: 'the fence does not compare epochs', file: 'src/ledger/sql/append.sql', find: ' and epoch = $2::int8', replace: '', times: 2 },
  { name: 'the next writer does not raise the epoch', file: 'src/ledger/sql/load.sql', find: 'set epoch = h.epoch + 1', replace: 'set epoch = h.epoch' },
  {
    name: 'a broken chain is not taken back',
    file: 'src/ledger/core/apply.ts',
    find: 'draft.rollBackChain();',
    replace: 'draft.commitChain();',
  },
  {
    name: 'the same id is the same transfer, whatever its body',
    file: 'src/ledger/core/commands/transfers.ts',
    find: "if (asked.flags !== booked.flags) return 'exists_with_different_flags';",
    replace: "if (asked.id === booked.id) return 'exists';",
  },
  {
    name: 'a refusal is not remembered',
    file: 'src/ledger/core/apply.ts',
    find: '!REMEMBERED_REFUSALS.has(result.code)) return result;',
    replace: '!REMEMBERED_REFUSALS.has(result.code) || result.code.startsWith("exceeds")) return result;',
  },
  {
    name: 'balancing forgets what is pending',
    file: 'src/ledger/core/commands/transfers.ts',
    find: 'debit.creditsPosted - debit.debitsPosted - debit.debitsPending',
    replace: 'debit.creditsPosted - debit.debitsPosted',
  },
  {
    name: 'captures are compared with the whole hold',
    file: 'src/ledger/core/commands/holds.ts',
    find: "const most = hold.status === 'open' ? left(hold) : hold.amount;",
    replace: 'const most = hold.amount;',
  },
  {
    name: 'a window takes what another one took',
    file: 'src/ledger/core/commands/holds.ts',
    find: 'hold.settles && hold.windowSeq === null && hold.seq >= fromSeq',
    replace: 'hold.settles && hold.seq >= fromSeq',
  },
  {
    name: 'a duplicate counts as appended',
    file: 'src/ledger/store/store.ts',
    find: "if (DUPLICATES.has(constraint)) return 'duplicate';",
    replace: "if (DUPLICATES.has(constraint)) return 'appended';",
  },
  {
    name: 'recovery answers from a batch that was not written',
    file: 'src/ledger/writer.ts',
    find: 'return written ? sent.results : null;',
    replace: 'return written || sent !== null ? sent.results : null;',
  },
  {
    name: 'a batch is sent although the one below it was lost',
    file: 'src/ledger/writer.ts',
    find: 'const sound = flight === null || (await this.#land(flight));',
    replace: 'const sound = flight === null || (await this.#land(flight)) || true;',
  },
  {
    name: 'a batch does not see the accounts of the one in flight',
    file: 'src/ledger/core/state.ts',
    find: 'return this.#below?.account(id) ?? this.base.accounts.get(id);',
    replace: 'return this.base.accounts.get(id);',
  },
  {
    name: 'callers are answered before their batch is durable',
    file: 'src/ledger/writer.ts',
    find: 'const landed = this.#store.append(batch).then(',
    replace: 'resolveAll(prepared);\n    const landed = this.#store.append(batch).then(',
  },
  {
    name: 'a limit does not count holds',
    file: 'src/ledger/core/commands/transfers.ts',
    find: 'return account.debitsPending + account.debitsPosted + amount >',
    replace: 'return account.debitsPosted + amount >',
  },
  {
    name: 'an overdraft takes away instead of adding',
    file: 'src/ledger/core/commands/transfers.ts',
    find: 'account.creditsPosted + account.overdraft;',
    replace: 'account.creditsPosted - account.overdraft;',
  },
  {
    name: 'a void gives back what was captured as well',
    file: 'src/ledger/core/commands/holds.ts',
    find: 'settle(draft, hold, closes ? rest : amount,',
    replace: 'settle(draft, hold, voids ? hold.amount : closes ? rest : amount,',
  },
  {
    name: 'a final post keeps the rest held',
    file: 'src/ledger/core/commands/holds.ts',
    find: 'settle(draft, hold, closes ? rest : amount,',
    replace: 'settle(draft, hold, voids ? rest : amount,',
  },
  {
    name: 'the sequence has a gap after a refusal',
    file: 'src/ledger/core/apply.ts',
    find: '...evidence, seq: draft.nextSeq, nowMs',
    replace: '...evidence, seq: draft.nextSeq + 1n, nowMs',
  },
  {
    name: 'a refusal is believed before the journal is asked for the id',
    file: 'src/ledger/writer.ts',
    find: 'if (await store.lookUp(doubtful)) continue;',
    replace: 'if (doubtful.length < 0) continue;',
  },
  {
    name: 'a released hold can still be posted',
    file: 'src/ledger/core/commands/holds.ts',
    find: "if (!voids && hold.releaseSeq !== null) return 'pending_transfer_released';",
    replace: '',
  },
  {
    name: 'a hold in a window can be voided',
    file: 'src/ledger/core/commands/holds.ts',
    find: "if (givesBack && hold.windowSeq !== null && hold.releaseSeq === null) return 'pending_transfer_in_window';",
    replace: '',
  },
  {
    name: 'a batch takes its time from the clock alone',
    file: 'src/ledger/writer.ts',
    find: 'Math.max(clockMs, store.state.nowMs, below?.draft.nowMs ?? 0)',
    replace: 'clockMs',
  },
  {
    name: 'the writer forgets between loading and deciding',
    file: 'src/ledger/store/store.ts',
    find: 'draft.commit();',
    replace: 'draft.commit();\n    this.#forget();',
  },
  {
    name: 'a writer gives up for good where the database only cannot do it now',
    file: 'src/ledger/writer.ts',
    find: "if (error instanceof Problem && error.code.startsWith('store/'))",
    replace: 'if (isConnectionLoss(error))',
  },
  {
    name: 'a refusal in a chain shows a record that was taken back',
    file: 'src/ledger/core/apply.ts',
    find: 'result.record.seq < draft.nextSeq ? result.record : null',
    replace: 'result.record',
  },
];

/** The text with the bug in it. */
export function plant(text: string, { name, find, replace, times = 1 }: Planted): string {
  const parts = text.split(find);
  assert(
    parts.length - 1 === times,
    `the planted bug "${name}" finds its text ${parts.length - 1} times, not ${times}: scripts/sim/planted.ts has to follow the sources`,
  );
  return parts.join(replace);
}
