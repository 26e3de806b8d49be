import { appendLeaf, commitment, EMPTY_LOG, recordLeaf, type LogHead } from '#anchor/core';
import type { AnchorChain, AnchoredEvent, AnchorOutbox, Prover, RecordSource } from '#anchor';
import { fromHex, toHex, uuidBytes, type BookId, type Hex, type Uuid } from '#base';
import type { ChainClient } from '#chain';
import type { Custody, Outcome, SignatureRequestId } from '#custody';
import { intentDigest, isSignatureBy, type Role } from '#custody/intents';
import { isDeepStrictEqual } from 'node:util';
import type { LedgerRecord } from '#ledger/core';
import { LEDGER_ANCHOR_ABI } from '../../src/chain/abi/ledger-anchor.ts';

export const CHAIN_ID = 31337n;
export const ANCHOR: Hex = `0x${'a1'.repeat(20)}`;
export const VAULT: Hex = `0x${'b2'.repeat(20)}`;

interface Call {
  readonly leaf: Hex;
  readonly count: bigint;
  readonly peaks: readonly Hex[];
  readonly signature: Hex;
}

interface Mined extends AnchoredEvent {
  readonly head: LogHead;
}

/** LedgerAnchor and an outbox in memory, by the contract's own rules: compare-and-set on the commitment, the poster's signature over (previous, leaf). */
export class FakeChain implements AnchorChain, AnchorOutbox {
  readonly chainId = CHAIN_ID;
  readonly anchorAddress = ANCHOR;
  #poster: Hex;
  #mined: Mined[] = [];
  #block = 0n;
  #finalBlock = 0n;
  readonly transactions = new Map<string, { readonly data: Hex; state: string }>();
  readonly sent: Hex[] = [];

  constructor(poster: Hex) {
    this.#poster = poster;
  }

  setPoster(poster: Hex): void {
    this.#poster = poster;
  }

  encodeAnchor(call: Call): Hex {
    return toHex(new TextEncoder().encode(JSON.stringify({ ...call, count: call.count.toString() })));
  }

  rebuildWith(): void {
    // Refused transactions fail here at once; what the anchorer does then is what is tested.
  }

  async enqueue({ id, data }: { readonly id: Uuid<'outbox'>; readonly data: Hex }): Promise<void> {
    if (this.transactions.has(id)) return;
    this.transactions.set(id, { data, state: 'sent' });
    this.sent.push(data);
  }

  async transaction(id: Uuid<'outbox'>): Promise<{ readonly state: string }> {
    return this.transactions.get(id)!;
  }

  async anchored(fromIndex: bigint): Promise<readonly AnchoredEvent[]> {
    return this.#mined.filter(({ index }) => index >= fromIndex).map((event) => ({ ...event, isFinal: event.blockNumber <= this.#finalBlock }));
  }

  get head(): LogHead {
    return this.#mined.at(-1)?.head ?? EMPTY_LOG;
  }

  /** Mines everything that is on its way, in one block. */
  mine(): void {
    this.#block++;
    for (const transaction of this.transactions.values()) {
      if (transaction.state === 'sent') transaction.state = this.#apply(transaction.data) ? 'mined' : 'failed';
    }
  }

  finalize(): void {
    this.#finalBlock = this.#block;
  }

  /** Takes the newest leaves out of the chain; their transactions wait to be mined again. */
  reorg(leaves: number): void {
    this.#mined = this.#mined.slice(0, this.#mined.length - leaves);
    for (const transaction of [...this.transactions.values()].filter(({ state }) => state === 'mined').slice(-leaves)) transaction.state = 'sent';
  }

  /** Somebody else relays the same call first. */
  frontRun(data: Hex): boolean {
    this.#block++;
    return this.#apply(data);
  }

  #apply(data: Hex): boolean {
    const call = JSON.parse(new TextDecoder().decode(fromHex(data))) as { leaf: Hex; count: string; peaks: Hex[]; signature: Hex };
    const previous = commitment(this.head);
    const supplied = { count: BigInt(call.count), peaks: call.peaks.map(fromHex) };
    if (!isDeepStrictEqual(previous, commitment(supplied))) return false;
    const digest = intentDigest({ kind: 'anchor', chainId: CHAIN_ID, anchor: ANCHOR, previous: toHex(previous), leaf: call.leaf });
    if (!isSignatureBy(this.#poster, digest, call.signature)) return false;
    const head = appendLeaf(supplied, fromHex(call.leaf));
    const transactionHash: Hex = `0x${(this.#mined.length + 1).toString(16).padStart(64, '0')}`;
    this.#mined.push({
      index: supplied.count,
      leaf: call.leaf,
      commitment: toHex(commitment(head)),
      transactionHash,
      blockNumber: this.#block,
      isFinal: false,
      head,
    });
    return true;
  }
}

/** What LedgerAnchor itself says of a record's proof, in one call of its view: 0 where there is no fault. */
export async function contractFault(client: ChainClient, anchor: Hex, prover: Prover, source: RecordSource, seq: bigint): Promise<number> {
  const { record, fieldsRoot, proof } = await prover.proofNow(source, seq);
  const leaf = toHex(recordLeaf({ chainId: client.chainId, book: source.bookId }, record, fieldsRoot));
  const hexes = (hashes: readonly Uint8Array[]) => hashes.map(toHex);
  const logProof = {
    ...proof,
    previousHead: toHex(proof.previousHead),
    batchPath: hexes(proof.batchPath),
    bookPath: hexes(proof.bookPath),
    peaks: hexes(proof.peaks),
    peakPath: hexes(proof.peakPath),
  };
  const args = [leaf, toHex(uuidBytes(source.bookId)), seq, logProof] as const;
  return client.read('a proof', (viem) => viem.readContract({ abi: LEDGER_ANCHOR_ABI, address: anchor, functionName: 'verifyRecord', args }));
}

/** A book's journal in memory. */
export function sourceOf(bookId: BookId, records: readonly LedgerRecord[]): RecordSource {
  return {
    bookId,
    records: async ({ fromSeq, limit }) => records.filter(({ seq }) => seq >= fromSeq).slice(0, limit),
  };
}

/** A custody that answers only when it is told to. */
export function slowCustody(custody: Custody): Custody & { answering: boolean } {
  return {
    answering: false,
    address: (role: Role) => custody.address(role),
    requestSignature: (role, intent) => custody.requestSignature(role, intent),
    health: () => custody.health(),
    async outcome(id: SignatureRequestId): Promise<Outcome> {
      return this.answering ? custody.outcome(id) : { status: 'pending' };
    },
  };
}
