import type { Hex, PaymentId, TransferId } from '#base';
import { canonicalJson } from '#anchor/core';
import { instructionId, type InstructionIntent } from '#custody/intents';
import { TRANSFER_CODES, type TransferCommand } from '#ledger/core';
import type { Judgement, NodeBookOptions, RateBands } from '../../../../../mpc/node/book/book.ts';
import type { Forge } from './forge.ts';
import { EUR, freshId, TOKENS, USD, type HoldChanges } from './samples.ts';

export const STRANGER = `0x${'99'.repeat(32)}` as const;

/** Anchors what is booked, feeds a node and asks it. */
export async function asked(forge: Forge, intent: InstructionIntent, more: Partial<NodeBookOptions> = {}): Promise<Judgement> {
  forge.anchor();
  return (await forge.fed(more)).judge(intent, forge.nowMs);
}

/** A funded merchant's order of one line, held with whatever an attack changes, settled and asked for. */
export async function paid(forge: Forge, changes: HoldChanges = {}, more: Partial<NodeBookOptions> = {}): Promise<Judgement> {
  forge.deposit(1_000_000_000n);
  await forge.pay('100.00', changes);
  return asked(forge, forge.settle(), more);
}

export function idOf({ instruction }: InstructionIntent): Hex {
  return instructionId(instruction);
}

/** Paid in euros out of dollars. */
export async function between(
  forge: Forge,
  rates: RateBands | null,
  changes: HoldChanges = {},
  meanwhile: (payment: PaymentId) => void = () => undefined,
): Promise<Judgement> {
  forge.deposit(1_000_000_000n);
  forge.liquidity(10n ** 21n, EUR);
  const entry = await forge.payee({ token: TOKENS.get(EUR)! });
  const { name, account } = entry.message;
  meanwhile(forge.hold(await forge.order([{ name, account, currency: 'EUR', amount: '100.00' }]), entry, changes));
  return asked(forge, forge.settle(), { rates: () => rates });
}

/** The deposit with something else in its evidence. */
export function claimed(command: TransferCommand, change: object): TransferCommand {
  return { ...command, fields: { deposit: canonicalJson({ ...(JSON.parse(command.fields!.deposit!) as object), ...change }) } };
}

export function moved(forge: Forge, debit: TransferCommand['debit'] & string, amount: bigint): TransferCommand {
  return {
    kind: 'transfer',
    id: freshId<TransferId>(),
    debit,
    credit: forge.account('merchant', USD, forge.merchant.id),
    asset: USD,
    amount,
    code: TRANSFER_CODES.other,
  };
}
