import { toHex, type Hex, type MerchantId, type TimeMs } from '#base';
import { instructionId, intentDigest, type CancelIntent, type InstructionIntent } from '#custody/intents';
import { legIdOf } from '#ledger/core';
import type { HeldPayment } from './payments.ts';
import { implausibleRate } from './price.ts';
import type { DerivedList, InstructionRecord, Replica } from './replica.ts';
import { refuse, type Fault, type Refusal } from './rules.ts';
import type { CancelFacts, InstructionFacts, MerchantKeys, PaymentFacts, RateBands, RegisteredKey, Registration } from './types.ts';

/** What the vault says of an instruction, finally and as of the newest block of any endpoint. */
export interface VaultFacts {
  readonly opened: boolean;
  /** Bit i: word i is paid or cancelled, also in a newer block than the final one. */
  readonly settled: bigint;
  /** Finally. */
  readonly cancelled: bigint;
}

export interface Known {
  readonly registration: Registration;
  readonly merchants: MerchantKeys;
  readonly rates: RateBands | null;
  /** The later of the node's clock and the newest block's, seconds. */
  readonly latestS: bigint;
  /** Of the newest final block. */
  readonly witnessedMs: TimeMs;
  readonly vault: VaultFacts;
}

/** Whether an instruction is what merchants ordered and the book booked. Refusals in the order of RULES, payment by payment within those that are about one. */
export function judgeInstruction(replica: Replica, known: Known, intent: InstructionIntent): InstructionFacts | Refusal {
  const { registration, vault: seen } = known;
  const { instruction, vault } = intent;
  if (instruction.book !== registration.book) return refuse('book', `The instruction is of book ${instruction.book}, not of ${registration.book}`);
  const record = replica.instruction(instruction.window, instruction.index);
  if (!record) return refuse('instruction-booked', `The replayed records have no instruction ${instruction.index} of window ${instruction.window}`);
  const members = ['token', 'listHash', 'count', 'total', 'notAfterS'] as const;
  const differs = members.find((member) => record[member] !== instruction[member]);
  if (differs !== undefined || record.vault !== vault)
    return refuse('instruction-booked', `Record ${record.seq} has another ${differs ?? 'vault'} for it: ${record[differs ?? 'vault']}`);
  if (replica.log.anchoredS(record.seq) === null) return refuse('instruction-anchored', `Record ${record.seq} of the instruction is in no final anchor`);
  if (known.latestS >= BigInt(instruction.notAfterS))
    return refuse('not-after', `It can be paid until ${instruction.notAfterS}, and it is ${known.latestS} (seconds since 1970)`);
  const id = instructionId(instruction);
  if (seen.opened) return refuse('unpaid', `The vault has paid from instruction ${id} already`);
  const all = (1n << BigInt(instruction.count)) - 1n;
  if ((all & ~seen.cancelled & ~seen.settled) === 0n) return refuse('uncancelled', `Every payment of instruction ${id} is cancelled`);
  const list = replica.list(id) ?? refuse('list-derived', `Instruction ${id} has no list`);
  if ('rule' in list) return list;
  const isPayable = (_: unknown, index: number): boolean => ((seen.cancelled >> BigInt(index)) & 1n) === 0n;
  const payable = list.payouts.filter(isPayable);
  for (const [index, { held }] of list.payouts.entries()) {
    // A payment that the chain cancelled needs no open hold and no money; but what no merchant ever signed for stands in no list that is signed, whatever an endpoint says of it.
    const fault = isPayable(held, index) ? faultOf(replica, known, held, list) : unsigned(held);
    if (fault) return refuse(fault.rule, `Payment ${held.payment}, held in record ${held.seq}: ${fault.reason}`);
  }
  return factsOf(replica, known, intent, payable);
}

function faultOf(replica: Replica, { merchants, rates, latestS }: Known, held: HeldPayment, { windowSeq, record }: DerivedList): Fault | null {
  if (held.status !== 'open') return { rule: 'hold-open', reason: `its hold is ${held.status}` };
  for (let leg = 0; leg < held.legs - held.missing; leg++) {
    const hold = replica.state.holds.get(legIdOf(held.payment, leg));
    // All of it or nothing: a payout whose other legs were given back would be paid with somebody else's money.
    if (hold?.windowSeq !== windowSeq || hold.releaseSeq !== null || hold.captured !== 0n)
      return { rule: 'hold-open', reason: `leg ${leg} of its hold was released, closed, captured in part, or is of another window` };
  }
  const invention = unsigned(held);
  if (invention || !held.proof) return invention;
  const { order, payee, quote } = held.proof;
  return (
    expired(replica, order) ??
    expired(replica, payee) ??
    unregistered(merchants, order) ??
    unregistered(merchants, payee) ??
    (held.missing > 0 ? { rule: 'amount-derived', reason: `${held.missing} of the legs that its price announces were never booked` } : null) ??
    implausibleRate(quote, rates, latestS) ??
    unbacked(replica, held, record)
  );
}

function unsigned({ fault, proof }: HeldPayment): Fault | null {
  return fault ?? (proof ? null : { rule: 'order-signed', reason: 'nothing of it is signed' });
}

interface Message {
  readonly seq: bigint;
  readonly nowMs: number;
  readonly signer: Hex;
  readonly message: { readonly merchant: MerchantId; readonly expiry: bigint };
}

/** A book whose clock stands still could take an expired message: the chain's clock, when the record was anchored, has the last word. */
function expired(replica: Replica, { seq, message }: Message): Fault | null {
  const anchoredS = replica.log.anchoredS(seq);
  if (anchoredS !== null && anchoredS <= message.expiry) return null;
  return {
    rule: 'not-expired',
    reason: `what was signed in record ${seq} ended ${message.expiry}, and was anchored ${anchoredS ?? 'never'} (seconds since 1970)`,
  };
}

function unregistered(merchants: MerchantKeys, { seq, nowMs, signer, message }: Message): Fault | null {
  const isGood = ({ key, untilMs }: RegisteredKey): boolean => key === signer && (untilMs === null || nowMs <= untilMs);
  if (merchants.get(message.merchant)?.some(isGood)) return null;
  return {
    rule: 'merchant-key',
    reason: `record ${seq} is signed with ${signer}, which the operators did not register for merchant ${message.merchant} at that time`,
  };
}

function unbacked({ backing }: Replica, held: HeldPayment, { seq }: InstructionRecord): Fault | null {
  const [waiting] = backing.waiting(1);
  if (held.backed === null || (waiting && waiting.seq < seq))
    return { rule: 'deposit-final', reason: `what record ${waiting?.seq ?? 'unknown'} before it says of the chain is not final yet` };
  return held.backed ? null : { rule: 'deposit-backed', reason: 'it is paid from money that nothing on the chain stands behind' };
}

function factsOf(replica: Replica, { registration, witnessedMs }: Known, intent: InstructionIntent, payable: DerivedList['payouts']): InstructionFacts {
  const { instruction } = intent;
  const { asset } = payable[0]!.held;
  const record = replica.state.keyed.get(`asset:${asset}`);
  const { symbol, decimals } = record?.kind === 'asset' ? record : { symbol: '', decimals: 0 };
  const payments = payable.map(({ held, amount }): PaymentFacts => {
    const { order, line, payee } = held.proof!;
    return {
      token: instruction.token,
      payee: payee.message.settlementAddress,
      amount,
      registered: true,
      payment: held.payment,
      hold: held.hold,
      order: order.message.order,
      merchant: order.message.merchant,
      entry: payee.message.payee,
      name: payee.message.name,
      account: payee.message.account,
      currency: line.currency,
      instructed: line.instructed,
    };
  });
  return {
    kind: 'instruction',
    chainId: registration.chainId,
    contracts: [
      { role: 'vault', address: registration.vault },
      { role: 'token', address: instruction.token },
    ],
    payments,
    digest: toHex(intentDigest(intent)),
    witnessedMs,
    instruction: instructionId(instruction),
    window: instruction.window,
    index: instruction.index,
    asset: { asset, symbol, decimals },
    total: instruction.total,
    notAfterS: instruction.notAfterS,
  };
}

/** A cancellation takes money from nobody: it has to be of a payment that the book knows and the vault has not paid. */
export function judgeCancel(replica: Replica, { registration, vault: seen, witnessedMs }: Known, intent: CancelIntent): CancelFacts | Refusal {
  const { instruction: id, index } = intent;
  const list = replica.list(id);
  if (list === undefined) return refuse('cancel-known', `The replayed records have no instruction ${id}`);
  if ('rule' in list) return list;
  const payout = list.payouts[index];
  if (!payout || list.record.vault !== registration.vault) return refuse('cancel-known', `Instruction ${id} has no payment ${index} of this vault`);
  const bit = 1n << BigInt(index);
  if ((seen.cancelled & bit) !== 0n) return refuse('uncancelled', `Payment ${index} of instruction ${id} is cancelled already`);
  if ((seen.settled & bit) !== 0n) return refuse('unpaid', `The vault has paid payment ${index} of instruction ${id}`);
  const contracts = [{ role: 'vault', address: registration.vault }] as const;
  const digest = toHex(intentDigest(intent));
  const payee = payout.held.address!;
  return { kind: 'cancel', chainId: registration.chainId, contracts, payments: [], digest, witnessedMs, instruction: id, index, amount: payout.amount, payee };
}
