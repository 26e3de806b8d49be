/** What somebody who asks for a signature waits for: three signer processes with folders of their own, over mutual TLS on the loopback interface, every fsync included. */
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { toHex } from '#base';
import { anchorIntent, Rehearsal, rehearsalPolicy } from '#mpc/node/drill';

const WARM_UP = 30;
const RUNS = 200;
const CLIENTS = 8;
const PAIRS = [
  [1, 2],
  [1, 3],
  [2, 3],
] as const;

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** Wall time of one signature by one key in this process, in milliseconds: the median, because the machine has other things to do. */
function nobleMs(): number {
  const key = secp256k1.utils.randomSecretKey();
  const times = Array.from({ length: 600 }, () => timed(() => secp256k1.sign(random(32), key, { prehash: false })));
  return quantile(times.slice(100), 0.5);
}

function timed(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function quantile(times: readonly number[], q: number): number {
  return times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * q))]!;
}

async function signTimed(rehearsal: Rehearsal, run: number): Promise<number> {
  const start = performance.now();
  await rehearsal.sign(anchorIntent(toHex(random(32))), PAIRS[run % PAIRS.length]!);
  return performance.now() - start;
}

/** Markdown, in lines. */
export async function endToEnd(): Promise<string[]> {
  const rehearsal = await Rehearsal.make({ n: 3, threshold: 2, policy: rehearsalPolicy, random });
  try {
    await rehearsal.startAll();
    const begun = performance.now();
    await rehearsal.ceremony({ kind: 'generate', role: 'poster' });
    const ceremonyMs = performance.now() - begun;
    for (let run = 0; run < WARM_UP; run++) await signTimed(rehearsal, run);

    const one = nobleMs();
    const alone: number[] = [];
    for (let run = 0; run < RUNS; run++) alone.push(await signTimed(rehearsal, run));
    const startMs = performance.now();
    const together = (
      await Promise.all(
        Array.from({ length: CLIENTS }, async (_, client) => {
          const times: number[] = [];
          for (let run = 0; run < RUNS / CLIENTS; run++) times.push(await signTimed(rehearsal, client + run));
          return times;
        }),
      )
    ).flat();
    const perSecond = (together.length / (performance.now() - startMs)) * 1_000;
    const row = (who: string, times: readonly number[], rate: number): string => {
      const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
      return `| ${who} | ${p50.toFixed(1)} (${(p50 / one).toFixed(0)}x) | ${p99.toFixed(1)} (${(p99 / one).toFixed(0)}x) | ${rate.toFixed(1)} |`;
    };
    return [
      `End to end: three signer processes of 2 of 3 over mutual TLS 1.3 on the loopback interface, from the request to the signature: decision, acceptance, three rounds, policy and limits, RELEASED on the disk,`,
      `combination, verification. ${RUNS} signatures over all pairs; in brackets how many times one signature by one key takes with @noble/curves in this process (${(one * 1_000).toFixed(0)} us, wall time, median).`,
      `Key generation with the set-up of all pairs, three test signatures and all confirmations: ${(ceremonyMs / 1_000).toFixed(1)} s.`,
      '',
      '| asking | p50, ms | p99, ms | signatures a second |',
      '|--|--|--|--|',
      row('one client', alone, 1_000 / (alone.reduce((total, time) => total + time, 0) / alone.length)),
      row(`${CLIENTS} clients at once`, together, perSecond),
    ];
  } finally {
    await rehearsal.end();
  }
}
