import { Problem, type ProblemCode } from './problem.ts';
import type { Clock, TimeMs } from './clock.ts';

/** What passes by itself when a server that went away comes back: it is started again by its supervisor, or by whoever runs it. */
const OUTAGES: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'store/unreachable',
  'store/outcome-unknown',
  'store/busy',
  'store/conflict',
  'chain/unreachable',
  'audit/endpoint-failed',
  // The session of a process that died, or of a connection that broke, keeps its lock until the database notices.
  'chain/relayer-busy',
]);

/** Whether doing the same again in a moment may succeed, and is safe for whoever asks first what is already so. */
export function isOutage(error: unknown): boolean {
  return error instanceof Problem && OUTAGES.has(error.code);
}

export interface Patience {
  readonly clock: Clock;
  /** How long one outage may last before it is thrown. */
  readonly forMs: TimeMs;
  readonly pauseMs: TimeMs;
  /** Told once an outage, when it begins. */
  readonly tell: (outage: Problem) => void;
}

/** Does `work`, which must be safe to repeat from its beginning, over outages of the database and the chain. Any other error is thrown at once. */
export async function overOutages<T>({ clock, forMs, pauseMs, tell }: Patience, work: () => Promise<T>): Promise<T> {
  let sinceMs: TimeMs | undefined;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Problem) || !isOutage(error)) throw error;
      if (sinceMs === undefined) tell(error);
      sinceMs ??= clock.nowMs();
      if (clock.nowMs() - sinceMs >= forMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
