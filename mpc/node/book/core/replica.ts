import { assert, type Hex, type TimeMs, type TransferId, type WindowId } from '#base';
import { recordFieldsRoot, recordLeaf, sameHash, type Hash } from '#anchor/core';
import { instructionId } from '#custody/intents';
import type { FeedItem, FeedPage } from '#feed/core';
import { merchantDomain } from '#identity/core';
import {
  chartAccount,
  emptyState,
  PENDING,
  POST_PENDING,
  replay,
  VOID_PENDING,
  type LedgerRecord,
  type State,
  type TransferRecord,
  type WindowRecord,
} from '#ledger/core';
import { MAX_PAYMENTS, planInstructions, WORD_AMOUNT_LIMIT, type TakenHold } from '#settlement/core';
import { Authority } from './authority.ts';
import { Backing, isDeposit } from './backing.ts';
import { claimOf, Suspended } from './deposits.ts';
import { LeafList, LogBook } from './log.ts';
import { tokenOfAsset } from './evidence.ts';
import { isPayout, Payments, type HeldPayment } from './payments.ts';
import { refuse, type Refusal } from './rules.ts';
import type { Registration } from './types.ts';

export type InstructionRecord = Extract<LedgerRecord, { kind: 'instruction' }>;

/** The list of a booked instruction, out of the holds that its window took: who is paid by each word. */
export interface DerivedList {
  readonly record: InstructionRecord;
  readonly windowSeq: bigint;
  readonly payouts: readonly { readonly held: HeldPayment; readonly amount: bigint }[];
}

/** What a window took and no instruction has named yet, in the order of the lists: by asset, then by record. */
interface ClosedWindow {
  readonly seq: bigint;
  readonly rest: TakenHold[];
}

/** What one item did: null where it was replayed before and is the same. */
export type Stepped = { readonly ok: true; readonly isNew: boolean } | Refusal;

const NO_FIELDS: Hash = new Uint8Array(32);
/** In a release: no instruction names the hold. */
const NO_INSTRUCTION: Hex = `0x${'00'.repeat(32)}`;

/**
 * A signer's own copy of a book: every record booked again by the ledger's rules, its leaf recomputed, what was signed judged anew, and what follows from it kept as
 * far as a decision needs it. Nothing is asked and nobody is believed; whoever has the same records has the same replica.
 */
export class Replica {
  readonly leaves = new LeafList();
  readonly log: LogBook;
  readonly authority: Authority;
  readonly payments: Payments;
  readonly backing = new Backing();
  readonly #suspended = new Suspended();
  readonly state: State = emptyState();
  readonly #registration: Registration;
  readonly #windows = new Map<WindowId, ClosedWindow>();
  /** By hashStruct(Instruction). */
  readonly #lists = new Map<Hex, DerivedList | Refusal>();
  /** Which word of which instruction pays a hold. */
  readonly #places = new Map<TransferId, { readonly instruction: Hex; readonly index: number; readonly notAfterS: number }>();
  /** One record for all transfers: a second one of any id is refused by the rules, whatever the first was. */
  #anyTransfer: TransferRecord | undefined;

  constructor(registration: Registration) {
    const { chainId, book, vault } = registration;
    this.#registration = registration;
    this.log = new LogBook(book, this.leaves);
    this.authority = new Authority(merchantDomain(chainId, vault));
    this.payments = new Payments(book, chainId, this.authority);
  }

  get seq(): bigint {
    return this.state.seq;
  }

  /** Whether the book has an asset that is this token. */
  hasToken(token: Hex): boolean {
    const { chainId } = this.#registration;
    return [...this.state.assets].some((asset) => tokenOfAsset(this.state, chainId, asset) === token);
  }

  instruction(window: WindowId, index: number): InstructionRecord | undefined {
    const record = this.state.keyed.get(`instruction:${window}:${index}`);
    return record?.kind === 'instruction' ? record : undefined;
  }

  /** Of a booked instruction, by hashStruct(Instruction); a refusal where its list is not the one that follows from the holds. */
  list(instruction: Hex): DerivedList | Refusal | undefined {
    return this.#lists.get(instruction);
  }

  /** The guards of a page as a whole, in the order of RULES. */
  refusal({ chainId, book, sealedTo }: FeedPage): Refusal | null {
    const own = this.#registration;
    if (chainId !== own.chainId || book !== own.book)
      return refuse('feed-own-book', `The feed is of book ${book} on chain ${chainId}, not of ${own.book} on ${own.chainId}`);
    if (sealedTo < this.seq) return refuse('feed-not-shortened', `The feed ends at record ${sealedTo}; ${this.seq} were replayed before`);
    return null;
  }

  /** Takes the next record, or recognises one of before. A refusal changes nothing. `latestMs`: no record is later; Infinity for those that were judged by the clock already. */
  step({ record, salt, fieldsRoot, file }: FeedItem, latestMs: TimeMs): Stepped {
    const { chainId, book } = this.#registration;
    const { seq } = record;
    if (seq > this.seq + 1n || seq === 0n) return refuse('feed-gapless', `The feed goes on at record ${seq}; record ${this.seq + 1n} comes next`);
    const root = record.fields ? recordFieldsRoot(record, salt) : (fieldsRoot ?? NO_FIELDS);
    const leaf = recordLeaf({ chainId, book }, record, root);
    if (seq <= this.seq) {
      if (sameHash(leaf, this.leaves.at(seq))) return { ok: true, isNew: false };
      return refuse('feed-not-forked', `Record ${seq} differs from the one replayed before`);
    }
    if (record.nowMs > latestMs) return refuse('record-not-of-the-future', `Record ${seq} was written at ${record.nowMs}, which is later than now`);
    // Evidence is judged here and not by the ledger's rules: without it they say the same, and need to keep none.
    const { fields: _, ...bare } = record;
    const contradiction = replay(this.state, [bare]);
    if (contradiction) return refuse('record-legal', `Record ${seq}: ${contradiction.what}`);
    this.leaves.push(leaf);
    this.authority.step(this.state, record, file);
    this.#follow(record);
    return { ok: true, isNew: true };
  }

  #follow(record: LedgerRecord): void {
    switch (record.kind) {
      case 'transfer':
        return this.#transfer(record);
      case 'tariff':
        return this.payments.tariff(record);
      case 'window':
        return this.#window(record);
      case 'instruction':
        return this.#instruction(record);
      case 'release':
        return this.#release(record);
      case 'expiry':
        return this.#close(record.transfer);
      default:
        return;
    }
  }

  #transfer(record: TransferRecord): void {
    this.#anyTransfer ??= this.state.transfers.get(record.id)!;
    this.state.transfers.set(record.id, this.#anyTransfer);
    if ((record.flags & PENDING) !== 0) {
      const held = this.payments.leg(this.state, record);
      if (held) this.backing.hold(this.state, held, record.debit);
      return;
    }
    if ((record.flags & (POST_PENDING | VOID_PENDING)) !== 0) {
      if ((record.flags & POST_PENDING) !== 0) this.backing.move(this.state, record, this.payments.legOf(record.pendingId));
      return this.#close(record.pendingId);
    }
    if (!isDeposit(this.#registration.book, record)) return this.backing.move(this.state, record, null);
    const { book, chainId } = this.#registration;
    const context = { book, chainId, authority: this.authority, state: this.state };
    if (record.debit === chartAccount(book, 'suspense', record.asset)) {
      const released = this.#suspended.release(context, record);
      return this.backing.claim(record, typeof released === 'string' ? null : released);
    }
    const claim = claimOf(context, record);
    if (typeof claim !== 'string') this.#suspended.keep(context, record, claim);
    this.backing.claim(record, typeof claim === 'string' ? null : claim);
  }

  /** A hold that is closed is forgotten: what would touch it again is refused by the rules all the same. */
  #close(id: TransferId): void {
    const hold = this.state.holds.get(id);
    assert(hold, `the hold ${id} that was just closed is known`);
    if (hold.status === 'open') return;
    this.state.holds.delete(id);
    this.payments.close(id, hold.status);
  }

  #window({ window, seq }: WindowRecord): void {
    const { chainId } = this.#registration;
    const rest: TakenHold[] = [];
    for (const hold of this.state.holds.values()) {
      const held = hold.windowSeq === seq && isPayout(hold) ? this.payments.held(hold.id) : undefined;
      const amount = hold.amount - hold.captured;
      // What the vault can never pay is in no list; settlement gives it back.
      if (!held?.address || tokenOfAsset(this.state, chainId, hold.asset) === null || amount >= WORD_AMOUNT_LIMIT) continue;
      rest.push({ hold: hold.id, seq: hold.seq, payment: held.payment, asset: hold.asset, amount, address: held.address });
    }
    rest.sort((a, b) => a.asset - b.asset || (a.seq < b.seq ? -1 : 1));
    this.#windows.set(window, { seq, rest });
  }

  /** Where a list ends was decided by the vault's caps of its day, so its length is the booked one; whom it pays follows from the holds. */
  #instruction(record: InstructionRecord): void {
    const { book, chainId } = this.#registration;
    const id = instructionId({ ...record, book });
    const window = this.#windows.get(record.window);
    assert(window, 'an instruction follows its window');
    // Each list takes the next holds, whatever it says, so that no two lists ever name one hold. No hold behind the longest list that there can be decides.
    const left = window.rest.slice(0, MAX_PAYMENTS);
    const tokens = new Map(left.map(({ asset }) => [asset, tokenOfAsset(this.state, chainId, asset)!]));
    const context = { book, window: record.window, notAfterS: record.notAfterS, tokens, counts: [record.count] };
    const [plan] = left.length === 0 ? [] : planInstructions(context, left);
    window.rest.splice(0, plan?.count ?? 0);
    const differs = (['token', 'listHash', 'count', 'total'] as const).find((member) => plan?.[member] !== record[member]);
    if (!plan || differs !== undefined) {
      this.#lists.set(
        id,
        refuse('list-derived', `The holds of window ${record.window} make another ${plan ? differs : 'list'} than record ${record.seq} says`),
      );
      return;
    }
    plan.holds.forEach(({ hold }, index) => this.#places.set(hold, { instruction: id, index, notAfterS: record.notAfterS }));
    const payouts = plan.holds.map(({ hold, amount }) => ({ held: this.payments.held(hold)!, amount }));
    this.#lists.set(id, { record, windowSeq: window.seq, payouts });
  }

  /** A hold that is given back though the vault paid it, or still can, gives back money that is not there. */
  #release({ transfer, instruction, index, seq }: Extract<LedgerRecord, { kind: 'release' }>): void {
    const hold = this.state.holds.get(transfer);
    assert(hold, `the hold ${transfer} that was just released is open`);
    const first = this.payments.legOf(transfer)?.hold ?? transfer;
    const place = this.#places.get(first);
    const isNamed = place?.instruction === instruction && place.index === index;
    // No list names it: nobody ever signed for it, and nobody will, since it is released. Of a payout whose payee is not shown nobody knows whether one does.
    const isUnlisted = place === undefined && instruction === NO_INSTRUCTION && this.payments.held(first)?.address !== null;
    const claim = isNamed ? place : isUnlisted;
    this.backing.release({ id: transfer, seq, from: hold.debit, amount: hold.amount - hold.captured, claim });
  }
}
