import type { ProblemDefinition } from './problems.ts';

export const AUDIT_PROBLEMS = {
  'audit/receipt-refused': {
    status: 422,
    title: 'The chain contradicts the receipt',
    retry: 'never',
    howToSolve: 'Do not rely on this receipt; ask for it again, and check that the endpoint serves the chain it names.',
  },
  'audit/not-final': {
    status: 409,
    title: 'The chain has it, but not finally',
    retry: 'later',
    howToSolve: 'Verify again in a few minutes.',
  },
  'audit/bad-export': {
    status: 400,
    title: 'The file is no export',
    retry: 'never',
    howToSolve: 'Use the file exactly as cairn export wrote it; the detail names the line that is cut off, unknown or misspelled.',
  },
  'audit/bad-merchants': {
    status: 400,
    title: 'The list of merchants’ keys cannot be read',
    retry: 'never',
    howToSolve: 'Write one merchant a line: his UUID, a blank, and the address of his key as 0x and 40 hexadecimal digits.',
  },
  'audit/endpoint-failed': {
    status: 502,
    title: 'The chain’s endpoint does not answer as it should',
    retry: 'later',
    howToSolve: 'Check the URL given with --rpc, and that the node behind it keeps the logs since the deployment.',
  },
  'audit/no-finality': {
    status: 502,
    title: 'The chain’s endpoint does not say which blocks are final',
    retry: 'never',
    howToSolve: 'Use an endpoint that knows finalized blocks; or add --finality latest to go by its newest block, which a reorganisation can still take back.',
  },
  'audit/other-vault': {
    status: 409,
    title: 'It is about another vault than yours',
    retry: 'never',
    howToSolve: 'Whoever deploys contracts of his own can prove anything about them: rely on nothing but the vault that you know.',
  },
  'audit/wrong-chain': {
    status: 409,
    title: 'The endpoint serves another chain',
    retry: 'never',
    howToSolve: 'Give the endpoint of the chain that the file names.',
  },
  'export/nothing-there': {
    status: 404,
    title: 'There is nothing to export',
    retry: 'never',
    howToSolve: 'Run cairn start once, or point --state or DATABASE_URL at the platform that ran.',
  },
  'export/cannot-write': {
    status: 500,
    title: 'The export cannot be written',
    retry: 'later',
    howToSolve: 'Choose a file in a folder that you may write to, on a disk with room.',
  },
  'replay/nothing-there': {
    status: 404,
    title: 'There is nothing to replay',
    retry: 'never',
    howToSolve: 'Run cairn start once, or point --state or DATABASE_URL at the platform that ran.',
  },
  'replay/no-scratch': {
    status: 403,
    title: 'There is no room to replay in',
    retry: 'never',
    howToSolve: 'Let it make temporary tables, which nobody else sees and which end with its connection: GRANT TEMPORARY ON DATABASE ... TO cairn_read.',
  },
} as const satisfies Record<string, ProblemDefinition>;
