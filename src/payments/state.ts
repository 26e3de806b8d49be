/**
 * The life of a payment.
 *
 *   received   its file was taken with the merchant's signature
 *   screened   its payee is in the directory, it is no duplicate, the lists are clear
 *   quoted     price, fee and FX are locked until the quote expires
 *   held       the merchant's money is held in the book
 *   instructed a settlement window took the hold: the vault is told to pay
 *   settled    paid on the chain, finally, and posted
 *   returned   not payable until notAfter: the hold was voided, the merchant has his money
 *   refused    never held, for a stated reason
 *   expired    the hold ran out before a window took it
 */
export type PaymentState = 'received' | 'screened' | 'quoted' | 'held' | 'instructed' | 'settled' | 'returned' | 'refused' | 'expired';

/** The same table as cairn.payment_transition; a test compares the two. */
export const PAYMENT_TRANSITIONS: Readonly<Record<PaymentState, readonly PaymentState[]>> = {
  received: ['screened', 'refused'],
  screened: ['quoted', 'refused'],
  // A quote that ran out before the hold is quoted again.
  quoted: ['held', 'refused', 'screened', 'expired'],
  held: ['instructed', 'expired'],
  instructed: ['settled', 'returned'],
  settled: [],
  returned: [],
  refused: [],
  expired: [],
};

export const FINAL_STATES: readonly PaymentState[] = ['settled', 'returned', 'refused', 'expired'];
