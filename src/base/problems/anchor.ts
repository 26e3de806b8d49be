import type { ProblemDefinition } from './problems.ts';

export const ANCHOR_PROBLEMS = {
  'anchor/not-canonical': {
    status: 400,
    title: 'The JSON is not canonical',
    retry: 'never',
    howToSolve: 'Write it by RFC 8785: members sorted, no blanks, safe integers only, amounts as strings of minor units.',
  },
  'anchor/no-such-proof': {
    status: 404,
    title: 'There is no such proof',
    retry: 'never',
    howToSolve: 'Ask for a record or a head that the log has.',
  },
  'anchor/bad-receipt': {
    status: 400,
    title: 'The file is no receipt',
    retry: 'never',
    howToSolve: 'Use the file exactly as it was handed out; the detail names the member that is missing, unknown or misspelled.',
  },
  'anchor/receipt-refused': {
    status: 422,
    title: 'The receipt contradicts itself',
    retry: 'never',
    howToSolve: 'Do not accept it: something in it was changed after it was made. Ask for it again and compare.',
  },
  'anchor/not-yet': {
    status: 409,
    title: 'The record is not in the anchored log yet',
    retry: 'later',
    howToSolve: 'Wait until its batch is sealed and anchored: the greatest unanchored age says how long that takes.',
  },
  'anchor/log-diverged': {
    status: 500,
    title: 'The log on the chain is not the log in the database',
    retry: 'never',
    howToSolve:
      'Stop: the database was restored from an old copy, it belongs to another deployment, or somebody else has the poster key. Compare the Anchored events with table cairn.anchor.',
  },
  'anchor/position-taken': {
    status: 500,
    title: 'A book’s sealed batches are not the ones that were gathered before',
    retry: 'never',
    howToSolve:
      'Stop that book; the others go on. Its database was restored from an old copy, or two databases hold the book: compare table cairn.batch of both with the anchored log, of which the first record of a position counts.',
  },
  'anchor/bad-batch': {
    status: 500,
    title: 'A sealed batch is not what its leaves make of it',
    retry: 'never',
    howToSolve: 'Stop that book; the others go on. Somebody changed table cairn.batch of its database: restore it and compare with an export.',
  },
  'anchor/too-old': {
    status: 503,
    title: 'Records have waited too long for their anchor',
    retry: 'later',
    howToSolve: 'See why batches are not sealed, signed or mined; until they are, nothing new is taken.',
  },
} as const satisfies Record<string, ProblemDefinition>;
