import type { ProblemDefinition } from '../problems.ts';

/** What the policy of a signer node refuses. */
export const MPC_POLICY_PROBLEMS = {
  'policy/bad-file': {
    status: 400,
    title: 'The file is no policy',
    retry: 'never',
    howToSolve: 'The detail names the member and what is wrong with it; docs/custody.md shows a whole file.',
  },
  'policy/refused': {
    status: 403,
    title: 'The node’s policy refuses this',
    retry: 'never',
    howToSolve: 'The facts name the rule. Change what is asked for, get the approvals, or have the operators change the policy.',
  },
  'policy/changed': {
    status: 409,
    title: 'The policy changed while the session ran',
    retry: 'now',
    howToSolve: 'Ask again: a session signs under exactly the policy whose hash is in its id.',
  },
  'policy/bad-signature': {
    status: 403,
    title: 'This is not signed by an operator whom the policy names',
    retry: 'never',
    howToSolve: 'Sign with the operator key that the policy in force names, over this very change.',
  },
  'policy/stale': {
    status: 409,
    title: 'The change was made for another policy than the one in force',
    retry: 'never',
    howToSolve: 'Make the change again from the policy in force: its hash and its version plus one.',
  },
  'policy/too-many-proposals': {
    status: 409,
    title: 'The operator has too many proposals open',
    retry: 'never',
    howToSolve: 'Cancel one of them. If the operator did not make them, his key is stolen: another one proposes a policy without it.',
  },
  'policy/unknown-proposal': {
    status: 404,
    title: 'There is no such proposal open',
    retry: 'never',
    howToSolve: 'It took effect, was cancelled or was never made here: see `cairn node policy`.',
  },
} as const satisfies Record<string, ProblemDefinition>;
