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
} as const satisfies Record<string, ProblemDefinition>;
