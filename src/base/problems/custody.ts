import type { ProblemDefinition } from './problems.ts';

export const CUSTODY_PROBLEMS = {
  'custody/rehearsal-elsewhere': {
    status: 500,
    title: 'Signer nodes on one machine are a rehearsal, and this is no chain for one',
    retry: 'never',
    howToSolve: 'Run the nodes on machines of their own (docs/custody.md); --force-rehearsal overrides this where nothing of worth is on that chain.',
  },
  'custody/bad-signers-file': {
    status: 500,
    title: 'The list of signer nodes cannot be used',
    retry: 'never',
    howToSolve: 'Write it as docs/formats.md has cairn-signers/1, with the fingerprints that the operators read to you.',
  },
  'custody/bad-key-file': {
    status: 500,
    title: 'A key file cannot be used',
    retry: 'never',
    howToSolve:
      'Give the file back to its owner alone (chmod 600), or restore it; where it is of a rehearsal, the whole state folder can be deleted to start afresh.',
  },
  'custody/operators-needed': {
    status: 409,
    title: 'Nobody is named who governs beside the group’s owner key',
    retry: 'never',
    howToSolve: 'Set OPERATORS to the addresses of two people who keep their keys on machines of their own: OPERATORS=0x…,0x….',
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

/** Refusals of whoever governs, and of what governs him. */
export const GOVERNANCE_PROBLEMS = {
  'governance/bad-proposal': {
    status: 400,
    title: 'The file is no proposal',
    retry: 'never',
    howToSolve: 'Use the file as cairn govern wrote it; the detail names the member that is missing, unknown or misspelled.',
  },
  'governance/other-deployment': {
    status: 409,
    title: 'The proposal is for another deployment',
    retry: 'never',
    howToSolve: 'Compare the addresses of Safe and timelock with what the other operators have, and ask whoever sent the file.',
  },
  'governance/undecodable': {
    status: 422,
    title: 'The call cannot be shown in words',
    retry: 'never',
    howToSolve: 'Do not sign it: what cannot be shown whole can do anything. Propose the change again with cairn govern propose.',
  },
  'governance/transaction-refused': {
    status: 422,
    title: 'The Safe’s transaction is none that is ever signed',
    retry: 'never',
    howToSolve: 'Do not sign it; ask whoever sent it. The rule is in the facts, and cairn govern propose makes only proposals that keep all rules.',
  },
  'governance/other-nonce': {
    status: 409,
    title: 'The proposal is not the next transaction of the Safe',
    retry: 'never',
    howToSolve: 'It was executed, or another one was in its place. See cairn govern status, and propose the change again if it is still wanted.',
  },
  'governance/bad-signature': {
    status: 422,
    title: 'A signature in the proposal does not hold',
    retry: 'never',
    howToSolve: 'Something in the file was changed after it was signed. Take it from whoever proposed it again, and have it signed again.',
  },
  'governance/no-part': {
    status: 403,
    title: 'The key has no such part in governance',
    retry: 'never',
    howToSolve: 'cairn govern status shows the owners of the Safe, who sign, and the cancellers; give the key of one of them.',
  },
  'governance/not-enough-signatures': {
    status: 409,
    title: 'Too few owners of the Safe have signed',
    retry: 'later',
    howToSolve: 'Pass the file on to another owner for cairn govern sign, then execute it.',
  },
  'governance/not-due': {
    status: 409,
    title: 'The delay is not over',
    retry: 'later',
    howToSolve: 'Run the same command again when it is; cairn govern status shows the time left. Until then it can be cancelled.',
  },
  'governance/no-such-operation': {
    status: 404,
    title: 'The timelock has no such operation waiting',
    retry: 'never',
    howToSolve: 'It was executed or cancelled, or never proposed: see cairn govern status.',
  },
  'governance/not-mined': {
    status: 503,
    title: 'The transaction is not in a block yet',
    retry: 'later',
    howToSolve: 'It may still come: look at its hash before running the same command again. Where fees rose, it is replaced by running it again.',
  },
} as const satisfies Record<string, ProblemDefinition>;
