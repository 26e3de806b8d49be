import type { ProblemDefinition } from '../problems.ts';

/** What a signer node refuses in a session or a ceremony, beside what the protocol itself aborts for. */
export const SESSION_PROBLEMS = {
  'session/bad-request': {
    status: 400,
    title: 'This is no request that a signer can judge',
    retry: 'never',
    howToSolve: 'Send the whole structured intent, of a kind that the key signs; a digest alone is never signed.',
  },
  'session/refused': {
    status: 403,
    title: 'A signer refuses to sign this',
    retry: 'never',
    howToSolve: 'The facts name the rule and the signer. Change what is asked for; asking again gets the same answer.',
  },
  'session/not-yet': {
    status: 503,
    title: 'A signer cannot judge this yet',
    retry: 'later',
    howToSolve: 'The facts say what it waits for, such as records of the book or a final block; it will judge when it has them.',
  },
  'session/started-before': {
    status: 409,
    title: 'This request was started before',
    retry: 'never',
    howToSolve: 'Ask with a new request id: what a signer accepted once it starts once.',
  },
  'session/too-many': {
    status: 503,
    title: 'So many sessions run with this peer that no more begin',
    retry: 'later',
    howToSolve: 'Wait for the sessions that run; the cap limits what a cheating peer could learn at once.',
  },
  'session/timed-out': {
    status: 504,
    title: 'A peer’s message of this round did not come in time',
    retry: 'later',
    howToSolve: 'Ask again with a new request id; the facts name the peers that were silent. Where one is down, choose signers without it.',
  },
  'session/ended-by-peer': {
    status: 409,
    title: 'A peer ended the session',
    retry: 'later',
    howToSolve: 'The facts name the peer and its reason; its own log tells more.',
  },
  'session/pair-unusable': {
    status: 409,
    title: 'These signers cannot sign together',
    retry: 'never',
    howToSolve: 'Choose other signers; `cairn node status` says what ails the pair and `cairn node approve` lets it be set up anew.',
  },
  'session/wrong-ceremony': {
    status: 409,
    title: 'The nodes were not told to hold the same ceremony',
    retry: 'never',
    howToSolve: 'Compare the transcripts: key, parties, threshold, kind and fingerprints have to be the same at every node.',
  },
  'session/too-few-parties': {
    status: 400,
    title: 'So few parties could lose a key while its shares are changed',
    retry: 'never',
    howToSolve: 'A key of which t must sign is held by 2t - 1 parties or more: 2 of 3, 3 of 5. Name more peers, or a lower threshold in node.json.',
  },
  'session/bad-anchor': {
    status: 400,
    title: 'This anchor of a key is not the one that the operators read to each other',
    retry: 'never',
    howToSolve:
      'Have the operators of two old nodes read the anchor from `cairn node anchor` again, and use the file of that very epoch. Where file and voice still differ, somebody changed one of them: stop, and find out who.',
  },
  'session/generation-unfinished': {
    status: 409,
    title: 'A key of this role was confirmed here and is not in use yet',
    retry: 'later',
    howToSolve:
      'Start every node of the group with the folder that it had: confirmations go round again and the key comes into use by itself. Where a node lost its folder for good, the key may be in use at the others: if `cairn node status` shows it ACTIVE at one of them, restore the lost node from its backup. If it is ACTIVE nowhere, nothing was ever paid to it: make new folders with `cairn node init` at all nodes and generate again.',
  },
  'session/ceremony-failed': {
    status: 409,
    title: 'The ceremony ended without its result',
    retry: 'later',
    howToSolve: 'The detail names the step and whoever was to blame. Begin it again at all nodes; what was confirmed is kept and goes on by itself.',
  },
  'node/bad-config': {
    status: 400,
    title: 'The configuration of the node cannot be used',
    retry: 'never',
    howToSolve: 'The detail names the member and what is wrong with it; docs/custody.md shows a whole file.',
  },
  'node/peer-rewrote-its-log': {
    status: 500,
    title: 'A peer’s log is not what it was',
    retry: 'never',
    howToSolve:
      'Ask its operator whether the disk was restored or the node set up anew. If not, it hides something: keep both statements and take it out of the quorum.',
  },
} as const satisfies Record<string, ProblemDefinition>;
