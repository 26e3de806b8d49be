import { keccak_256 } from '@noble/hashes/sha3.js';
import { privateKeyToAddress } from 'viem/accounts';
import { toHex, utf8, type Hex } from '#base';
import { appendLeaf, commitment, EMPTY_LOG, type LogHead } from '#anchor/core';
import { intentDigest } from '#custody/intents';
import { signDigest, type Compiled, type Deployed, type Evm } from './evm.ts';

export interface Spread {
  readonly average: bigint;
  readonly worst: bigint;
}

const POSTER_KEY = toHex(keccak_256(utf8('gas report: poster')));

/** Words that look like roots: no zero bytes but those that chance makes. */
export function word(label: string, index: number): Uint8Array {
  return keccak_256(utf8(`${label} ${index}`));
}

export function spread(gas: readonly bigint[]): Spread {
  return { average: gas.reduce((sum, one) => sum + one, 0n) / BigInt(gas.length), worst: gas.reduce((max, one) => (one > max ? one : max), 0n) };
}

/** Slot of LedgerAnchor.commitment (test/contracts/snapshots/storage.json). */
export const COMMITMENT_SLOT = 6n;

export async function deployAnchor(evm: Evm, contract: Compiled): Promise<Deployed> {
  return evm.deploy(contract, [evm.account, evm.account, privateKeyToAddress(POSTER_KEY)]);
}

/** Call data of anchor(), signed. */
export async function anchorData(evm: Evm, anchor: Deployed, head: LogHead, leaf: Uint8Array): Promise<Hex> {
  const previous = toHex(commitment(head));
  const digest = intentDigest({ kind: 'anchor', chainId: evm.chainId, anchor: anchor.address, previous, leaf: toHex(leaf) });
  return anchor.data('anchor', [toHex(leaf), head.count, head.peaks.map((peak) => toHex(peak)), await signDigest(POSTER_KEY, digest)]);
}

async function anchorOnce(evm: Evm, anchor: Deployed, head: LogHead, leaf: Uint8Array): Promise<bigint> {
  return evm.send(anchor.address, await anchorData(evm, anchor, head, leaf));
}

/** Anchors `leaves` one after another from the empty log. */
export async function anchorFromEmpty(evm: Evm, anchor: Deployed, leaves: number): Promise<Spread> {
  const gas: bigint[] = [];
  let head = EMPTY_LOG;
  for (let index = 0; index < leaves; index++) {
    const leaf = word('anchor leaf', index);
    gas.push(await anchorOnce(evm, anchor, head, leaf));
    head = appendLeaf(head, leaf);
  }
  return spread(gas);
}

/** Anchors one leaf each at these counts, of logs whose peaks are made up. */
export async function anchorAt(evm: Evm, anchor: Deployed, counts: readonly bigint[]): Promise<Spread> {
  const gas: bigint[] = [];
  for (const count of counts) {
    const peaks = [...count.toString(2)].filter((bit) => bit === '1').map((_, index) => word(`peak ${count}`, index));
    const head = { count, peaks };
    await evm.setStorage(anchor.address, COMMITMENT_SLOT, toHex(commitment(head)));
    gas.push(await anchorOnce(evm, anchor, head, word('anchor leaf', Number(count))));
  }
  return spread(gas);
}

export const ANCHOR_REFERENCES = [
  ['EventAnchor', 'event only, nothing stored'],
  ['ChainAnchor', 'one slot, chained head'],
  ['MappingAnchor', 'root in a mapping, with its time'],
  ['OutputAnchor', 'array of outputs, as optimistic rollups keep it'],
  ['TreeAnchor', 'OpenZeppelin MerkleTree, depth 20'],
] as const;

/** Writes `roots` roots by a reference, after one that is not counted because it opens its slots. */
export async function referenceAnchors(
  evm: Evm,
  contract: (name: string) => Compiled,
  name: (typeof ANCHOR_REFERENCES)[number][0],
  roots: number,
): Promise<Spread> {
  const reference = await evm.deploy(contract(name), []);
  const gas: bigint[] = [];
  let head = keccak_256(utf8('none'));
  for (let index = 0; index <= roots; index++) {
    const root = word('root', index);
    const args: Record<typeof name, readonly unknown[]> = {
      EventAnchor: [toHex(root)],
      ChainAnchor: [toHex(root), toHex(head)],
      MappingAnchor: [toHex(root)],
      OutputAnchor: [toHex(root), BigInt(index)],
      TreeAnchor: [toHex(root)],
    };
    gas.push(await reference.gas('write', args[name]));
    head = keccak_256(Buffer.concat([head, root]));
  }
  return spread(gas.slice(1));
}

/** A transaction that does nothing but carry 32 bytes. */
export function floor(evm: Evm): Promise<bigint> {
  return evm.send('0x00000000000000000000000000000000000000aa', toHex(word('root', 0)));
}
