import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keccak_256 } from '@noble/hashes/sha3.js';
import {
  concat,
  derivedId,
  fromHex,
  toHex,
  uintBytes,
  utf8,
  uuidBytes,
  type AssetNo,
  type BookId,
  type Hex,
  type MerchantId,
  type OrderId,
  type PayeeId,
  type PaymentId,
  type TransferId,
  type WindowId,
} from '#base';
import { anchorTree, canonicalJson, commitment, merkleTree, NO_HEAD, recordFieldsRoot, recordLeaf, recordSalt, type BookRecord, type Hash } from '#anchor/core';
import type { AnchorIntent, Instruction, InstructionIntent } from '#custody/intents';
import { encodePage, type FeedItem } from '#feed/core';
import { merchantDomain, messageDigest, type AuthorisationJson, type MessageKind, type Messages } from '#identity/core';
import {
  ACCOUNT_CODES,
  apply,
  chartAccount,
  DEBITS_MUST_NOT_EXCEED_CREDITS,
  emptyState,
  TRANSFER_CODES,
  type AccountRole,
  type Command,
  type LedgerRecord,
  type TransferCommand,
} from '#ledger/core';
import { parsePain001, parseRates, paymentIdOf, quote, type OrderEvidence, type PayeeEvidence } from '#payments/core';
import { planInstructions, type PlannedInstruction, type TakenHold } from '#settlement/core';
import { holdCommands } from '../../../../../src/payments/core/legs.ts';
import { openNodeBook, type NodeBook, type NodeBookOptions, type RegisteredKey, type Registration } from '../../../../../mpc/node/book/book.ts';
import { orderFile, type OrderLine } from '../../../../support/order.ts';
import { sign } from '../../../../support/trade.ts';
import { FakeChain } from './fakeChain.ts';
import {
  ASSETS,
  chartCommands,
  depositField,
  DEPTH,
  evidence,
  EXAMPLE,
  FAR_S,
  freshId,
  personOf,
  random,
  START_MS,
  TOKENS,
  USD,
  type Entry,
  type HoldChanges,
  type Person,
  type Placed,
} from './samples.ts';

/**
 * A platform in the hands of whoever attacks it: it writes whatever record the ledger's rules allow, with whatever evidence, seals and anchors it, and feeds signers.
 * What is honest in it is done with the product's own pure cores.
 */
export class Forge {
  readonly book = freshId<BookId>();
  readonly chain = new FakeChain(this.book, START_MS / 1000 - 1_000);
  readonly state = emptyState();
  readonly items: FeedItem[] = [];
  readonly merchant: Person = personOf('11');
  readonly other: Person = personOf('22');
  readonly registered = new Map<MerchantId, RegisteredKey[]>();
  readonly ends: bigint[] = [];
  nowMs = START_MS;
  #nonce = 1n;
  #subjectKey = random(32);
  /** What the last batch says. */
  sealed!: BookRecord;
  #bookHead: Hash = NO_HEAD;
  #sealedTo = 0n;
  readonly #opened: { readonly node: NodeBook; readonly folder: string }[] = [];

  get registration(): Registration {
    const { chainId, anchor, vault } = this.chain;
    return {
      chainId,
      anchor,
      vault,
      timelock: `0x${'c3'.repeat(20)}`,
      safe: `0x${'d4'.repeat(20)}`,
      owner: `0x${'0e'.repeat(20)}`,
      book: this.book,
      fromBlock: 0n,
    };
  }

  account(role: AccountRole, asset: AssetNo = USD, owner?: MerchantId) {
    return owner === undefined ? chartAccount(this.book, role, asset) : chartAccount(this.book, role, asset, owner);
  }

  /** Books whatever the ledger's rules take, a second later. Returns what was written. */
  submit(commands: readonly Command[], file: Uint8Array | null = null): readonly LedgerRecord[] {
    this.nowMs += 1_000;
    const { results, records } = apply(this.state, commands, this.nowMs);
    for (const record of records) this.write(record, record.kind === 'order' ? file : null);
    const refused = results.find(({ code }) => code !== 'created');
    assert.equal(refused?.code, undefined, 'the forged book takes it');
    return records;
  }

  write(record: LedgerRecord, file: Uint8Array | null = null): void {
    const { subject: _, ...shown } = record;
    this.items.push({ record: shown, salt: record.fields ? recordSalt(this.#subjectKey, this.book, record.seq) : null, fieldsRoot: null, file });
  }

  /** Chart, tariff, two merchants that the operators know, and one payee's worth of money. */
  async open(): Promise<this> {
    this.submit(chartCommands(this.book));
    const schedule = canonicalJson(EXAMPLE.tariff);
    this.submit([{ kind: 'tariff', tariff: derivedId(keccak_256(utf8(schedule))), schedule }]);
    for (const person of [this.merchant, this.other]) {
      this.registered.set(person.id, [{ key: person.address, untilMs: null }]);
      await this.enrol(person);
    }
    return this;
  }

  async enrol({ id: merchant, key, address }: Person): Promise<void> {
    const signed = await this.sign(key, 'MerchantKey', { merchant, key: address, nonce: this.nonce(), expiry: FAR_S });
    const accounts = ASSETS.map(({ asset }) => ({
      kind: 'openAccount' as const,
      id: this.account('merchant', asset, merchant),
      asset,
      code: ACCOUNT_CODES.merchant,
      flags: DEBITS_MUST_NOT_EXCEED_CREDITS,
      owner: merchant,
    }));
    this.submit([{ kind: 'merchant', merchant, key: address, authorisation: signed.digest, ...evidence(signed.json, merchant) }, ...accounts]);
  }

  nonce(): bigint {
    return this.#nonce++;
  }

  async sign<Kind extends MessageKind>(key: Hex, kind: Kind, message: Messages[Kind]): Promise<{ readonly json: AuthorisationJson; readonly digest: Hex }> {
    const json = await sign(key, kind, message, this.chain.vault, this.chain.chainId);
    return { json, digest: toHex(messageDigest(merchantDomain(this.chain.chainId, this.chain.vault), kind, message)) };
  }

  /** A final deposit, as the chain and the book have it. `change`: what the record says instead. */
  deposit(
    amount: bigint,
    more: { merchant?: MerchantId; asset?: AssetNo; reference?: Hex; change?: (command: TransferCommand) => TransferCommand; mined?: boolean } = {},
  ): TransferCommand {
    const { merchant = this.merchant.id, asset = USD, change = (command) => command, mined = true } = more;
    const liquidity = toHex(concat(uuidBytes(this.book), new Uint8Array(16)));
    const reference = more.reference ?? toHex(concat(uuidBytes(merchant), new Uint8Array(16)));
    const from: Hex = `0x${'77'.repeat(20)}`;
    const token = TOKENS.get(asset)!;
    const place = mined ? this.chain.deposit({ token, from, amount, reference }) : { transaction: toHex(random(32)), logIndex: 3, block: 1n };
    if (mined) this.chain.finalise(DEPTH);
    const digest = keccak_256(concat(utf8('cairn.deposit'), uintBytes(this.chain.chainId, 8), fromHex(place.transaction), uintBytes(place.logIndex, 4)));
    const isLiquidity = reference === liquidity;
    const command = change({
      kind: 'transfer',
      id: derivedId<TransferId>(digest),
      debit: this.account('vault', asset),
      credit: isLiquidity ? this.account('fxPosition', asset) : this.account('merchant', asset, merchant),
      asset,
      amount,
      code: isLiquidity ? TRANSFER_CODES.liquidity : TRANSFER_CODES.deposit,
      subject: this.book,
      fields: {
        deposit: depositField({ chainId: this.chain.chainId, place, token, from, amount, reference }),
      },
    });
    this.submit([command]);
    return command;
  }

  liquidity(amount: bigint, asset: AssetNo): void {
    this.deposit(amount, { asset, reference: toHex(concat(uuidBytes(this.book), new Uint8Array(16))) });
  }

  async payee(more: Partial<Messages['Payee']> = {}, key = this.merchant.key): Promise<Entry> {
    const id = freshId<PayeeId>();
    const message: Messages['Payee'] = {
      merchant: this.merchant.id,
      payee: id,
      name: `Payee ${id}`,
      account: `ACC${toHex(random(8)).slice(2).toUpperCase()}`,
      settlementAddress: toHex(random(20)),
      token: TOKENS.get(USD)!,
      nonce: this.nonce(),
      expiry: FAR_S,
      ...more,
    };
    const { json, digest } = await this.sign(key, 'Payee', message);
    this.submit([{ kind: 'payee', payee: message.payee, merchant: message.merchant, authorisation: digest, ...evidence(json, message.merchant) }]);
    return { message, digest };
  }

  /** A signed order over these lines. `shown`: the file that the feed shows instead. */
  async order(
    lines: readonly OrderLine[],
    more: Partial<Messages['Order']> & { readonly key?: Hex; readonly shown?: Uint8Array | null } = {},
  ): Promise<Placed> {
    const { key = this.merchant.key, shown, ...changed } = more;
    const order = freshId<OrderId>();
    const file = orderFile(order, lines);
    const facts = parsePain001(file);
    const message: Messages['Order'] = {
      merchant: this.merchant.id,
      order,
      account: this.account('merchant', USD, this.merchant.id),
      fileHash: facts.fileHash,
      count: BigInt(facts.count),
      controlSum: facts.controlSum,
      nonce: this.nonce(),
      expiry: FAR_S,
      ...changed,
    };
    const { json, digest } = await this.sign(key, 'Order', message);
    const { merchant } = message;
    this.submit(
      [{ kind: 'order', order, merchant, authorisation: digest, count: Number(message.count), ...evidence(json, merchant) }],
      shown === undefined ? file : shown,
    );
    return { order, digest, file };
  }

  /** Holds payment `position` of an order for a payee, as the coordinator would; with whatever an attack changes. */
  hold({ order, digest, file }: Placed, entry: Entry, changes: HoldChanges = {}): PaymentId {
    const { position = 0 } = changes;
    const parsed = parsePain001(file);
    const line = parsed.payments[position] ?? parsed.payments[0]!;
    const asset = [...TOKENS].find(([, token]) => token === entry.message.token)![0];
    const [payerAsset, payeeAsset] = [ASSETS[0]!, ASSETS.find((candidate) => candidate.asset === asset)!];
    const quoted = quote({
      tariff: EXAMPLE.tariff,
      rates: parseRates(EXAMPLE.rates, this.nowMs),
      currency: line.currency,
      amountMinor: line.amountMinor,
      payerAsset,
      payeeAsset,
      nowMs: this.nowMs,
    });
    const booked = changes.priced?.(quoted) ?? quoted;
    const orderEvidence: OrderEvidence = {
      order,
      digest,
      fileHash: parsed.fileHash,
      position,
      endToEndId: line.endToEndId,
      creditorName: line.creditor.name,
      creditorAccount: line.creditorAccount.id,
      currency: line.currency,
      instructed: line.instructedAmount,
    };
    const { payee, name, account, settlementAddress: address } = entry.message;
    const payeeEvidence: PayeeEvidence = { payee, digest: entry.digest, name, account, address, asset, sandbox: false };
    const payment = paymentIdOf(order, position);
    const commands = holdCommands({
      book: this.book,
      payment,
      account: this.account('merchant', USD, this.merchant.id),
      legs: booked.legs,
      timeoutS: 86_400,
      subject: payee,
      fields: {
        order: canonicalJson(changes.order?.(orderEvidence) ?? orderEvidence),
        payee: canonicalJson(changes.payee?.(payeeEvidence) ?? payeeEvidence),
        quote: canonicalJson(changes.quote?.(booked.evidence) ?? booked.evidence),
        authorisation: canonicalJson({ order: digest, payee: entry.digest }),
      },
    });
    this.submit(changes.commands?.(commands) ?? commands);
    return payment;
  }

  /** An order of one line for a fresh payee, held. */
  async pay(amount: string, changes: HoldChanges = {}): Promise<Entry> {
    const entry = await this.payee();
    const { name, account } = entry.message;
    this.hold(await this.order([{ name, account, currency: 'USD', amount }]), entry, changes);
    return entry;
  }

  /** Closes a window and books its instructions. `change`: what the list is made of instead. */
  settle(
    change: (plan: PlannedInstruction) => PlannedInstruction = (plan) => plan,
    taken: (holds: TakenHold[]) => TakenHold[] = (holds) => holds,
  ): InstructionIntent {
    const window = freshId<WindowId>();
    const [record] = this.submit([{ kind: 'window', window }]);
    const holds = [...this.state.holds.values()].filter((hold) => hold.windowSeq === record!.seq && hold.code === TRANSFER_CODES.payout);
    const list = holds.map((hold): TakenHold => {
      const { fields } = this.items[Number(hold.seq) - 1]!.record;
      const { address } = JSON.parse(fields!.payee!) as { address: Hex };
      return { hold: hold.id, seq: hold.seq, payment: hold.reference as string as PaymentId, asset: hold.asset, amount: hold.amount, address };
    });
    const plans = planInstructions({ book: this.book, window, notAfterS: Math.floor(this.nowMs / 1000) + 86_400, tokens: TOKENS }, taken(list)).map(change);
    const { vault } = this.chain;
    this.submit(plans.map((plan) => ({ kind: 'instruction', vault, ...membersOf(plan) })));
    return this.intent({ book: this.book, ...membersOf(plans[0]!) });
  }

  intent(instruction: Instruction): InstructionIntent {
    return { kind: 'instruction', chainId: this.chain.chainId, vault: this.chain.vault, instruction };
  }

  /** Seals everything up to `lastSeq` into a batch and says what the poster is asked to sign for it. `aside`: a batch that the book does not go on behind. */
  seal(lastSeq = BigInt(this.items.length), aside?: 'aside'): AnchorIntent {
    const firstSeq = this.#sealedTo + 1n;
    const batchRoot = merkleTree(concat(...this.items.slice(Number(firstSeq - 1n), Number(lastSeq)).map((item) => this.leafOf(item)))).root;
    this.sealed = { book: this.book, firstSeq, lastSeq, previousHead: this.#bookHead, batchRoot };
    const { leaf } = anchorTree([this.sealed]);
    this.ends.push(lastSeq);
    if (!aside) [this.#bookHead, this.#sealedTo] = [leaf, lastSeq];
    const { chainId, anchor, head } = this.chain;
    return { kind: 'anchor', chainId, anchor, previous: toHex(commitment(head)), leaf: toHex(leaf) };
  }

  leafOf({ record, salt }: FeedItem): Hash {
    return recordLeaf({ chainId: this.chain.chainId, book: this.book }, record, recordFieldsRoot(record, salt));
  }

  /** Seals, anchors, and lets it become final. */
  anchor(): void {
    this.chain.append(this.seal().leaf);
    this.chain.finalise(DEPTH);
  }

  page(from = 1n, change: Partial<Parameters<typeof encodePage>[0]> = {}): Uint8Array {
    const sealedTo = this.#sealedTo;
    const items = this.items.slice(Number(from - 1n), Number(sealedTo));
    return encodePage({ chainId: this.chain.chainId, book: this.book, sealedTo, ends: this.ends.filter((end) => end >= from), items, ...change });
  }

  /** A signer's book that trusts one honest endpoint of this chain, unless told otherwise. */
  async node(more: Partial<NodeBookOptions> & { readonly urls?: readonly string[] } = {}): Promise<NodeBook> {
    const { urls, ...options } = more;
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'cairn-node-book-'));
    const chain = {
      urls: urls ?? [await this.chain.serve()],
      finality: { kind: 'depth', blocks: DEPTH },
      maxBehindBlocks: 3,
      maxBehindMs: null,
      timeoutMs: 5_000,
    } as const;
    const node = await openNodeBook({
      folder,
      registration: this.registration,
      merchants: () => this.registered,
      rates: () => null,
      agreed: () => [],
      addressOf: () => undefined,
      chain,
      maxAheadMs: 1_000,
      onFatal: (problem) => assert.fail(problem),
      ...options,
    });
    this.#opened.push({ node, folder });
    return node;
  }

  async fed(more: Parameters<Forge['node']>[0] = {}): Promise<NodeBook> {
    const node = await this.node(more);
    const taken = await node.absorb(this.page(), this.nowMs);
    assert.deepEqual(taken.ok ? null : taken, null);
    return node;
  }

  /** Ends a node; its folder stays for the next one. */
  async stop(node: NodeBook): Promise<void> {
    this.#opened.splice(
      this.#opened.findIndex((opened) => opened.node === node),
      1,
    );
    await node.close();
  }

  async close(): Promise<void> {
    for (const { node, folder } of this.#opened) {
      await node.close();
      rmSync(folder, { recursive: true, force: true });
    }
    this.chain.close();
  }
}

function membersOf({ window, index, token, listHash, count, total, notAfterS }: PlannedInstruction): Omit<Instruction, 'book'> {
  return { window, index, token, listHash, count, total, notAfterS };
}
