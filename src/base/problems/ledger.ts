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
