/** The life of a deposit as we see it. The same table is in PostgreSQL (cairn.deposit_transition); a test compares the two. Nothing but `final` is ever credited, and nothing comes after it. */
export const DEPOSIT_TRANSITIONS = {
  // In a block that can still go.
  seen: ['gone', 'final'],
  // Its block went; it comes back where its transaction is mined again at the same place.
  gone: ['seen', 'final'],
  final: [],
} as const satisfies Record<string, readonly string[]>;

export type DepositState = keyof typeof DEPOSIT_TRANSITIONS;
