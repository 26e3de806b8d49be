import type { ProblemDefinition } from './problems.ts';

export const CLI_PROBLEMS = {
  'cli/unknown-command': {
    status: 400,
    title: 'There is no such command',
    retry: 'never',
    howToSolve: 'See cairn --help.',
  },
  'cli/bad-arguments': {
    status: 400,
    title: 'The command was called with the wrong arguments',
    retry: 'never',
    howToSolve: 'See the command’s --help.',
  },
  'cli/bad-environment': {
    status: 400,
    title: 'An environment variable is set to what it cannot be',
    retry: 'never',
    howToSolve: 'Correct the variable or unset it; the command’s --help says what each is for. Nothing was started or written.',
  },
  'cli/bad-file': {
    status: 400,
    title: 'The file cannot be read',
    retry: 'never',
    howToSolve: 'Check its path and that you may read it.',
  },
  'cli/bad-state': {
    status: 500,
    title: 'The state folder cannot be used',
    retry: 'later',
    howToSolve: 'Choose a folder that you may write to with --state, or free some disk.',
  },
  'cli/already-running': {
    status: 409,
    title: 'Another platform is running on this state folder',
    retry: 'later',
    howToSolve: 'Stop the other one first, or choose another folder with --state.',
  },
  'cli/needs-consent': {
    status: 400,
    title: 'Nothing is deployed or spent on a chain of yours without being asked',
    retry: 'never',
    howToSolve: 'Add --deploy to put the contracts on the chain of RPC_URL with DEPLOYER_KEY; or unset RPC_URL for a local chain.',
  },
  'cli/job-stuck': {
    status: 500,
    title: 'A part of the job goes on failing',
    retry: 'later',
    howToSolve: 'Nothing is lost. The detail names the part and why; when that is mended, run the same command again: it goes on where it was.',
  },
  'cli/stopped': {
    status: 503,
    title: 'The command was stopped',
    retry: 'later',
    howToSolve: 'Run the same command again: it goes on where it was.',
  },
} as const satisfies Record<string, ProblemDefinition>;
