import { assert, toHex, uuidBytes, type Hex } from '#base';
import { commitment } from '#anchor/core';
import { word } from './anchors.ts';
import type { Compiled, Deployed, Evm } from './evm.ts';

/** Only the length of a path decides what it costs, so these lead nowhere. */
function path(label: string, length: number): Hex[] {
  return Array.from({ length }, (_, index) => toHex(word(label, index)));
}

/** Length of PROOF(m, D_n), RFC 9162 section 2.1.4.1. */
function consistencyLength(m: number, n: number, complete = true): number {
  if (m === n) return complete ? 0 : 1;
  const k = 2 ** Math.floor(Math.log2(n - 1));
  return m <= k ? consistencyLength(m, k, complete) + 1 : consistencyLength(m - k, n - k, false) + 1;
}

async function inclusion(meter: Deployed, depth: number): Promise<bigint> {
  const [used, ok] = (await meter.read('inclusion', [
    toHex(word('leaf', 0)),
    BigInt(0x2aaaaaaa) & ((1n << BigInt(depth)) - 1n),
    1n << BigInt(depth),
    path('path', depth),
  ])) as [bigint, boolean];
  assert(ok, 'the path has the right length');
  return used;
}

function sortedPairs(meter: Deployed, depth: number): Promise<bigint> {
  return meter.read('sortedPairs', [toHex(word('leaf', 0)), path('path', depth), toHex(word('root', 0))]) as Promise<bigint>;
}

/** A record in a batch of 2^20, the only book of its anchor, under the largest peak of 16,383 anchors. */
async function wholeWay(meter: Deployed): Promise<bigint> {
  const count = 16_383n;
  const peaks = Array.from({ length: 14 }, (_, index) => word('peak', index));
  const proof = {
    firstSeq: 1n,
    lastSeq: 1n << 20n,
    previousHead: toHex(word('head', 0)),
    batchPath: path('batch', 20),
    bookIndex: 0,
    bookCount: 1,
    bookPath: [],
    anchorIndex: 5461n,
    count,
    peaks: peaks.map((peak) => toHex(peak)),
    peakPath: path('peak path', 13),
  };
  const book = toHex(uuidBytes('018f0000-0000-7000-8000-00000000b00c'));
  const [used, fault] = (await meter.read('record', [toHex(commitment({ count, peaks })), toHex(word('leaf', 0)), book, 700_000n, proof])) as [bigint, number];
  // PeakPath: everything was hashed, and only the last comparison fails.
  assert(fault === 5, 'the way was walked to its end');
  return used;
}

/** Gas of verification alone: a free view for whoever asks by eth_call. */
export async function verificationGas(evm: Evm, contract: (name: string) => Compiled): Promise<Readonly<Record<string, bigint>>> {
  const meter = await evm.deploy(contract('VerificationGas'), []);
  const result: Record<string, bigint> = {};
  for (const depth of [10, 20, 30]) {
    result[`inclusion ${depth}`] = await inclusion(meter, depth);
    result[`sorted pairs ${depth}`] = await sortedPairs(meter, depth);
  }
  const [from, to] = [1_000_000, 1_001_000];
  result['consistency'] = (await meter.read('consistency', [
    BigInt(from),
    toHex(word('root', 1)),
    BigInt(to),
    toHex(word('root', 2)),
    path('path', consistencyLength(from, to)),
  ])) as bigint;
  result['whole way'] = await wholeWay(meter);
  return result;
}
