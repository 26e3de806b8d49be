import type { ProblemDefinition } from './problems.ts';

/** Why a payment of an order was refused or came back. */
export const ORDERS_PROBLEMS = {
  'payments/no-settlement-address': {
    status: 422,
    title: 'The payee has no settlement address',
    retry: 'never',
    howToSolve: 'Add the payee’s account and address to your payee directory, signed with your key, and order the payment again.',
  },
  'payments/payee-listed': {
    status: 422,
    title: 'The payee is on a sanctions or block list',
    retry: 'never',
    howToSolve: 'This payee cannot be paid. If the match is wrong, send the operator what tells the two apart.',
  },
  'payments/needs-review': {
    status: 422,
    title: 'The payee resembles somebody on a list',
    retry: 'later',
    howToSolve: 'A person has to look at the match. Send the operator what tells the two apart, then order the payment again.',
  },
  'payments/insufficient-funds': {
    status: 422,
    title: 'The account cannot afford the payment',
    retry: 'later',
    howToSolve: 'Deposit what is missing, fee included, then order the payment again under a new end-to-end id.',
  },
  'payments/no-liquidity': {
    status: 503,
    title: 'The FX position has too little of the payee’s asset',
    retry: 'later',
    howToSolve: 'Order the payment again later or in the other asset; the operator has to fund the position.',
  },
  'payments/hold-refused': {
    status: 409,
    title: 'The book refused the hold',
    retry: 'never',
    howToSolve: 'The detail names the ledger’s own code; docs/ledger-semantics.md explains it.',
  },
  'payments/evidence-differs': {
    status: 409,
    title: 'The payment is not what the merchant signed',
    retry: 'never',
    howToSolve: 'Somebody changed the stored payee, order or payment. Audit the database before anything else is paid, then order the payment again.',
  },
  'payments/hold-expired': {
    status: 409,
    title: 'The hold ran out before a settlement window took it',
    retry: 'later',
    howToSolve: 'The money is free again: order the payment again under a new end-to-end id.',
  },
  'payments/not-payable': {
    status: 409,
    title: 'The payee could not be paid before the deadline',
    retry: 'later',
    howToSolve: 'The money is free again. The stablecoin refuses this address: ask the payee for another one, add it, and order the payment again.',
  },
  'payments/unknown-payment': {
    status: 404,
    title: 'There is no such payment',
    retry: 'never',
    howToSolve: 'Check the id; a key sees only the payments of its own merchant.',
  },
  'payments/file-differs': {
    status: 409,
    title: 'This order id was used for another file',
    retry: 'never',
    howToSolve: 'Sign and send the file under a new order id.',
  },
  'identity/unknown-merchant': {
    status: 404,
    title: 'There is no such merchant',
    retry: 'never',
    howToSolve: 'Register the merchant’s key first.',
  },
  'identity/wallet-taken': {
    status: 409,
    title: 'The wallet is registered already',
    retry: 'never',
    howToSolve: 'A wallet belongs to one merchant; use another one.',
  },
  'identity/unknown-token': {
    status: 422,
    title: 'The vault does not list this token',
    retry: 'never',
    howToSolve: 'Choose a listed token: GET /v1/assets/{asset} describes each asset of this deployment, by its number.',
  },
  'identity/payee-exists': {
    status: 409,
    title: 'The payee’s id is in the payee directory already',
    retry: 'never',
    howToSolve: 'Sign the entry under an id of its own; for an account that is listed already, it replaces the older entry from then on.',
  },
} as const satisfies Record<string, ProblemDefinition>;
