import { assert, Problem, type AccountId, type AssetNo, type BookId, type ProblemCode, type TransferId } from '#base';
import type { Book, BookReader } from '#ledger';
import {
  ACCOUNT_CODES,
  PENDING,
  TRANSFER_CODES,
  type Account,
  type Command,
  type Hold,
  type LedgerRecord,
  type RefusalRecord,
  type TransferRecord,
} from '#ledger/core';
import {
  clearingAccount,
  holdIdOf,
  openClearing,
  openSuspense,
  partIdOf,
  verdictOf,
  type End,
  type InterbookTransfer,
  type ReceiverState,
  type SenderState,
} from '#interbook/core';

/** What has to be asked of a book to know where a transfer is. */
export type Journal = Pick<BookReader, 'bookId' | 'account' | 'hold' | 'transfer' | 'byKey' | 'interbookHolds'>;

/** A book that money can be moved into and out of: an open `Book`, or whatever asks one in another process. */
export type Desk = Journal & Pick<Book, 'submit'>;

/** What both journals say of a transfer. */
export interface Observed {
  readonly sender: SenderState;
  readonly receiver: ReceiverState;
  /** As the sender's hold has it; where there is none as the receiver's has it, with the sending end unknown; null where there is neither. */
  readonly transfer: InterbookTransfer | null;
  /** Why it was refused, given back or suspended, where a book said so. */
  readonly code: string | null;
}

/** Past these many debtors or creditors everything known of them is forgotten: it is read again when it is needed. */
const MOST_KNOWN = 100_000;

type AssetRecord = Extract<LedgerRecord, { kind: 'asset' }>;

/** A sending and a receiving book, and what was learnt of them that never changes. */
export class Pair<Side extends Journal = Desk> {
  readonly sender: Side;
  readonly receiver: Side;
  /** The asset of an account in the receiving book that equals an asset of the sending one. */
  readonly #fits = new Map<string, AssetNo>();
  /** Accounts of the sending book that may pay. */
  readonly #debtors = new Set<AccountId>();
  /** Assets (by the sender's number, then the receiver's) whose clearing accounts are there. */
  readonly #open = new Map<string, Promise<void>>();

  constructor(sender: Side, receiver: Side) {
    this.sender = sender;
    this.receiver = receiver;
  }

  /** Throws `interbook/not-a-party` where the debtor is there and is none; one that is not there the book refuses in its own words. */
  async requireDebtor(account: AccountId): Promise<void> {
    if (this.#debtors.has(account)) return;
    const debtor = await this.sender.account(account);
    if (!debtor) return;
    requireParty(this.sender, debtor);
    if (this.#debtors.size >= MOST_KNOWN) this.#debtors.clear();
    this.#debtors.add(account);
  }

  /** The receiving end for money in `asset` of the sending book. Throws `interbook/no-creditor`, `interbook/not-a-party` and `interbook/asset-differs`. */
  async creditorEnd(asset: AssetNo, account: AccountId): Promise<End> {
    const key = `${asset} ${account}`;
    const known = this.#fits.get(key) ?? (await this.#compare(asset, account));
    if (this.#fits.size >= MOST_KNOWN) this.#fits.clear();
    this.#fits.set(key, known);
    return { book: this.receiver.bookId, account, asset: known };
  }

  async #compare(asset: AssetNo, account: AccountId): Promise<AssetNo> {
    const { sender, receiver } = this;
    const creditor = await receiver.account(account);
    if (!creditor) throw new Problem('interbook/no-creditor', `Book ${receiver.bookId} has no account ${account}.`, { book: receiver.bookId, account });
    requireParty(receiver, creditor);
    const [ours, theirs] = await Promise.all([assetOf(sender, asset), assetOf(receiver, creditor.asset)]);
    if (ours && theirs && isSameAsset(ours, theirs)) return creditor.asset;
    const what = `Asset ${asset} of book ${sender.bookId} (${nameOf(ours)}) is not asset ${creditor.asset} of book ${receiver.bookId} (${nameOf(theirs)}).`;
    throw new Problem('interbook/asset-differs', what, { account, asset, other: creditor.asset });
  }

  /** Opens both clearing accounts, and suspense where the receiver has none, once. */
  openAccounts(this: Pair, from: AssetNo, to: AssetNo): Promise<void> {
    const key = `${from} ${to}`;
    const opening = this.#open.get(key) ?? openAll(this, from, to);
    this.#open.set(key, opening);
    // What failed is tried again by whoever comes next.
    opening.catch(() => this.#open.delete(key));
    return opening;
  }

  /**
   * What both journals say. They are read one after the other, so that they may seem to contradict each other where a transfer went on in between: that is believed
   * only where it is seen twice, with the sender's side the same before and after the receiver's was read.
   */
  async observe(id: TransferId): Promise<Observed> {
    for (let before: SenderState | null = null; ;) {
      const seen = await this.#read(id);
      if (verdictOf(seen.sender, seen.receiver).kind !== 'contradiction' || seen.sender === before) return seen;
      before = seen.sender;
    }
  }

  /** Of the sender's side first. */
  async #read(id: TransferId): Promise<Observed> {
    const { sender, receiver } = this;
    const record = await sender.transfer(id);
    if (record?.kind !== 'transfer') return this.#withoutSender(id, record);
    if (!isHold(record) || record.credit !== clearingAccount(sender.bookId, record.asset, receiver.bookId)) {
      return { ...(await this.#withoutSender(id, null)), sender: 'foreign' };
    }
    const own = await senderState(sender, record);
    const account = record.reference as string as AccountId;
    const creditor = await this.creditorEnd(record.asset, account).catch(orNull);
    const isPayable = await this.requireDebtor(record.debit).then(() => true, orNull);
    const from = { book: sender.bookId, account: record.debit, asset: record.asset };
    const to = creditor ?? { book: receiver.bookId, account, asset: record.asset };
    const transfer = { id, from, to, amount: record.amount };
    const other = await receiverState(receiver, transfer);
    const isUnfit = other.state === 'absent' && !(creditor && isPayable);
    return { sender: own.state, receiver: isUnfit ? 'unfit' : other.state, transfer, code: own.code ?? other.code };
  }

  /** Where no hold of the sender's says what the receiver's should be, that is taken as it is. */
  async #withoutSender(id: TransferId, refusal: RefusalRecord | null): Promise<Observed> {
    const { sender, receiver } = this;
    const own = { sender: refusal ? 'refused' : 'absent', code: refusal?.code ?? null } as const;
    const held = await receiver.transfer(holdIdOf(sender.bookId, id, 'receiver'));
    if (held?.kind !== 'transfer') return { ...own, receiver: held ? 'refused' : 'absent', transfer: null };
    const { asset, amount, credit: account } = held;
    const transfer = { id, from: { book: sender.bookId, account, asset }, to: { book: receiver.bookId, account, asset }, amount };
    return { ...own, receiver: (await receiverState(receiver, transfer)).state, transfer };
  }
}

async function openAll({ sender, receiver }: Pair, from: AssetNo, to: AssetNo): Promise<void> {
  await open(receiver, [openClearing(receiver.bookId, to, sender.bookId), openSuspense(receiver.bookId, to)]);
  await open(sender, [openClearing(sender.bookId, from, receiver.bookId)]);
}

async function open(desk: Desk, commands: readonly Command[]): Promise<void> {
  const results = await desk.submit(commands);
  const bad = results.find(({ code }) => code !== 'created' && code !== 'exists');
  if (bad) throw new Problem('interbook/contradiction', `Book ${desk.bookId} has another account where a clearing account or suspense belongs: ${bad.code}.`);
}

export async function assetOf(desk: Journal, asset: AssetNo): Promise<AssetRecord | null> {
  const record = await desk.byKey(`asset:${asset}`);
  return record?.kind === 'asset' ? record : null;
}

/** An asset off the chain has no name but its symbol. */
export function isSameAsset(a: AssetRecord, b: AssetRecord): boolean {
  return a.caip19 === b.caip19 && a.decimals === b.decimals && a.peg === b.peg && (a.caip19 !== null || a.symbol === b.symbol);
}

function nameOf(asset: AssetRecord | null): string {
  return asset ? `${asset.caip19 ?? asset.symbol}, ${asset.decimals} decimals, ${asset.peg}` : 'not there';
}

const UNFIT: ReadonlySet<string> = new Set<ProblemCode>(['interbook/no-creditor', 'interbook/not-a-party', 'interbook/asset-differs']);

function orNull(error: unknown): null {
  if (error instanceof Problem && UNFIT.has(error.code)) return null;
  throw error;
}

/** What two books owe each other, and what nobody could take, moves by steps of transfers only: as an end of one it would be told from those by nobody. */
function requireParty({ bookId }: Journal, { id, code }: Account): void {
  if (code !== ACCOUNT_CODES.clearing && code !== ACCOUNT_CODES.suspense) return;
  throw new Problem('interbook/not-a-party', `Account ${id} of book ${bookId} is ${code === ACCOUNT_CODES.clearing ? 'a clearing account' : 'suspense'}.`, {
    book: bookId,
    account: id,
  });
}

function isHold({ code, flags }: TransferRecord): boolean {
  return code === TRANSFER_CODES.interbook && (flags & PENDING) !== 0;
}

/** Posted whole or not at all, as every step does it. */
function isWhole({ status, captured, amount }: Hold): boolean {
  return captured === (status === 'posted' ? amount : 0n);
}

async function refusalOf(desk: Journal, id: TransferId): Promise<string | null> {
  const record = await desk.transfer(id);
  return record?.kind === 'refusal' ? record.code : null;
}

interface Found<State> {
  readonly state: State;
  readonly code: string | null;
}

async function senderState(desk: Journal, { id }: TransferRecord): Promise<Found<SenderState>> {
  const hold = await desk.hold(id);
  if (!hold || !isWhole(hold)) return { state: 'foreign', code: null };
  if (hold.status === 'posted' || hold.status === 'expired') return { state: hold.status, code: null };
  const code = await refusalOf(desk, partIdOf(desk.bookId, id, 'sender-post'));
  if (hold.status === 'voided') return { state: 'voided', code };
  return { state: code === null ? 'held' : 'stuck', code };
}

async function receiverState(desk: Journal, transfer: InterbookTransfer): Promise<Found<ReceiverState>> {
  const { id, from, to, amount } = transfer;
  const holdId = holdIdOf(from.book, id, 'receiver');
  const record = await desk.transfer(holdId);
  if (!record) return { state: 'absent', code: null };
  if (record.kind === 'refusal') return { state: 'refused', code: record.code };
  const isOurs =
    isHold(record) &&
    record.debit === clearingAccount(to.book, to.asset, from.book) &&
    record.credit === to.account &&
    record.amount === amount &&
    record.timeoutS === 0 &&
    record.reference === id;
  const hold = await desk.hold(holdId);
  if (!isOurs || !hold || !isWhole(hold)) return { state: 'foreign', code: null };
  if (hold.status === 'posted') return { state: 'posted', code: null };
  const code = await refusalOf(desk, partIdOf(from.book, id, 'receiver-post'));
  const suspense = await desk.transfer(partIdOf(from.book, id, 'suspense'));
  // Also where the hold was still open when it was read a moment ago: both are booked as one.
  if (suspense?.kind === 'transfer') return { state: 'suspended', code };
  if (hold.status !== 'open') return { state: 'voided', code };
  if (code === null) return { state: 'held', code };
  return { state: suspense ? 'stranded' : 'stuck', code };
}

/** Which transfer an open hold of code `interbook` belongs to, and between which books: the owner of its clearing account is the other one. */
export async function placeOf(desk: Journal, hold: Hold): Promise<{ readonly id: TransferId; readonly sender: BookId; readonly receiver: BookId }> {
  const transfer = hold.reference as string as TransferId;
  const [debit, credit] = [await desk.account(hold.debit), await desk.account(hold.credit)];
  assert(debit && credit, `the accounts of hold ${hold.id} are there`);
  const [sender, receiver] = [debit.owner as string as BookId, credit.owner as string as BookId];
  if (hold.id === holdIdOf(sender, transfer, 'receiver')) return { id: transfer, sender, receiver: desk.bookId };
  return { id: hold.id, sender: desk.bookId, receiver };
}
