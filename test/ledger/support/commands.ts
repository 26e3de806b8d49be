import fc from 'fast-check';
import { MAX_AMOUNT, type AssetNo } from '#base';
import {
  BALANCING_CREDIT,
  BALANCING_DEBIT,
  CREDITS_MUST_NOT_EXCEED_DEBITS,
  DEBITS_MUST_NOT_EXCEED_CREDITS,
  FINAL_POST,
  LINKED,
  PENDING,
  POST_PENDING,
  SETTLES,
  VOID_PENDING,
  type Command,
} from '#ledger/core';
import { idOf } from './table.ts';

/** Few accounts, few ids and small amounts, so that commands meet each other: limits are hit, ids come back, holds are settled twice. */
const ACCOUNTS = ['A', 'B', 'L', 'O', 'M', 'X', 'Y'] as const;

export const OPENING: readonly Command[] = [
  ...[1, 2].map((asset): Command => ({ kind: 'openAsset', asset: asset as AssetNo, decimals: 6, caip19: null, peg: 'USD', symbol: 'T' })),
  ...ACCOUNTS.map((name): Command => {
    const flags = name === 'L' || name === 'O' ? DEBITS_MUST_NOT_EXCEED_CREDITS : name === 'M' ? CREDITS_MUST_NOT_EXCEED_DEBITS : 0;
    const asset = (name === 'X' || name === 'Y' ? 2 : 1) as AssetNo;
    return { kind: 'openAccount', id: idOf(name), asset, code: 20, flags, overdraft: name === 'O' ? 7n : 0n };
  }),
];

const account = fc.constantFrom(...ACCOUNTS).map((name) => idOf<'account'>(name));
const amount = fc.oneof({ weight: 12, arbitrary: fc.bigInt(0n, 20n) }, { weight: 1, arbitrary: fc.constantFrom(MAX_AMOUNT, MAX_AMOUNT - 5n) });
const linked = fc.boolean().map((is) => (is ? LINKED : 0));

function transferId(ids: number): fc.Arbitrary<ReturnType<typeof idOf<'transfer'>>> {
  return fc.nat(ids - 1).map((n) => idOf<'transfer'>(`T${n}`));
}

/** Transfers of every kind over `ids` ids, with some commands of the other kinds between them. */
function anyCommand(ids: number): fc.Arbitrary<Command> {
  const move = fc.record({
    kind: fc.constant('transfer' as const),
    id: transferId(ids),
    debit: account,
    credit: account,
    asset: fc.constantFrom(1 as AssetNo, 1 as AssetNo, 1 as AssetNo, 2 as AssetNo),
    amount,
    code: fc.constant(1),
    flags: fc
      .tuple(linked, fc.constantFrom(0, 0, 0, PENDING, PENDING, PENDING | SETTLES, BALANCING_DEBIT, BALANCING_CREDIT | PENDING))
      .map(([link, kind]) => link | kind),
  });
  const timed = move.map((command) => ((command.flags & PENDING) === 0 ? command : { ...command, timeoutS: 1 + (Number(command.amount % 3n) | 0) }));
  const settle = fc.record({
    kind: fc.constant('transfer' as const),
    id: transferId(ids),
    pendingId: transferId(ids),
    amount: fc.oneof(amount, fc.constant(MAX_AMOUNT), fc.constant(0n)),
    flags: fc.tuple(linked, fc.constantFrom(POST_PENDING, POST_PENDING, POST_PENDING | FINAL_POST, VOID_PENDING)).map(([link, kind]) => link | kind),
  });
  const voidAll = settle.map((command) => ((command.flags & VOID_PENDING) === 0 ? command : { ...command, amount: 0n }));
  const other: fc.Arbitrary<Command> = fc.oneof(
    transferId(ids).map((transfer): Command => ({ kind: 'expire', transfer })),
    fc.nat(5).map((n): Command => ({ kind: 'window', window: idOf(`W${n}`) })),
    transferId(ids).map((transfer): Command => ({ kind: 'release', transfer, instruction: `0x${'11'.repeat(32)}`, index: 0, reason: 1 })),
    fc
      .nat(3)
      .map((n): Command => ({ kind: 'order', order: idOf(`O${n}`), merchant: idOf('S'), authorisation: `0x${'22'.repeat(32)}`, count: n, linked: n > 1 })),
    fc.constantFrom('Y', 'C', 'D').map((name): Command => ({ kind: 'closeAccount', id: idOf(name) })),
    fc.constantFrom('C', 'D').map((name): Command => ({ kind: 'openAccount', id: idOf(name), asset: 1 as AssetNo, code: 20 })),
  );
  return fc.oneof({ weight: 6, arbitrary: move }, { weight: 2, arbitrary: timed }, { weight: 5, arbitrary: voidAll }, { weight: 2, arbitrary: other });
}

export interface Ask {
  readonly commands: readonly Command[];
  /** How far the clock moves before it. */
  readonly waitMs: number;
}

export function anyRequests(ids: number, most: number): fc.Arbitrary<Ask[]> {
  const request = fc.record({ commands: fc.array(anyCommand(ids), { minLength: 1, maxLength: 6 }), waitMs: fc.constantFrom(0, 0, 500, 1000, 3000) });
  return fc.array(request, { minLength: 1, maxLength: most });
}
