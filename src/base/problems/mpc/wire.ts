import type { ProblemDefinition } from '../problems.ts';

export const WIRE_PROBLEMS = {
  'wire/bad-identity': {
    status: 500,
    title: 'The identity of a node cannot be used',
    retry: 'never',
    howToSolve: 'Give back the data folder as it was, or make a new identity and have every peer pin its fingerprint.',
  },
  'wire/bad-pins': {
    status: 500,
    title: 'The pinned fingerprints contradict each other',
    retry: 'never',
    howToSolve: 'Give each fingerprint one part only: one peer, or a coordinator, or an operator; and never the node’s own.',
  },
  'wire/cannot-listen': {
    status: 500,
    title: 'The node cannot listen on its address',
    retry: 'later',
    howToSolve: 'Free the port or configure another one, and see that the host is an address of this machine.',
  },
  'wire/unreachable': {
    status: 503,
    title: 'A node cannot be reached',
    retry: 'later',
    howToSolve: 'See that the node runs, that its address and port are right, and that no firewall is between.',
  },
  'wire/wrong-identity': {
    status: 502,
    title: 'Somebody else answers in place of a node',
    retry: 'never',
    howToSolve: 'Compare the fingerprint with the one that the node’s operator reads aloud; until they agree, trust neither.',
  },
  'wire/bad-frame': {
    status: 400,
    title: 'The other side does not speak the protocol of the nodes',
    retry: 'never',
    howToSolve: 'Run the same version on all nodes; where they do, the sender is broken or hostile.',
  },
  'wire/no-answer': {
    status: 504,
    title: 'A node has not answered in time',
    retry: 'later',
    howToSolve: 'Look at the node’s log and load; the same message may be sent again as it is.',
  },
  'wire/not-allowed': {
    status: 403,
    title: 'This identity may not ask for that',
    retry: 'never',
    howToSolve: 'A coordinator asks for signatures, an operator for ceremonies, a peer for the rounds of the protocol: use the identity of that part.',
  },
  'wire/too-many-refusals': {
    status: 429,
    title: 'This caller was refused too often to be listened to',
    retry: 'later',
    howToSolve: 'Stop: a call a second is looked at again. An operator who sees it of a coordinator takes that one for broken or captured.',
  },
  'wire/bad-statement': {
    status: 400,
    title: 'A signed statement of a node does not hold',
    retry: 'never',
    howToSolve: 'Keep the bytes as evidence and ask the operator of the node that is named as its author.',
  },
  'wire/failed': {
    status: 500,
    title: 'A node failed by a bug of its own',
    retry: 'later',
    howToSolve: 'The node’s own log tells the cause; nothing of it is told to others.',
  },
} as const satisfies Record<string, ProblemDefinition>;
