export interface Measured {
  readonly perSecond: number;
  /** Of a caller's wait, in milliseconds, where callers wait one by one. */
  readonly p99Ms?: number;
}

export interface Contestant {
  readonly name: string;
  readonly measure: () => Promise<Measured>;
}

/** What each contestant did, round by round. */
export type Rounds = ReadonlyMap<string, readonly Measured[]>;

/** Round by round, so that a slow minute of the machine meets all of them. */
export async function interleave(contestants: readonly Contestant[], rounds: number): Promise<Rounds> {
  const measured = new Map<string, Measured[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const { name, measure } of contestants) {
      const result = await measure();
      measured.get(name)!.push(result);
      const wait = result.p99Ms === undefined ? '' : `, p99 ${result.p99Ms.toFixed(1)} ms`;
      console.log(`round ${round} of ${rounds}: ${name}: ${thousands(result.perSecond)}/s${wait}`);
    }
  }
  return measured;
}

export function thousands(value: number): string {
  return Math.round(value).toLocaleString('en');
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

export function speedOf(rounds: Rounds, name: string): number {
  return median((rounds.get(name) ?? []).map((round) => round.perSecond));
}

/** Medians beside the two references, each divided by that of the same run. */
export function table(rounds: Rounds, reference: string, floor: string): string {
  const rows = [...rounds].map(([name, measured]) => {
    const speeds = measured.map((round) => round.perSecond);
    const waits = measured.flatMap((round) => round.p99Ms ?? []);
    const range = `${thousands(Math.min(...speeds))}–${thousands(Math.max(...speeds))}`;
    const p99 = waits.length === 0 ? '' : `${median(waits).toFixed(1)} ms`;
    const own = speedOf(rounds, name);
    return `| ${name} | ${thousands(own)} | ${range} | ${(own / speedOf(rounds, reference)).toFixed(1)} | ${(own / speedOf(rounds, floor)).toFixed(2)} | ${p99} |`;
  });
  return ['| | a second, median | range | x TPC-B | x floor | p99 |', '|--|--:|--:|--:|--:|--:|', ...rows].join('\n');
}
