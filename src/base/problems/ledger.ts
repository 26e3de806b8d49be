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
  'ledger/clock-ahead': {
    status: 503,
    title: 'The clock of this process is far ahead of that of the database',
    retry: 'later',
    howToSolve: 'Set the clocks of both machines (NTP). The time of a book never goes back, so nothing is booked by a clock that is probably wrong.',
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
  'interbook/not-a-party': {
    status: 409,
    title: 'The account is no party to a transfer between books',
    retry: 'never',
    howToSolve:
      'Clearing accounts and suspense move by the steps of such transfers alone: name the account of whoever pays or is paid. Money in suspense goes to its owner by a transfer within the book. Nothing was booked.',
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

export const BOOKS_PROBLEMS = {
  'books/bad-configuration': {
    status: 400,
    title: 'The file of BOOK_DATABASES is not one',
    retry: 'never',
    howToSolve: 'Correct it as docs/scale.md shows: databases by name, and for each book the name of one. Nothing was started or written.',
  },
  'books/already-there': {
    status: 409,
    title: 'The other database has a book with this id that may be written there',
    retry: 'never',
    howToSolve: 'Check that --from and --to are two databases. A book that was made there by mistake has to be removed by hand before another can come.',
  },
  'books/moves-elsewhere': {
    status: 409,
    title: 'The book is on its way to another database',
    retry: 'never',
    howToSolve: 'End that move, with the same --to, or call it off with --cancel; then move the book on.',
  },
  'books/move-under-way': {
    status: 409,
    title: 'Another process moves this book',
    retry: 'later',
    howToSolve: 'Wait for it to end.',
  },
  'books/newer-there': {
    status: 409,
    title: 'The other database had this book after the one it is to be moved from',
    retry: 'never',
    howToSolve:
      'Find the database that has the book now (cairn book list shows the epoch of each) and move it from there: this one was restored from before a move, or lost its last commits, or is where the book was long ago.',
  },
  'books/sealed-there': {
    status: 409,
    title: 'The book is sealed in the database that it would leave',
    retry: 'never',
    howToSolve:
      'Its batches, the keys of its subjects and how far its readers have come are in tables beside it, and do not move: leave the book where it is, or move the whole database, with PostgreSQL’s own means.',
  },
  'books/stays-with-the-platform': {
    status: 409,
    title: 'The platform’s own book stays in its database',
    retry: 'never',
    howToSolve: 'Payments, merchants and payouts refer to this book in tables beside it: move the whole database, with PostgreSQL’s own means.',
  },
  'books/copies-differ': {
    status: 500,
    title: 'The copy of the book is not the book',
    retry: 'never',
    howToSolve:
      'Nothing is lost, and it was copied anew once before this was said. Call the move off with --cancel and the source goes on; look for what changes the copy, or whether the records of the source add up (cairn replay).',
  },
  'books/not-moving': {
    status: 409,
    title: 'There is no move to call off',
    retry: 'never',
    howToSolve: 'A move that has come to its end cannot be called off; move the book back instead.',
  },
} as const satisfies Record<string, ProblemDefinition>;
