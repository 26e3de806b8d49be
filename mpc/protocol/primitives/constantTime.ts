import { timingSafeEqual } from 'node:crypto';

/** Whether two strings of bytes are equal, in time that depends on their lengths alone; lengths are public. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Overwrites what must not outlive its use (14). BigInts cannot be wiped: they are made late and dropped. */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}
