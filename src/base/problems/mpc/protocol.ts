import type { ProblemDefinition } from '../problems.ts';

/** Refusals of the threshold protocol (mpc/protocol); which of them ends a run with which durable effect is the table in mpc/protocol/primitives/abort.ts. */
export const MPC_PROTOCOL_PROBLEMS = {
  'mpc/bad-parameters': {
    status: 400,
    title: 'The protocol cannot be run with these parameters',
    retry: 'never',
    howToSolve: 'Name distinct parties of 1..n, at least two and exactly as many signers as the threshold says, and ids, nonces and digests of 32 bytes.',
  },
  'mpc/step-already-taken': {
    status: 409,
    title: 'This step of the session was taken before',
    retry: 'never',
    howToSolve: 'Start a new session: the state of a round is used once, because a second run with the same secrets gives the key away.',
  },
  'mpc/not-the-accepted-session': {
    status: 409,
    title: 'The session is not the one that this signer accepted',
    retry: 'never',
    howToSolve: 'Ask every signer for a fresh acceptance and start exactly what they accepted, each nonce and policy hash in its signer’s own slot.',
  },
  'mpc/pair-not-usable': {
    status: 409,
    title: 'The set-up of this pair of signers cannot be used',
    retry: 'never',
    howToSolve: 'Run the set-up of the pair anew in the current epoch; after a poisoning only with an operator’s approval.',
  },
  'mpc/malformed-message': {
    status: 422,
    title: 'A signer sent a message that is not one',
    retry: 'later',
    howToSolve: 'Retry with a new session. When it happens again, look at the software of the signer that is named: an honest one never sends this.',
  },
  'mpc/bad-opening': {
    status: 422,
    title: 'A signer opened something else than it had committed to',
    retry: 'never',
    howToSolve: 'Keep both signed messages as evidence; take the signer that is named out of the quorum until it is examined.',
  },
  'mpc/echo-differs': {
    status: 422,
    title: 'The signers were shown different messages',
    retry: 'later',
    howToSolve: 'Keep the signed messages and compare them among the operators: one of the signers told different things to different peers.',
  },
  'mpc/equivocation': {
    status: 422,
    title: 'A signer sent two different messages for one round',
    retry: 'never',
    howToSolve: 'Keep both signed messages as evidence; take the signer that is named out of the quorum until it is examined.',
  },
  'mpc/session-differs': {
    status: 409,
    title: 'The signers were given different sessions',
    retry: 'later',
    howToSolve:
      'Nobody is to blame but whoever gave out the session: look at the coordinator, and see that both signers have the same set-up generation of their pair.',
  },
  'mpc/ot-check-failed': {
    status: 422,
    title: 'A signer cheated in the oblivious transfer',
    retry: 'never',
    howToSolve: 'The pair is poisoned and refuses every session. Examine the signer that is named, then approve a new set-up of the pair, or reshare it out.',
  },
  'mpc/rvole-check-failed': {
    status: 422,
    title: 'A signer cheated in the multiplication',
    retry: 'never',
    howToSolve: 'The pair is poisoned and refuses every session. Examine the signer that is named, then approve a new set-up of the pair, or reshare it out.',
  },
  'mpc/product-check-failed': {
    status: 422,
    title: 'A signer multiplied by something else than it had committed to',
    retry: 'never',
    howToSolve: 'The pair is poisoned and refuses every session. Examine the signer that is named, then approve a new set-up of the pair, or reshare it out.',
  },
  'mpc/key-sum-differs': {
    status: 422,
    title: 'The signers’ shares do not add up to the key',
    retry: 'later',
    howToSolve: 'Run the self-test of every signer’s share; one of them is damaged or lied about.',
  },
  'mpc/invalid-signature': {
    status: 422,
    title: 'The signers’ last messages make no valid signature',
    retry: 'later',
    howToSolve: 'Retry with another quorum. It was counted: after a few the peer (two signers) or the quorum (more) is suspended.',
  },
  'mpc/overflowing-signature': {
    status: 409,
    title: 'The signature’s r wrapped around the group order',
    retry: 'now',
    howToSolve: 'Sign again: it happens by chance once in 2^127 signatures, and Ethereum cannot recover a key from such a one.',
  },
  'mpc/bad-share': {
    status: 422,
    title: 'A party dealt a share that is not on its polynomial',
    retry: 'never',
    howToSolve: 'The attempt is dropped. Keep the signed messages and start again without the party that is named, or after it is examined.',
  },
  'mpc/bad-proof': {
    status: 422,
    title: 'A party did not prove that it knows its part of the key',
    retry: 'never',
    howToSolve: 'The attempt is dropped. Keep the signed messages and start again without the party that is named, or after it is examined.',
  },
  'mpc/key-differs': {
    status: 422,
    title: 'The parts dealt do not make the key they should',
    retry: 'never',
    howToSolve: 'The attempt is dropped. Compare the public key and chain code with the operators’ own records, not with what the dealers say.',
  },
  'mpc/confirmation-differs': {
    status: 422,
    title: 'A party confirmed another result',
    retry: 'never',
    howToSolve: 'Both epochs are kept until all confirmations agree. Compare the signed confirmations among the operators.',
  },
} as const satisfies Record<string, ProblemDefinition>;
