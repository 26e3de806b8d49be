import { MAX_AMOUNT, NIL_UUID, type AccountId, type AssetNo, type Hex, type TransferId, type Uuid, type WindowId } from '#base';
import type { Command, Evidence, Fields, OpenAccount, TransferCommand } from '#ledger/core';
import { MAX_UUID } from '../model/rules.ts';
import type { Random } from '../random.ts';
import type { CommandKind, Settings } from './settings.ts';

/** How many of the latest commands of a sort are used again. */
const RECENT = 64;

/** The commands that clients ask: random, from few accounts and with amounts that meet their limits, so that nearly every rule of the book is met. */
export class Workload {
  readonly #random: Random;
  readonly #settings: Settings;
  readonly #accounts: OpenAccount[] = [];
  readonly #holds: TransferCommand[] = [];
  readonly #recent: Command[] = [];
  readonly #windows: WindowId[] = [];
  #ids = 0;

  constructor(random: Random, settings: Settings) {
    this.#random = random;
    this.#settings = settings;
  }

  /** What every book begins with. */
  opening(): Command[] {
    const assets = Array.from({ length: this.#settings.assets }, (_, i) => this.#asset(i + 1));
    return [...assets, ...Array.from({ length: this.#settings.accounts }, () => this.#openAccount())];
  }

  request(): Command[] {
    const { small, large, isLarge } = this.#settings;
    const length = this.#random.chance(isLarge) ? this.#random.between(small, large) : this.#random.between(1, small);
    return Array.from({ length }, () => this.#linked(this.#remember(this.#evidenced(this.#command()))));
  }

  #command(): Command {
    const kind: CommandKind = this.#random.weighted(this.#settings.kinds);
    switch (kind) {
      case 'move':
        return this.#move(0);
      case 'hold':
        return this.#hold();
      case 'post':
        return this.#settle(this.#random.below(6) === 0 ? 4 | 128 : 4);
      case 'void':
        return this.#settle(8);
      case 'balance':
        return this.#move(this.#random.pick([16, 32, 48, 16 | 2, 32 | 2]));
      case 'repeat':
        return this.#earlier() ?? this.#move(0);
      case 'change':
        return this.#changed();
      case 'expire':
        return { kind: 'expire', transfer: this.#aHold() };
      case 'window':
        return this.#window();
      case 'release':
        return { kind: 'release', transfer: this.#aHold(), instruction: this.#bytes(32), index: this.#random.below(4), reason: this.#random.between(1, 2) };
      case 'other':
        return this.#other();
      case 'open':
        return this.#random.below(4) === 0 ? this.#asset(this.#random.below(5)) : this.#openAccount();
      case 'close':
        return { kind: 'closeAccount', id: this.#random.below(6) === 0 ? this.#id() : this.#anAccount().id };
      case 'odd':
        return this.#odd();
    }
  }

  #asset(asset: number): Command {
    return { kind: 'openAsset', asset: asset as AssetNo, decimals: 6, caip19: null, peg: 'USD', symbol: `T${asset}` };
  }

  #openAccount(): OpenAccount {
    const random = this.#random;
    const flags = random.pick([0, 0, 0, 2, 2, 4]);
    const overdraft = flags > 0 && random.below(2) === 0 ? BigInt(random.below(100)) : 0n;
    const owner = random.below(3) === 0 ? { owner: this.#named('owner', random.below(3)) } : {};
    const asset = (1 + random.below(this.#settings.assets + (random.below(20) === 0 ? 1 : 0))) as AssetNo;
    const account: OpenAccount = { kind: 'openAccount', id: this.#id(), asset, code: random.pick([10, 20]), flags, overdraft, ...owner };
    this.#accounts.push(account);
    return account;
  }

  #anAccount(): OpenAccount {
    // Some are used far more often than others.
    const { below } = { below: (n: number) => this.#random.below(n) };
    return this.#accounts[below(1 + below(this.#accounts.length))]!;
  }

  #move(flags: number): TransferCommand {
    const debit = this.#anAccount();
    let credit = this.#anAccount();
    for (let tries = 0; tries < 8 && (credit === debit || credit.asset !== debit.asset); tries++) credit = this.#anAccount();
    const reference = this.#random.below(4) === 0 ? { reference: this.#named('reference', this.#random.below(50)) } : {};
    const effective = this.#random.below(20) === 0 ? { effectiveMs: this.#random.below(1_000_000) } : {};
    const body = { debit: debit.id, credit: credit.id, asset: debit.asset, amount: this.#amount(), code: this.#random.between(1, 3) };
    return { kind: 'transfer', id: this.#id(), ...body, flags, ...reference, ...effective };
  }

  #hold(): TransferCommand {
    const flags = 2 | this.#random.pick([0, 0, 64, 64, 16]);
    const timeout = this.#random.below(3) > 0 ? { timeoutS: this.#random.between(1, this.#settings.timeoutS) } : {};
    const hold = { ...this.#move(flags), ...timeout };
    keep(this.#random, this.#holds, hold);
    return hold;
  }

  /** A post or a void: mostly of a hold, in parts, whole, or of more than is left. */
  #settle(flags: number): TransferCommand {
    const random = this.#random;
    const hold = this.#holds.length > 0 ? random.pick(this.#holds) : this.#move(2);
    const part = hold.amount === 0n ? 0n : BigInt(random.next()) % (hold.amount + 1n);
    const amounts = flags === 8 ? [0n, 0n, 0n, hold.amount, part] : [part, part, part / 2n, MAX_AMOUNT, hold.amount, hold.amount + 1n];
    const repeated = random.below(5) === 0 ? { debit: hold.debit!, credit: hold.credit!, asset: hold.asset!, code: hold.code! } : {};
    return { kind: 'transfer', id: this.#id(), pendingId: hold.id, amount: random.pick(amounts), flags, ...repeated };
  }

  #window(): Command {
    const from = this.#random.below(4) === 0 ? { fromSeq: BigInt(this.#random.below(200)) } : {};
    const again = this.#windows.length > 0 && this.#random.below(5) === 0;
    const window = again ? this.#random.pick(this.#windows) : this.#id<WindowId>();
    this.#windows.push(window);
    return { kind: 'window', window, ...from };
  }

  #other(): Command {
    const random = this.#random;
    const few = random.below(40);
    const merchant = this.#named<'merchant'>('merchant', random.below(4));
    const authorisation = this.#bytes(32, few);
    switch (random.below(8)) {
      case 0:
        return { kind: 'merchant', merchant, key: this.#bytes(20), authorisation };
      case 1:
        return { kind: 'payee', payee: this.#named('payee', few), merchant, authorisation };
      case 2:
        return { kind: 'order', order: this.#named('order', few), merchant, authorisation, count: random.below(9) };
      case 3:
        return { kind: 'wallet', merchant, wallet: this.#bytes(20, few), authorisation };
      case 4:
        return { kind: 'tariff', tariff: this.#named('tariff', few), schedule: `{"fee":${random.below(3)}}` };
      case 5:
        return { kind: 'erasure', erased: this.#named('subject', few) };
      case 6:
        return { kind: 'liability', root: this.#bytes(32, few), asset: 1 as AssetNo, total: BigInt(random.next()) << 70n };
      default: {
        const window = this.#windows.length > 0 ? random.pick(this.#windows) : this.#id<WindowId>();
        const list = { vault: this.#bytes(20), token: this.#bytes(20), listHash: this.#bytes(32), count: 1, total: 5n, notAfterS: random.next() };
        return { kind: 'instruction', ...list, window, index: random.below(3) };
      }
    }
  }

  /** A command that was asked before, under its own id, with something else in it. */
  #changed(): Command {
    const earlier = this.#earlier();
    if (earlier?.kind === 'openAccount')
      return { ...earlier, code: earlier.code + this.#random.below(2), flags: this.#random.pick([earlier.flags ?? 0, 0, 8]) };
    if (earlier?.kind !== 'transfer') return this.#move(0);
    const change: Partial<TransferCommand> = this.#random.pick<() => Partial<TransferCommand>>([
      () => ({ amount: earlier.amount + 1n }),
      () => ({ code: (earlier.code ?? 0) + 1 }),
      () => ({ flags: (earlier.flags ?? 0) ^ 2 }),
      () => ({ debit: this.#anAccount().id }),
      () => ({ credit: this.#anAccount().id }),
      () => ({ timeoutS: (earlier.timeoutS ?? 0) + 1 }),
      () => ({ effectiveMs: 77 }),
      () => ({ reference: this.#named('reference', 99) }),
      () => ({ pendingId: this.#aHold() }),
      () => ({ asset: this.#random.between(1, 3) as AssetNo }),
      () => ({ subject: this.#named('subject', 1), fields: { metadata: '"other"' } }),
    ])();
    return { ...earlier, ...change };
  }

  /** What nobody in his right mind asks. */
  #odd(): Command {
    const move = this.#move(0);
    return this.#random.pick<() => Command>([
      () => ({ ...move, id: NIL_UUID as TransferId }),
      () => ({ ...move, id: MAX_UUID as TransferId }),
      () => ({ ...move, id: 'A0000000-0000-0000-0000-000000000000' as TransferId }),
      () => ({ ...move, amount: -1n }),
      () => ({ ...move, amount: this.#random.pick([MAX_AMOUNT, MAX_AMOUNT - 50n, 1n << 127n]) }),
      () => ({ ...move, amount: this.#random.pick([MAX_AMOUNT, MAX_AMOUNT - 50n, 1n << 127n]), flags: 2 }),
      () => ({ ...move, credit: move.debit! }),
      () => ({ ...move, credit: this.#id<AccountId>() }),
      () => ({ ...move, debit: this.#random.pick([NIL_UUID, MAX_UUID, this.#id<AccountId>()]) as AccountId }),
      () => ({ ...move, credit: this.#random.pick([NIL_UUID, MAX_UUID]) as AccountId }),
      () => ({ ...move, credit: this.#anAccount().id, asset: this.#random.below(4) as AssetNo }),
      () => ({ ...move, code: 0 }),
      () => ({ ...move, flags: 256 }),
      () => ({ ...move, flags: this.#random.below(256) & ~1 }),
      () => ({ ...move, flags: this.#random.below(256) & ~1, pendingId: this.#aHold(), timeoutS: this.#random.below(2) }),
      () => ({ ...move, pendingId: this.#aHold() }),
      () => ({ ...move, timeoutS: 5 }),
      () => ({ ...move, fields: { metadata: '1' } }),
      () => ({ ...move, flags: 4, pendingId: this.#random.pick([NIL_UUID, MAX_UUID, move.id, this.#id()]) as TransferId }),
      () => ({ ...move, flags: 4, pendingId: this.#someTransfer() }),
      () => ({
        kind: 'openAccount',
        id: this.#id(),
        asset: this.#random.below(9) as AssetNo,
        code: this.#random.below(2),
        flags: this.#random.below(20) & ~1,
        overdraft: 3n,
      }),
      () => ({ kind: 'window', window: NIL_UUID as WindowId }),
      () => ({ kind: 'expire', transfer: this.#someTransfer() }),
      () => ({ kind: 'release', transfer: this.#someTransfer(), instruction: this.#bytes(32), index: 0, reason: 1 }),
    ])();
  }

  #evidenced(command: Command): Command {
    if (command.subject !== undefined || !this.#random.chance(this.#settings.evidence)) return command;
    const fields: Fields = { metadata: `"${this.#random.below(1_000)}"`, order: '{"a":1}' };
    const evidence: Evidence =
      this.#random.below(4) === 0 ? { subject: this.#named('subject', 1) } : { subject: this.#named('subject', this.#random.below(9)), fields };
    return { ...command, ...evidence };
  }

  #linked(command: Command): Command {
    if (!this.#random.chance(this.#settings.linked)) return command;
    if (command.kind === 'transfer' || command.kind === 'openAccount') return { ...command, flags: (command.flags ?? 0) | 1 };
    return { ...command, linked: true };
  }

  #remember(command: Command): Command {
    keep(this.#random, this.#recent, command);
    return command;
  }

  #earlier(): Command | undefined {
    return this.#recent.length > 0 ? this.#random.pick(this.#recent) : undefined;
  }

  #someTransfer(): TransferId {
    const earlier = this.#earlier();
    return earlier?.kind === 'transfer' ? earlier.id : this.#id();
  }

  #aHold(): TransferId {
    return this.#holds.length > 0 ? this.#random.pick(this.#holds).id : this.#id();
  }

  #amount(): bigint {
    return BigInt(this.#random.below(this.#random.pick([2, 20, 20, 100])));
  }

  /** Ids count up, so that none is drawn twice. */
  #id<Id extends Uuid<string>>(): Id {
    this.#ids += 1;
    return `00000000-0000-4000-8000-${this.#ids.toString(16).padStart(12, '0')}` as Id;
  }

  #named<Brand extends string>(sort: string, n: number): Uuid<Brand> {
    const digits = [...sort]
      .reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 65_536, 7)
      .toString(16)
      .padStart(4, '0');
    return `ffff0000-${digits}-4000-8000-${n.toString(16).padStart(12, '0')}` as Uuid<Brand>;
  }

  #bytes(length: number, n = this.#random.below(3)): Hex {
    return `0x${n.toString(16).padStart(length * 2, 'e')}`;
  }
}

/** Keeps the latest, in no order. */
function keep<T>(random: Random, list: T[], item: T): void {
  if (list.length < RECENT) list.push(item);
  else list[random.below(RECENT)] = item;
}
