import { toHex, type AssetNo, type Hex, type MerchantId, type TimeMs, type TransferId } from '#base';
import { instructionId, intentDigest, type CancelIntent, type InstructionIntent } from '#custody/intents';
import { planInstructions, WORD_AMOUNT_LIMIT, type PlannedInstruction } from '#settlement/core';
import { tokenOfAsset } from './evidence.ts';
import type { HeldPayment } from './payments.ts';
import { implausibleRate } from './price.ts';
import type { ClosedWindow, InstructionRecord, Replica } from './replica.ts';
import { refuse, type Fault, type Refusal } from './rules.ts';
import type { CancelFacts, InstructionFacts, MerchantKeys, PaymentFacts, RateBands, RegisteredKey, Registration } from './types.ts';

/** What the vault says of an instruction, finally and as of the newest block of any endpoint. */
export interface VaultFacts {
  readonly opened: boolean;
  /** Bit i: word i is paid or cancelled. */
  readonly settled: bigint;
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

/** An instruction out of the node's own records: planned from the holds of its window, with the holds behind each word. */
interface Derived {
  readonly plan: PlannedInstruction;
  readonly record: InstructionRecord;
  readonly held: readonly HeldPayment[];
  readonly window: ClosedWindow;
}

/** Whether an instruction is what merchants ordered and the book booked. Refusals in the order of RULES, payment by payment within a rule that is about one. */
export function judgeInstruction(replica: Replica, known: Known, intent: InstructionIntent): InstructionFacts | Refusal {
  const { registration, vault: seen } = known;
  const { instruction, vault } = intent;
  if (instruction.book !== registration.book) return refuse('book', `The instruction is of book ${instruction.book}, not of ${registration.book}`);
  const record = replica.instructions(instruction.window).find(({ index }) => index === instruction.index);
  if (!record) return refuse('instruction-booked', `The replayed records have no instruction ${instruction.index} of window ${instruction.window}`);
  const members = ['token', 'listHash', 'count', 'total', 'notAfterS'] as const;
  const differs = members.find((member) => record[member] !== instruction[member]);
  if (differs !== undefined || record.vault !== vault)
    return refuse('instruction-booked', `Record ${record.seq} has another ${differs ?? 'vault'} for it: ${record[differs ?? 'vault']}`);
  if (replica.log.anchoredS(record.seq) === null) return refuse('instruction-anchored', `Record ${record.seq} of the instruction is in no final anchor`);
  if (known.latestS >= BigInt(instruction.notAfterS))
    return refuse('not-after', `It can be paid until ${instruction.notAfterS}, and it is ${known.latestS} (seconds since 1970)`);
  if (seen.opened) return refuse('unpaid', `The vault has paid from instruction ${instructionId(instruction)} already`);
  const everything = (1n << BigInt(instruction.count)) - 1n;
  if ((everything & ~seen.cancelled & ~seen.settled) === 0n)
    return refuse('uncancelled', `Every payment of instruction ${instructionId(instruction)} is cancelled`);
  const derived = derive(replica, registration, record);
  if ('rule' in derived) return derived;
  const payable = derived.held.filter((_, index) => ((seen.cancelled >> BigInt(index)) & 1n) === 0n);
  for (const held of payable) {
    const fault = faultOf(replica, known, held, derived);
    if (fault) return refuse(fault.rule, `Payment ${held.payment}, held in record ${held.seq}: ${fault.reason}`);
  }
  return factsOf(replica, known, intent, derived, payable);
}

/** The list that the vault would be shown, from the holds alone. Where it ends was decided by the caps of its day, so the counts are the booked ones. */
function derive(replica: Replica, { book, chainId }: Registration, record: InstructionRecord): Derived | Refusal {
  const window = replica.window(record.window);
  if (!window) return refuse('list-derived', `No window ${record.window} was closed before record ${record.seq}`);
  const tokens = new Map<AssetNo, Hex>();
  const payouts = new Map<TransferId, HeldPayment>();
  const holds = window.payouts.flatMap(({ held, amount }) => {
    const token = tokenOfAsset(replica.state, chainId, held.asset);
    // What the vault can never pay is in no list; settlement gives it back.
    if (token === null || held.address === null || amount >= WORD_AMOUNT_LIMIT) return [];
    tokens.set(held.asset, token);
    payouts.set(held.hold, held);
    return [{ hold: held.hold, seq: held.seq, payment: held.payment, asset: held.asset, amount, address: held.address }];
  });
  const own = [...replica.instructions(record.window)].sort((a, b) => a.index - b.index);
  const counts = own.map(({ count }) => count);
  const plan = planInstructions({ book, window: record.window, notAfterS: record.notAfterS, tokens, counts }, holds)[record.index];
  const differs = (['token', 'listHash', 'count', 'total'] as const).find((member) => plan?.[member] !== record[member]);
  if (!plan || differs !== undefined)
    return refuse('list-derived', `The holds of window ${record.window} make another ${plan ? differs : 'list'} than record ${record.seq} says`);
  return { plan, record, window, held: plan.holds.map(({ hold }) => payouts.get(hold)!) };
}

function faultOf(replica: Replica, { merchants, rates }: Known, held: HeldPayment, { window, record }: Derived): Fault | null {
  const hold = replica.state.holds.get(held.hold);
  if (held.status !== 'open' || hold?.windowSeq !== window.seq || held.released)
    return { rule: 'hold-open', reason: held.status === 'open' ? 'its hold was released, or is of another window' : `its hold is ${held.status}` };
  if (held.fault || !held.proof) return held.fault ?? { rule: 'order-signed', reason: 'nothing of it is signed' };
  const { order, payee, quote } = held.proof;
  return (
    expired(replica, order) ??
    expired(replica, payee) ??
    unregistered(merchants, order) ??
    unregistered(merchants, payee) ??
    (held.missing > 0 ? { rule: 'amount-derived', reason: `${held.missing} of the legs that its price announces were never booked` } : null) ??
    implausibleRate(quote, rates) ??
    unbacked(replica, held, record)
  );
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
    return { rule: 'deposit-final', reason: `the deposit of record ${waiting?.seq ?? 'unknown'} before it is not final yet` };
  return held.backed ? null : { rule: 'deposit-backed', reason: 'it is paid from money that no deposit on the chain stands behind' };
}

function factsOf(
  replica: Replica,
  { registration, witnessedMs }: Known,
  intent: InstructionIntent,
  { plan }: Derived,
  payable: readonly HeldPayment[],
): InstructionFacts {
  const record = replica.state.keyed.get(`asset:${plan.asset}`);
  const { symbol, decimals } = record?.kind === 'asset' ? record : { symbol: '', decimals: 0 };
  const amounts = new Map(plan.holds.map(({ hold, amount }) => [hold, amount]));
  const payments = payable.map((held): PaymentFacts => {
    const { order, line, payee } = held.proof!;
    return {
      token: plan.token,
      payee: payee.message.settlementAddress,
      amount: amounts.get(held.hold)!,
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
      { role: 'token', address: plan.token },
    ],
    payments,
    digest: toHex(intentDigest(intent)),
    witnessedMs,
    instruction: plan.id,
    window: plan.window,
    index: plan.index,
    asset: { asset: plan.asset, symbol, decimals },
    total: plan.total,
    notAfterS: plan.notAfterS,
  };
}

/** A cancellation takes money from nobody: it has to be of a payment that the book knows and the vault has not paid. */
export function judgeCancel(replica: Replica, { registration, vault: seen, witnessedMs }: Known, intent: CancelIntent): CancelFacts | Refusal {
  const { instruction: id, index } = intent;
  const record = replica.instructionOf(id);
  if (!record || record.vault !== registration.vault || index < 0 || index >= record.count)
    return refuse('cancel-known', `The replayed records have no payment ${index} of an instruction ${id}`);
  const bit = 1n << BigInt(index);
  if ((seen.cancelled & bit) !== 0n) return refuse('uncancelled', `Payment ${index} of instruction ${id} is cancelled already`);
  if ((seen.settled & bit) !== 0n) return refuse('unpaid', `The vault has paid payment ${index} of instruction ${id}`);
  const derived = derive(replica, registration, record);
  if ('rule' in derived) return derived;
  const { amount, address: payee } = derived.plan.holds[index]!;
  const contracts = [{ role: 'vault', address: registration.vault }] as const;
  const digest = toHex(intentDigest(intent));
  return { kind: 'cancel', chainId: registration.chainId, contracts, payments: [], digest, witnessedMs, instruction: id, index, amount, payee };
}
