import { NIL_UUID, type AccountId, type Hex, type TransferId } from '#base';
import { chartAccount, type Account, type State, type TransferRecord } from '#ledger/core';
import type { DepositClaim } from './deposits.ts';
import type { HeldPayment } from './payments.ts';

/** What a record did to the money of two accounts, as of that record. */
type Movement =
  | {
      readonly kind: 'claim';
      readonly id: TransferId;
      readonly seq: bigint;
      readonly to: AccountId;
      readonly amount: bigint;
      readonly claim: DepositClaim | null;
    }
  | ({ readonly kind: 'release' } & Release)
  | { readonly kind: 'hold'; readonly held: HeldPayment; readonly from: AccountId; readonly available: bigint }
  | {
      readonly kind: 'move';
      readonly from: AccountId;
      readonly to: AccountId;
      readonly amount: bigint;
      /** What `from` had left after it. */
      readonly available: bigint;
      /** Whoever owned it gave it: to himself, or by an order that he signed. The payment whose leg it posts decides once it is judged. */
      readonly by: HeldPayment | boolean;
    };

/** "Word `index` of this instruction was not paid and never will be": what a release says of the chain. */
export interface ReleaseClaim {
  readonly instruction: Hex;
  readonly index: number;
  readonly notAfterS: number;
}

/** A hold that is given back after a window took it. `claim`: true where no instruction names it, false where it names another than its own. */
interface Release {
  readonly id: TransferId;
  readonly seq: bigint;
  readonly from: AccountId;
  readonly amount: bigint;
  readonly claim: ReleaseClaim | boolean;
}

/** What has to be asked of the chain before anything behind it is known. */
export type WaitingClaim = { readonly id: TransferId; readonly seq: bigint } & ({ readonly deposit: DepositClaim } | { readonly release: ReleaseClaim });

/** Credits less debits, holds counted: what the account can still pay, whatever the book lets it owe. */
function availableTo({ creditsPosted, debitsPosted, debitsPending }: Account): bigint {
  return creditsPosted - debitsPosted - debitsPending;
}

/**
 * How much of each account’s money nothing stands behind: invented deposits, deposits credited twice or to the wrong owner, payments given back that the vault
 * paid, money moved between owners without an order. An account pays with the money that is backed first, so that an invention spoils nothing but itself; what it pays beyond that carries the defect along.
 * Records are taken in order, and the book waits at a claim that is not looked up yet.
 */
export class Backing {
  readonly #unbacked = new Map<AccountId, bigint>();
  readonly #queue: Movement[] = [];
  #next = 0;
  /** Whether the chain has a claimed deposit: decided once. */
  readonly #proofs = new Map<TransferId, boolean>();

  /** `claim` null: it says that money came in, and what it says cannot be. */
  claim({ id, seq, credit: to, amount }: TransferRecord, claim: DepositClaim | null): void {
    this.#queue.push({ kind: 'claim', id, seq, to, amount, claim });
  }

  release(release: Release): void {
    this.#queue.push({ kind: 'release', ...release });
  }

  hold(state: State, held: HeldPayment, from: AccountId): void {
    this.#queue.push({ kind: 'hold', held, from, available: availableTo(state.accounts.get(from)!) });
  }

  /** Money that changed accounts for good: a transfer, or what a hold posts. `held`: of a payment’s leg. */
  move(state: State, { debit: from, credit: to, amount }: TransferRecord, held: HeldPayment | null): void {
    const [debtor, creditor] = [state.accounts.get(from)!, state.accounts.get(to)!];
    const isOwn = debtor.owner !== NIL_UUID && debtor.owner === creditor.owner;
    this.#queue.push({ kind: 'move', from, to, amount, available: availableTo(debtor), by: held ?? isOwn });
  }

  /** Claims to be looked up, oldest first, at most `limit`. */
  waiting(limit: number): readonly WaitingClaim[] {
    const waiting: WaitingClaim[] = [];
    for (let at = this.#next; at < this.#queue.length && waiting.length < limit; at++) {
      const movement = this.#queue[at]!;
      if ((movement.kind !== 'claim' && movement.kind !== 'release') || this.#proofs.has(movement.id)) continue;
      const { id, seq, claim } = movement;
      if (claim === null || typeof claim === 'boolean') continue;
      waiting.push('transaction' in claim ? { id, seq, deposit: claim } : { id, seq, release: claim });
    }
    return waiting;
  }

  /** Takes what the chain answered about a waiting claim, for ever. */
  prove(id: TransferId, isSo: boolean): void {
    this.#proofs.set(id, isSo);
  }

  /** Goes on up to the first claim that is not looked up. */
  advance(): void {
    for (let movement = this.#queue[this.#next]; movement && this.#take(movement); movement = this.#queue[this.#next]) this.#next++;
    // What was taken is never looked at again.
    if (this.#next < 4_096 && this.#next < this.#queue.length) return;
    this.#queue.splice(0, this.#next);
    this.#next = 0;
  }

  unbackedOf(account: AccountId): bigint {
    return this.#unbacked.get(account) ?? 0n;
  }

  #take(movement: Movement): boolean {
    switch (movement.kind) {
      case 'claim':
        return this.#takeClaim(movement);
      case 'release': {
        const { id, from, amount, claim } = movement;
        const proof = typeof claim === 'boolean' ? claim : this.#proofs.get(id);
        if (proof === undefined) return false;
        this.#proofs.delete(id);
        if (!proof) this.#add(from, amount);
        return true;
      }
      case 'hold': {
        const { held, from, available } = movement;
        held.backed = (held.backed ?? true) && available >= this.unbackedOf(from);
        return true;
      }
      case 'move': {
        const { from, to, amount, available, by } = movement;
        const isGiven = typeof by === 'boolean' ? by : by.fault === null;
        const bad = isGiven ? least(amount, this.unbackedOf(from) - available) : amount;
        this.#add(from, -least(bad, this.unbackedOf(from)));
        this.#add(to, bad);
        return true;
      }
    }
  }

  /**
   * No deposit is a merchant’s twice: the id of its credit, and of its way out of suspense, follows from it, and the ledger takes an id once. What leaves suspense is worth
   * what the chain says of that very deposit, not what else waits there, so that the money of others never stands behind an invention.
   */
  #takeClaim({ id, to, amount, claim }: Extract<Movement, { kind: 'claim' }>): boolean {
    const proof = claim === null ? false : this.#proofs.get(id);
    if (proof === undefined) return false;
    this.#proofs.delete(id);
    if (!proof) this.#add(to, amount);
    return true;
  }

  #add(account: AccountId, amount: bigint): void {
    if (amount !== 0n) this.#unbacked.set(account, this.unbackedOf(account) + amount);
  }
}

/** Between nothing and `most`. */
function least(most: bigint, amount: bigint): bigint {
  if (amount <= 0n) return 0n;
  return amount < most ? amount : most;
}

/** Of a block: the bits of an instruction, and its clock in seconds. */
export interface VaultBits {
  readonly settled: bigint;
  readonly cancelled: bigint;
  readonly timestampS: bigint;
}

/** Whether a released payment can never be paid: true or false for ever, null where it will be known once the newest block is final. */
export function isUnpaid({ index, notAfterS }: ReleaseClaim, final: VaultBits, newest: VaultBits): boolean | null {
  const bit = 1n << BigInt(index);
  if ((final.cancelled & bit) !== 0n) return true;
  if ((final.settled & bit) !== 0n) return false;
  if (final.timestampS > BigInt(notAfterS)) return true;
  const isComing = (newest.cancelled & bit) !== 0n || newest.timestampS > BigInt(notAfterS);
  return isComing ? null : false;
}

/** True of a transfer that says what came into the vault: when it comes, and where it leaves suspense. */
export function isDeposit(book: Parameters<typeof chartAccount>[0], { debit, asset, fields }: TransferRecord): boolean {
  return fields?.deposit !== undefined || debit === chartAccount(book, 'vault', asset);
}
