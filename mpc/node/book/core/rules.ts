/**
 * What a node demands before it signs, in the order in which it looks: the first rule that does not hold is the one that a refusal names. A name never changes its
 * meaning. Each is a test of test/mpc/node/book.
 */
export const RULES = {
  // A page of the book (`absorb`).
  'feed-readable': 'The page is a feed of docs/formats.md, to the last member.',
  'feed-own-book': 'It is of the registered book on the registered chain.',
  'feed-not-shortened': 'The feed does not end before the last record that was replayed.',
  'feed-gapless': 'Its records follow each other and the last one that was replayed.',
  'feed-not-forked': 'A record that was replayed before is the same as then.',
  'record-not-of-the-future': 'No record was written later than now.',
  'record-legal': 'The ledger’s own rules give exactly this record here.',
  // Every intent.
  'chain-id': 'The intent is for the registered chain.',
  contract: 'It is for the registered contract of its kind.',
  // The chain, by the node’s own endpoints.
  'chain-answers': 'Enough of the node’s own endpoints answer, for the registered chain.',
  'chain-recent': 'None of them lags behind the others or behind the clock.',
  'chain-agrees': 'They say the same about the same final block.',
  'chain-not-reorganised': 'What was final before is still there.',
  'deployment-known': 'The vault believes the registered log and serves the registered book.',
  'log-known': 'Every leaf of the log on the chain is a batch of the records that were replayed.',
  // An anchor.
  'one-batch-a-position': 'The node signed no other batch after the same commitment, ever.',
  'log-extended': 'The commitment is that of the log that is final, or of what the node signed on top of it.',
  'batch-derived': 'The leaf is the root of the replayed records that come next, and of no other book: a node signs for no book that it does not follow.',
  // An instruction.
  book: 'It is of the registered book.',
  'instruction-booked': 'The book has a record of it that says the same.',
  'instruction-anchored': 'That record is in a final anchor.',
  'not-after': 'Its last moment has not come, by the later of both clocks.',
  unpaid: 'The vault has not paid from it, neither finally nor in a newer block.',
  uncancelled: 'Something of it can still be paid.',
  'list-derived': 'Its list is the one that follows from the holds that its window took.',
  'hold-open': 'Each hold is open with all its legs, whole, taken by this window, and not released.',
  'order-signed': 'Each payment is a line of an order that its merchant signed, recorded before the hold.',
  'order-file': 'The order’s file is the one that the merchant signed, and the line says what is held.',
  'payee-signed': 'Each payee is an entry that the same merchant signed, recorded before the hold and the newest for that account.',
  'payee-same': 'Name, account, address and token of the hold are the entry’s.',
  'not-expired': 'Order and entry had not expired when they were recorded, nor when that was anchored.',
  'nonce-once': 'No other message of the merchant used their nonces.',
  'merchant-key': 'They were signed with keys that the node’s operators registered for this merchant.',
  'amount-derived': 'What is held, in each leg, follows from the line, the published tariff and the quote.',
  'rate-plausible': 'The quote’s rates are within the bands that the operators registered.',
  'deposit-final': 'What the records before it say of the chain, deposits and releases, is final by the node’s own endpoints.',
  'deposit-backed':
    'The money behind the hold came in by deposits that the chain has, each credited once and to whom it belongs, and was not paid out by the vault before.',
  // A cancellation.
  'cancel-known': 'It is of a payment of an instruction in the book.',
  // A transaction of the Safe.
  'call-decoded': 'It is exactly a call of a known function of a registered contract, to the last byte, also inside the timelock.',
  'call-governable': 'It proposes to the timelock what only the timelock may do, or changes the owners of the Safe.',
  // The cancellation of what was proposed to the timelock.
  'operation-pending': 'The operation is scheduled, in a final block, and neither executed nor cancelled.',
  'operation-objected': 'It is not exactly what this node agreed to.',
  'account-nonce': 'The transaction is the next one of the owner’s account.',
  'cancel-fee': 'It offers no more for it than the node itself would, four times over.',
  // An authorisation of what lies at a key’s own address (EIP-3009): it can only come into the registered vault, and is credited to nobody.
  'holder-own': 'The tokens lie at the address of the key that signs.',
  validity: 'It has not ended, and ends within a day.',
  'token-listed': 'The vault lists the token, finally, and the book has an asset that is it.',
  'token-domain': 'The token’s own EIP-712 domain is the one that the intent names.',
  'authorisation-next': 'The token took every authorisation before this one, finally, and this one not at all.',
  'value-held': 'So much of the token, and more than nothing, lies at the address in a final block.',
} as const;

export type Rule = keyof typeof RULES;

/** Why not: the rule, and what is wrong in one sentence for a person. */
export interface Fault {
  readonly rule: Rule;
  readonly reason: string;
}

export interface Refusal extends Fault {
  readonly ok: false;
}

/** `reason` without its full stop. */
export function refuse(rule: Rule, reason: string): Refusal {
  return { ok: false, rule, reason: `${reason}.` };
}
