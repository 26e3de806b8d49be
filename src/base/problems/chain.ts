import type { ProblemDefinition } from './problems.ts';

export const CHAIN_PROBLEMS = {
  'chain/unreachable': {
    status: 503,
    title: 'The chain’s RPC endpoint does not answer',
    retry: 'later',
    howToSolve: 'Check RPC_URL and that the node behind it runs; everything that waits for the chain goes on by itself once it answers.',
  },
  'chain/wrong-chain': {
    status: 500,
    title: 'The RPC endpoint serves another chain than this deployment',
    retry: 'never',
    howToSolve: 'Point RPC_URL at the chain that the deployment was made on, or start with an empty database to make a new deployment.',
  },
  'chain/state-lost': {
    status: 500,
    title: 'The chain lost its state',
    retry: 'never',
    howToSolve:
      'Bring the chain’s data back (for the local chain: the dump in the state folder, or the one before it). Without it, start with an empty state folder and an empty database: what was settled on the lost chain is gone.',
  },
  'chain/reorganised-final-block': {
    status: 500,
    title: 'A block that counted as final was replaced',
    retry: 'never',
    howToSolve: 'The finality depth is too small for this chain. Stop, raise it, and reconcile the deposits since the named block by hand.',
  },
  'chain/refused-by-node': {
    status: 502,
    title: 'The node refused a request',
    retry: 'later',
    howToSolve: 'Read the node’s own words in the detail; a node that prunes history or limits ranges needs another RPC_URL.',
  },
  'chain/reverted': {
    status: 409,
    title: 'The contract refused the call',
    retry: 'never',
    howToSolve: 'The contract’s error and its arguments are in the detail; interfaces/ in contracts/ documents each of them.',
  },
  'chain/paused': {
    status: 503,
    title: 'A contract of ours is paused',
    retry: 'later',
    howToSolve:
      'Find out why the guardian paused it. Until a proposal of anchor.unpause or vault.unpause is executed (`cairn govern propose`), a paused anchor takes no record, and a paused vault no deposit, and pays nobody.',
  },
  'chain/transaction-differs': {
    status: 409,
    title: 'A transaction with this id but another content exists',
    retry: 'never',
    howToSolve: 'One id names one call for ever: use a new id for a new call.',
  },
  'chain/transaction-unknown': {
    status: 404,
    title: 'No transaction with this id is in the outbox',
    retry: 'never',
    howToSolve: 'Enqueue it first; the id is the caller’s own.',
  },
  'chain/relayer-busy': {
    status: 409,
    title: 'Another process sends with this relayer key',
    retry: 'later',
    howToSolve: 'One relayer key has one sender. Stop the other process (it holds the advisory lock of this key), or give this one a key of its own.',
  },
  'chain/relayer-out-of-funds': {
    status: 503,
    title: 'The relayer cannot pay the gas',
    retry: 'later',
    howToSolve: 'Send native coin to the relayer’s address named in the facts; the outbox goes on by itself.',
  },
  'chain/consent-needed': {
    status: 409,
    title: 'Nothing is deployed or spent on this chain without being asked',
    retry: 'never',
    howToSolve: 'Add --deploy to put the contracts on the chain of RPC_URL, paid by DEPLOYER_KEY; or unset RPC_URL for a local chain.',
  },
  'chain/deployment-differs': {
    status: 409,
    title: 'The recorded deployment was made with other parameters',
    retry: 'never',
    howToSolve:
      'The contracts pin the book and the tokens for ever: go on with the recorded ones, or make a new deployment in an empty database. What a deployment that is not finished was begun with stays until it is.',
  },
  'chain/keys-differ': {
    status: 409,
    title: 'The contracts name other keys than ours',
    retry: 'later',
    howToSolve:
      'Start with the signer nodes (and the operators) whose keys the contracts name; or have governance name those of now first, and start again then (docs/custody.md, “Replacing a key”). What is signed already is signed anew by the key of now; a payment whose deadline passes before goes back to its merchant.',
  },
  'chain/local-already-running': {
    status: 503,
    title: 'Another process already runs this local chain',
    retry: 'never',
    howToSolve: 'Stop the other Cairn that uses the same state directory, or give this one a directory of its own.',
  },
  'chain/local-port-busy': {
    status: 503,
    title: 'The port wanted for the local chain is taken',
    retry: 'never',
    howToSolve: 'Choose another port, or none: then a free one is found.',
  },
  'chain/local-no-binary': {
    status: 503,
    title: 'There is no local chain for this platform',
    retry: 'never',
    howToSolve: 'Run npm ci with optional dependencies, or set RPC_URL to a node of your own.',
  },
  'chain/local-damaged-state': {
    status: 503,
    title: 'The file that remembers the local chain’s port and process is damaged',
    retry: 'never',
    howToSolve:
      'End an anvil that may still run for this state folder, delete the file named in the message, and start again: the blocks are kept in other files.',
  },
  'chain/local-start-failed': {
    status: 503,
    title: 'The local chain does not start',
    retry: 'later',
    howToSolve: 'Read anvil.log in the state directory; or set RPC_URL to a node of your own.',
  },
  'chain/deployment-failed': {
    status: 500,
    title: 'A step of the deployment was refused',
    retry: 'later',
    howToSolve:
      'Mend what the detail names (gas, a token that cannot be listed, a key with the wrong address) and start again: the deployment goes on with that step.',
  },
  'chain/keys-not-apart': {
    status: 409,
    title: 'One key would play two parts in governance',
    retry: 'never',
    howToSolve: 'Give owner, guardian, deployer and both operators a key each, kept by different people on different machines.',
  },
  'chain/safe-contracts-missing': {
    status: 409,
    title: 'The chain does not have Safe’s contracts where every chain has them',
    retry: 'never',
    howToSolve: 'Have Safe 1.5.0 deployed on that chain at its canonical addresses (safe-global/safe-singleton-factory), or choose a chain that has it.',
  },
  'chain/not-deployed': {
    status: 409,
    title: 'No contracts are deployed yet',
    retry: 'later',
    howToSolve: 'Start the server once: it deploys the contracts, or asks for consent to.',
  },
  'chain/test-token-refused': {
    status: 409,
    title: 'Test stablecoins are made on local chains only',
    retry: 'never',
    howToSolve: 'Give the address of an existing token for each currency.',
  },
  'chain/deposit-unmatched': {
    status: 500,
    title: 'The vault reports a deposit that its token does not',
    retry: 'never',
    howToSolve: 'The token misbehaves: unlist it through the timelock, and look at the named transaction before anything else is credited.',
  },
} as const satisfies Record<string, ProblemDefinition>;
