import type { ProblemDefinition } from '../problems.ts';

/** Refusals around the life of a key: derivation, the switch of epochs, backups, export. */
export const MPC_KEYS_PROBLEMS = {
  'mpc/bad-path': {
    status: 400,
    title: 'This is not a derivation path',
    retry: 'never',
    howToSolve: 'Write a path like m/44/60/0, with at most 255 steps from 0 to 2147483647.',
  },
  'mpc/hardened-path': {
    status: 400,
    title: 'A hardened key cannot be derived',
    retry: 'never',
    howToSolve:
      'Use steps without an apostrophe: a hardened child needs the private key, which no one holds. Keys that must not lead to each other are made by separate ceremonies.',
  },
  'mpc/unusable-path': {
    status: 409,
    title: 'There is no key at this path',
    retry: 'never',
    howToSolve: 'Take the next index (BIP-32); it happens by chance once in 2^127 paths.',
  },
  'mpc/child-export': {
    status: 403,
    title: 'A child key is never exported',
    retry: 'never',
    howToSolve:
      'One child’s private key, with the public key and chain code above it, gives the root key. Export the root, knowing that it exposes everything below, or move the money.',
  },
  'mpc/not-enough-shares': {
    status: 409,
    title: 'The shares do not make the key',
    retry: 'never',
    howToSolve: 'Bring shares of exactly as many distinct parties as the threshold says, all of one epoch.',
  },
  'mpc/epoch-not-next': {
    status: 409,
    title: 'The epoch cannot follow the one that is held',
    retry: 'never',
    howToSolve: 'Agree on a number above that of every epoch that any party has confirmed, for the same key, and start a new attempt.',
  },
  'mpc/epoch-unknown': {
    status: 404,
    title: 'This party holds no such epoch waiting',
    retry: 'never',
    howToSolve: 'Look at the epochs that the party holds; an attempt that was dropped is started anew.',
  },
  'mpc/epoch-not-tested': {
    status: 409,
    title: 'The new epoch has not signed yet',
    retry: 'later',
    howToSolve: 'Make the test signature with every signer set that policy will use; an epoch that cannot sign must not be confirmed.',
  },
  'mpc/epoch-confirmed': {
    status: 409,
    title: 'A confirmed epoch is not dropped',
    retry: 'never',
    howToSolve:
      'Somebody may hold the confirmations of all and have erased the old epoch. Keep both, ask every party for the bundle; start a further attempt, without the party that withholds its confirmation.',
  },
  'mpc/state-behind': {
    status: 409,
    title: 'The state of this party is older than what it has signed',
    retry: 'never',
    howToSolve: 'The store was rolled back or restored. Stop this party; bring it back only by a reshare, for which the others suffice.',
  },
  'mpc/bad-backup': {
    status: 422,
    title: 'The backup cannot be opened',
    retry: 'never',
    howToSolve: 'Use the recovery key of exactly this node and key, and an unchanged copy of the file.',
  },
  'mpc/restored-epoch-stale': {
    status: 409,
    title: 'The backup is of an epoch that is over',
    retry: 'never',
    howToSolve: 'A share of an old epoch cannot sign. Reshare to a set of parties with the restored node as a new one.',
  },
} as const satisfies Record<string, ProblemDefinition>;
