import type { ProblemDefinition } from '../problems.ts';

/** What a signer node's copy of the book refuses before anything is judged. */
export const DECISION_PROBLEMS = {
  'decision/bad-feed': {
    status: 400,
    title: 'The page is no feed of a book',
    retry: 'never',
    howToSolve: 'Send it exactly as the platform wrote it; the detail names what cannot be read.',
  },
  'decision/bad-registry': {
    status: 400,
    title: 'A file of what the operators registered cannot be used',
    retry: 'never',
    howToSolve: 'Correct the named entry, or write the file anew (merchants’ keys: cairn node merchant).',
  },
  'decision/damaged-journal': {
    status: 500,
    title: 'A journal of the node’s own book is damaged',
    retry: 'never',
    howToSolve:
      'Do not go on with it. Records can be replayed anew: move the named file away if it is the replica. The file of votes cannot: restore this node from its peers as if its disk were lost.',
  },
} as const satisfies Record<string, ProblemDefinition>;
