import type { ProblemDefinition } from './problems.ts';

export const CUSTODY_PROBLEMS = {
  'custody/not-a-local-chain': {
    status: 500,
    title: 'Development keys sign for the local chain only',
    retry: 'never',
    howToSolve: 'Use the local chain (chain id 31337), or connect the signer nodes that hold the real keys.',
  },
  'custody/bad-key-file': {
    status: 500,
    title: 'A development key file cannot be used',
    retry: 'never',
    howToSolve: 'Give the file back to its owner alone (chmod 600), restore it, or delete the whole state folder and start afresh.',
  },
  'custody/unknown-request': {
    status: 404,
    title: 'There is no such request for a signature',
    retry: 'now',
    howToSolve: 'Ask for the signature again: the same intent has the same request.',
  },
  'custody/signers-disagree': {
    status: 502,
    title: 'The signers do not agree on the keys they hold',
    retry: 'later',
    howToSolve: 'Compare `cairn node status` at every node; one of them holds another key, or says so.',
  },
  'custody/bad-intent': {
    status: 400,
    title: 'This is no intent that a key of ours signs',
    retry: 'never',
    howToSolve: 'Send every member of the kind and no other, spelled as docs/formats.md has it; a digest alone is never signed.',
  },
  'custody/refused': {
    status: 403,
    title: 'The signers refused to sign',
    retry: 'never',
    howToSolve: 'The rule and the reason say what they object to; change what is asked for.',
  },
  'custody/no-answer': {
    status: 503,
    title: 'The signers have not answered in time',
    retry: 'later',
    howToSolve: 'See that enough signers are up and reachable; the request stays open and the same intent finds it again.',
  },
} as const satisfies Record<string, ProblemDefinition>;
