import type { TimeMs } from '#base';
import type { IntentKind } from './facts.ts';
import type { Policy } from './schema.ts';

const MINUTES_A_DAY = 1_440;
const MINUTES_A_WEEK = 7 * MINUTES_A_DAY;

function minuteOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

/** Which minutes of the week (from Monday 00:00 UTC) allow a kind: 10,080 of 0 or 1. */
export function allowedMinutes(policy: Policy, kind: IntentKind): Uint8Array {
  const windows = policy.hours.filter((window) => window.kinds.includes(kind));
  const minutes = new Uint8Array(MINUTES_A_WEEK).fill(windows.length === 0 ? 1 : 0);
  for (const { days, from, to } of windows) {
    for (const day of days) minutes.fill(1, (day - 1) * MINUTES_A_DAY + minuteOf(from), (day - 1) * MINUTES_A_DAY + minuteOf(to));
  }
  return minutes;
}

/** 1970-01-01 was a Thursday: the fourth day of its week. */
export function minuteOfWeek(nowMs: TimeMs): number {
  return (Math.floor(nowMs / 60_000) + 3 * MINUTES_A_DAY) % MINUTES_A_WEEK;
}
