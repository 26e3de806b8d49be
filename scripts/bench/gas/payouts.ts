import { keccak_256 } from '@noble/hashes/sha3.js';
import { privateKeyToAddress } from 'viem/accounts';
import { assert, concat, derivedId, fromHex, toHex, uintBytes, utf8, uuidBytes, type BookId, type Hex, type WindowId } from '#base';
import { anchorTree, commitment, headOf, inclusionPath, mth, NO_HEAD, peakPath, recordLeaf, type LogProof } from '#anchor/core';
import { instructionId, intentDigest, listHash, paymentWord, type Instruction } from '#custody/intents';
import { COMMITMENT_SLOT, deployAnchor, word } from './anchors.ts';
import { signDigest, START_S, type Compiled, type Deployed, type Evm } from './evm.ts';

export const VAULT_KEY = toHex(keccak_256(utf8('gas report: vault signer')));
const BOOK = derivedId<BookId>(word('book', 0));
const WINDOW = derivedId<WindowId>(word('window', 0));

/** How deep the instruction's record lies. */
export interface Depth {
  /** Records of its batch. */
  readonly batch: number;
  /** Books that anchored together. */
  readonly books: number;
  /** Anchors in the log, one of them after the record's own. */
  readonly anchors: number;
}

/** One book, as a deployment begins, with a thousand anchors behind it. */
export const USUAL: Depth = { batch: 64, books: 1, anchors: 1000 };

/** Gas of a payout to payees who never held the token, and to those who do. */
export interface Line {
  readonly fresh: bigint;
  readonly existing: bigint;
}

/** What one more payee costs, between two sizes that were measured. */
export function marginal(lines: ReadonlyMap<number, Line>, few: number, many: number): Line {
  const [a, b] = [lines.get(few), lines.get(many)];
  assert(a && b, 'both sizes were measured');
  const per = (from: bigint, to: bigint): bigint => (to - from) / BigInt(many - few);
  return { fresh: per(a.fresh, b.fresh), existing: per(a.existing, b.existing) };
}

export interface Payment {
  readonly payee: Hex;
  readonly amount: bigint;
}

export interface Scene {
  readonly anchor: Deployed;
  readonly vault: Deployed;
  readonly token: Deployed;
}

/** A vault with money, one listed token, and its anchor. */
export async function setScene(evm: Evm, contract: (name: string) => Compiled, token: Deployed): Promise<Scene> {
  const anchor = await deployAnchor(evm, contract('LedgerAnchor'));
  const vault = await evm.deploy(contract('SettlementVault'), [
    evm.account,
    evm.account,
    privateKeyToAddress(VAULT_KEY),
    anchor.address,
    toHex(uuidBytes(BOOK)),
  ]);
  await token.gas('mint', [vault.address, 10n ** 18n]);
  await token.gas('mint', [evm.account, 10n ** 18n]);
  await token.gas('approve', [vault.address, 10_000n]);
  await vault.gas('list', [token.address, 10n ** 17n, 10n ** 18n, evm.account, 10_000n]);
  return { anchor, vault, token };
}

/** `count` payments; the same label gives the same payees. Amounts like a supplier's: some thousands with cents. */
export function payments(label: string, count: number): Payment[] {
  return Array.from({ length: count }, (_, index) => ({ payee: toHex(word(label, index).slice(12)), amount: 1_234_560_000n + BigInt(index) * 10_000n }));
}

function packed(list: readonly Payment[]): Hex[] {
  return list.map(({ payee, amount }) => paymentWord(payee, amount));
}

export function proofArguments(proof: LogProof): Record<string, unknown> {
  const hex = (path: readonly Uint8Array[]): Hex[] => path.map((hash) => toHex(hash));
  return {
    ...proof,
    previousHead: toHex(proof.previousHead),
    batchPath: hex(proof.batchPath),
    bookPath: hex(proof.bookPath),
    peaks: hex(proof.peaks),
    peakPath: hex(proof.peakPath),
  };
}

/** Puts an instruction over these payments into a log of this depth, signs it, and answers with the arguments of `pay`. */
export async function payArguments(
  evm: Evm,
  { anchor, vault, token }: Scene,
  list: readonly Payment[],
  index: number,
  depth: Depth,
): Promise<readonly unknown[]> {
  const words = packed(list);
  const instruction: Instruction = {
    book: BOOK,
    window: WINDOW,
    index,
    token: token.address,
    listHash: listHash(words),
    count: words.length,
    total: list.reduce((sum, { amount }) => sum + amount, 0n),
    notAfterS: START_S + 86_400,
  };
  const { book: _, ...body } = instruction;
  const firstSeq = 1_000_000n;
  const place = Math.floor(depth.batch / 2);
  const seq = firstSeq + BigInt(place);
  const nowMs = START_S * 1000 + 123;
  const fieldsRoot = new Uint8Array(32);
  const leaves = Array.from({ length: depth.batch }, (__, at) => word('another record', at));
  leaves[place] = recordLeaf({ chainId: evm.chainId, book: BOOK }, { kind: 'instruction', vault: vault.address, ...body, seq, nowMs }, fieldsRoot);
  const ours = { book: BOOK, firstSeq, lastSeq: firstSeq + BigInt(depth.batch) - 1n, previousHead: word('head', 0), batchRoot: mth(leaves) };
  const others = Array.from({ length: depth.books - 1 }, (__, at) => ({
    book: derivedId<BookId>(word('another book', at)),
    firstSeq: 1n,
    lastSeq: 1n,
    previousHead: NO_HEAD,
    batchRoot: word('another batch', at),
  }));
  const tree = anchorTree([ours, ...others]);
  const bookIndex = tree.books.indexOf(ours);
  // Paid as soon as it is anchored: one more anchor came in between.
  const anchorIndex = depth.anchors - 2;
  const log = Array.from({ length: depth.anchors }, (__, at) => (at === anchorIndex ? tree.leaf : word('anchor leaf', at)));
  const head = headOf(log);
  await evm.setStorage(anchor.address, COMMITMENT_SLOT, toHex(commitment(head)));
  const proof = proofArguments({
    firstSeq,
    lastSeq: ours.lastSeq,
    previousHead: ours.previousHead,
    batchPath: inclusionPath(leaves, place),
    bookIndex,
    bookCount: depth.books,
    bookPath: tree.path(bookIndex),
    anchorIndex: BigInt(anchorIndex),
    count: head.count,
    peaks: head.peaks,
    peakPath: peakPath(log, anchorIndex),
  });
  const signature = await signDigest(VAULT_KEY, intentDigest({ kind: 'instruction', chainId: evm.chainId, vault: vault.address, instruction }));
  const { notAfterS, ...struct } = instruction;
  const argument = { ...struct, book: toHex(uuidBytes(BOOK)), window: toHex(uuidBytes(WINDOW)), notAfter: BigInt(notAfterS) };
  return [argument, words, { seq, nowMs: BigInt(nowMs), fieldsRoot: toHex(fieldsRoot) }, proof, signature, instructionId(instruction)];
}

/** Gas of one `pay`. */
export async function payGas(evm: Evm, scene: Scene, list: readonly Payment[], index: number, depth: Depth): Promise<bigint> {
  const args = await payArguments(evm, scene, list, index, depth);
  return scene.vault.gas('pay', args.slice(0, 5));
}

/** The other ways to pay the same list, each from a balance of its own. */
export const PAYOUT_REFERENCES = ['PackedPayout', 'Disperse', 'MultiSend'] as const;

export async function deployReference(
  evm: Evm,
  contract: (name: string) => Compiled,
  name: (typeof PAYOUT_REFERENCES)[number],
  token: Deployed,
): Promise<Deployed> {
  const reference = await evm.deploy(contract(name), []);
  await token.gas('mint', [reference.address, 10n ** 18n]);
  await token.gas('approve', [reference.address, 10n ** 30n]);
  return reference;
}

export function referenceGas(
  reference: Deployed,
  name: (typeof PAYOUT_REFERENCES)[number],
  token: Deployed,
  list: readonly Payment[],
  index: number,
): Promise<bigint> {
  if (name === 'PackedPayout') return reference.gas('pay', [toHex(word('id', index)), token.address, packed(list)]);
  if (name === 'Disperse') return reference.gas('disperseToken', [token.address, list.map(({ payee }) => payee), list.map(({ amount }) => amount)]);
  const calls = list.map(({ payee, amount }) => {
    const data = fromHex(token.data('transfer', [payee, amount]));
    return concat(new Uint8Array(1), fromHex(token.address), new Uint8Array(32), uintBytes(data.length, 32), data);
  });
  return reference.gas('multiSend', [toHex(concat(...calls))]);
}
