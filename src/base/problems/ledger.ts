import type { ProblemDefinition } from './problems.ts';

export const LEDGER_PROBLEMS = {
  'ledger/no-such-book': {
    status: 404,
    title: 'There is no such book',
    retry: 'never',
    howToSolve: 'Check the id of the book and that this database is the one that holds it.',
  },
  'ledger/book-taken': {
    status: 503,
    title: 'Another process writes this book',
    retry: 'later',
    howToSolve: 'A book has one writer at a time: send the request to the process that has it, or stop that process first.',
  },
  'ledger/fenced': {
    status: 503,
    title: 'Another process took this book over',
    retry: 'now',
    howToSolve: 'Send the same request, with the same ids, to the process that has the book now; what was booked before is answered "exists".',
  },
  'ledger/book-moved': {
    status: 421,
    title: 'The book is in another database now',
    retry: 'now',
    howToSolve: 'Send the same request, with the same ids, to the database that the message names; what was booked before is answered "exists".',
  },
  'ledger/book-arriving': {
    status: 503,
    title: 'The book is still being copied to this database',
    retry: 'later',
    howToSolve: 'Send the same request again in a moment; if it stays so, run the cairn book move again that was interrupted.',
  },
  'ledger/closed': {
    status: 503,
    title: 'The book is being closed',
    retry: 'later',
    howToSolve: 'Send the same request again when the service is back.',
  },
  'ledger/batch-too-large': {
    status: 413,
    title: 'Too many commands in one request',
    retry: 'never',
    howToSolve: 'Split the request; linked commands have to stay together.',
  },
  'ledger/overloaded': {
    status: 503,
    title: 'More requests wait for the book than it can answer in time',
    retry: 'later',
    howToSolve: 'Send the same request again after a pause that grows with each attempt.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const INTERBOOK_PROBLEMS = {
  'interbook/unknown-book': {
    status: 404,
    title: 'The book is not open here',
    retry: 'later',
    howToSolve: 'Check the id of the book, and that the process that moves money between books has both of them open.',
  },
  'interbook/same-book': {
    status: 400,
    title: 'Both accounts are in one book',
    retry: 'never',
    howToSolve: 'Send an ordinary transfer to that book: it needs no clearing account.',
  },
  'interbook/bad-amount': {
    status: 400,
    title: 'The amount is not one that can pass between books',
    retry: 'never',
    howToSolve: 'Send an amount of at least one minor unit, of at most 2^128 - 1.',
  },
  'interbook/no-creditor': {
    status: 404,
    title: 'The receiving book has no such account',
    retry: 'never',
    howToSolve: 'Open the account in the receiving book first, or name one that is there. Nothing was booked.',
  },
  'interbook/asset-differs': {
    status: 409,
    title: 'The two accounts do not have the same asset',
    retry: 'never',
    howToSolve: 'Token (CAIP-19), decimals and peg must be the same in both books; the number of an asset is each book’s own. Nothing was booked.',
  },
  'interbook/id-taken': {
    status: 409,
    title: 'The id names another transfer already',
    retry: 'never',
    howToSolve: 'Send what was sent under this id the first time, or take a new id.',
  },
  'interbook/contradiction': {
    status: 500,
    title: 'The two books contradict each other about a transfer',
    retry: 'never',
    howToSolve:
      'Stop and look: reconcile the two books, which names every such transfer, and find out who wrote one of its sides by hand or restored an old copy.',
  },
} as const satisfies Record<string, ProblemDefinition>;
