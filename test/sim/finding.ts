/** Something that must never be: the simulation stops at it. */
export class Finding extends Error {
  readonly check: string;

  constructor(check: string, what: string) {
    super(`${check}: ${what}`);
    this.name = 'Finding';
    this.check = check;
  }
}

/** Amounts are bigint, which JSON does not know. */
export function show(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner)) ?? 'undefined';
}

export function demand(condition: unknown, check: string, what: () => string): asserts condition {
  if (!condition) throw new Finding(check, what());
}
