import { fileURLToPath } from 'node:url';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { Problem, systemClock, type ProblemCode } from '#base';
import { GOVERN_COMMANDS } from '#governance/commands';

/** One command of `cairn`: what it is called with, and what runs. Modules are loaded when the command is chosen, so that --help answers at once. */
interface Command {
  readonly summary: string;
  readonly help: string | (() => Promise<string>);
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** How many words it takes beside its options; `some` is one or more. */
  readonly words: number | 'any' | 'some';
  /** Returns the exit code. */
  readonly run: (values: Values, words: readonly string[], defaultState: string) => Promise<number>;
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

const STATE = { state: { type: 'string' } } as const;
/** Where cairn start keeps ledger, chain and keys unless told: in the clone. */
const DEFAULT_STATE = fileURLToPath(new URL('../.cairn/state', import.meta.url));
const RPC = { rpc: { type: 'string' }, vault: { type: 'string' }, finality: { type: 'string' } } as const;

const COMMANDS: Readonly<Record<string, Command>> = {
  start: {
    summary: 'start everything, run the main job, and go on serving the API',
    help: `cairn start [--once] [--input FILE [--sandbox-payees]] [--json] [--port N] [--state DIR]

  Starts PostgreSQL and a local EVM chain (or uses DATABASE_URL and RPC_URL), deploys the contracts once, runs the payment orders,
  prints what became of them and goes on serving the API. Ctrl-C stops all of it; starting again goes on with the same ledger and chain.

  --once             stop after the job; the exit code is 0 only if every line verified
  --input FILE       a pain.001 file of yours instead of the repository's example
  --sandbox-payees   invent a settlement address for every payee of that file (a rehearsal: nobody is behind the address)
  --json             the facts for a program, on standard output; progress goes to standard error
  --port N           of the API; a free one unless told
  --state DIR        where ledger, chain and keys are kept; .cairn/state in the clone unless told
  --deploy           with RPC_URL: deploy our contracts there, which costs gas of DEPLOYER_KEY
  --force-rehearsal  with RPC_URL: three signer nodes on this one machine also for a chain that is not a local one

  DATABASE_URL       a PostgreSQL of yours: postgres://USER:PASSWORD@HOST:PORT/DATABASE
  RPC_URL            a chain of yours: an http or https URL
  DEPLOYER_KEY       the private key that deploys: 32 bytes in hexadecimal
  OPERATORS          addresses of the two operators who govern with the group: 0x…,0x…; made for a rehearsal on a local chain
`,
    options: {
      once: { type: 'boolean' },
      'force-rehearsal': { type: 'boolean' },
      input: { type: 'string' },
      'sandbox-payees': { type: 'boolean' },
      json: { type: 'boolean' },
      port: { type: 'string' },
      deploy: { type: 'boolean' },
      ...STATE,
    },
    words: 0,
    run: async (values) => (await import('#job')).startCommand(values),
  },
  export: {
    summary: 'write the journal for an auditor',
    help: `cairn export FILE [--state DIR]

  Writes every record of the ledger, its evidence and its batches to FILE, read with a role that can change nothing.
  Reads DATABASE_URL where it is set; else the database of the state folder, whether a platform runs on it or not.

  --state DIR        where ledger, chain and keys are kept; .cairn/state in the clone unless told
`,
    options: STATE,
    words: 1,
    run: async (values, [file]) => (await import('#export')).exportCommand(file!, values, DEFAULT_STATE),
  },
  'book list': {
    summary: 'show the books of each database, and who has them',
    help: `cairn book list

  Lists the books of DATABASE_URL and of every database that the file of BOOK_DATABASES names: how far each has come, where it went,
  and for how long its writer has it unless it says so again.

  DATABASE_URL       the platform's database, as its owner
  BOOK_DATABASES     a file that says which database each book is in; docs/scale.md shows one
`,
    options: {},
    words: 0,
    run: async () => (await import('#books')).listCommand(tellLine),
  },
  'book move': {
    summary: 'move a book to another database while its callers go on',
    help: `cairn book move --book ID --to DATABASE [--from DATABASE] [--cancel]

  Copies the book, ends its writing here, copies the rest, compares both, replays the copy, and opens it there. Its callers are told where
  it went, and go on there with the same ids; no transfer that was acknowledged is lost. Run again after any interruption it goes on.

  --book ID          the book; the platform's own stays where its payments are
  --to DATABASE      a name of the file of BOOK_DATABASES, or a URL of the owner
  --from DATABASE    where it is now; what BOOK_DATABASES says, or DATABASE_URL, unless told
  --cancel           call off a move that was interrupted: the book may be written here again
`,
    options: { book: { type: 'string' }, to: { type: 'string' }, from: { type: 'string' }, cancel: { type: 'boolean' } },
    words: 0,
    run: async (values) => (await import('#books')).moveCommand(values, tellLine),
  },
  'book reconcile': {
    summary: 'compare what two books say that they owe each other',
    help: `cairn book reconcile --book ID --other ID [--at DATABASE] [--other-at DATABASE]

  Reads every record of both clearing accounts, asset by asset, and names each transfer that shows in one of them only: under way where a
  step is still to come, WRONG where no order of steps leads there. Reads with a role that can change nothing; the books may be in use.
  Ends 0 when the two agree but for what is under way, 1 when a transfer is wrong.

  --book ID            the one book
  --other ID           the other
  --at DATABASE        where the one is: a name of the file of BOOK_DATABASES, or a URL; what that file says, or DATABASE_URL, unless told
  --other-at DATABASE  where the other is, likewise
`,
    options: { book: { type: 'string' }, other: { type: 'string' }, at: { type: 'string' }, 'other-at': { type: 'string' } },
    words: 0,
    run: async (values) => (await import('#interbook')).reconcileCommand(values, tellLine),
  },
  'book recover': {
    summary: 'finish the transfers between books that an outage left half-way',
    help: `cairn book recover

  Looks into every book of DATABASE_URL and of the databases that the file of BOOK_DATABASES names, takes those that hold money for a transfer
  between books, and takes each such transfer to its end: paid or given back, as the sending book's journal decides. It may be run at any
  time and again. A book that another process writes is left to that one, and named. Ends 0 when nothing is left half-way, 1 when something is.

  DATABASE_URL       the platform's database, as its owner
  BOOK_DATABASES     a file that says which database each book is in; docs/scale.md shows one
`,
    options: {},
    words: 0,
    run: async () => (await import('#interbook')).recoverCommand(systemClock, tellLine),
  },
  replay: {
    summary: 'build all balances and roots again from the journal, and compare',
    help: `cairn replay [--book ID] [--state DIR] [--json]

  Books every record again with the pure ledger and compares accounts, holds, histories, batches and log heads with what is stored, and what
  payments and settlement took from the journal. What it builds is in temporary tables, gone when it ends; it logs in with a role that can
  change nothing. A platform may go on meanwhile. Ends 0 when all agree; otherwise 1, naming the first difference in a sentence.
  Reads DATABASE_URL where it is set (the owner's); else the database of the state folder, whether a platform runs on it or not.

  --book ID          only this book; all of them unless told
  --state DIR        where ledger, chain and keys are kept; .cairn/state in the clone unless told
  --json             the report for a program, on standard output; progress goes to standard error
`,
    options: { ...STATE, book: { type: 'string' }, json: { type: 'boolean' } },
    words: 0,
    run: async (values) => (await import('#replay')).replayCommand(values, DEFAULT_STATE),
  },
  prune: {
    summary: 'show what deleted clones left on this machine, and remove it',
    help: `cairn prune [--remove]

  Run by root, PostgreSQL's data are in /var/lib/cairn where its own user cannot reach the state folder, and stay there when a clone is
  deleted. Lists each database there that is provably ours, is stopped, and whose state folder is gone.

  --remove           remove those that are listed; there is no way back
`,
    options: { remove: { type: 'boolean' } },
    words: 0,
    run: async (values) => (await import('#db')).pruneCommand(values, tellLine),
  },
  audit: {
    summary: 'check an export against the chain, trusting no server',
    help: `cairn audit EXPORT --rpc URL [--vault ADDRESS] [--finality latest] [--merchants FILE] [--json]

  Replays the ledger with the pure core, recomputes balances, leaves, roots, fees, windows and the merchants' signatures, and compares
  them with the chain. Ends 0 when all agree; otherwise 1, naming each record, its batch and the contradiction.

  --rpc URL          an Ethereum JSON-RPC endpoint of your choice
  --vault ADDRESS    the vault as you know it; a file about another one is refused
  --finality latest  go by the newest block where the endpoint calls none final; a reorganisation can still take that back
  --merchants FILE   the merchants' keys as you know them: lines of "merchant-uuid 0xaddress"
`,
    options: { ...RPC, merchants: { type: 'string' }, json: { type: 'boolean' } },
    words: 1,
    run: async (values, [file]) => (await import('#audit')).auditCommand(file!, values),
  },
  verify: {
    summary: 'check one receipt, or the proof of one entry, against the chain, trusting no server',
    help: `cairn verify FILE --rpc URL [--vault ADDRESS] [--finality latest] [--json]

  Checks a receipt, or the proof of an entry, with nothing but the file and an RPC endpoint. Ends 0 when it holds, 1 with the reason when not.

  --rpc URL          an Ethereum JSON-RPC endpoint of your choice
  --vault ADDRESS    the vault as you know it; a file about another one is refused
  --finality latest  go by the newest block where the endpoint calls none final; a reorganisation can still take that back
`,
    options: { ...RPC, json: { type: 'boolean' } },
    words: 1,
    run: async (values, [file]) => (await import('#audit')).verifyCommand(file!, values),
  },
  ...GOVERN_COMMANDS,
};

/** Commands with commands of their own. */
const GROUPS: Readonly<Record<string, { readonly summary: string; readonly run: (args: readonly string[]) => Promise<number> }>> = {
  node: { summary: 'run and care for one of the signer nodes that hold the keys', run: async (args) => (await import('#mpc/node/command')).nodeCommand(args) },
};

function list(names: readonly string[]): string {
  return names.map((name) => `  cairn ${name.padEnd(16)}${COMMANDS[name]!.summary}`).join('\n');
}

const HELP = `cairn: a wallet ledger and settlement platform, provable to the last entry.

${list(Object.keys(COMMANDS))}
${Object.entries(GROUPS)
  .map(([name, { summary }]) => `  cairn ${name.padEnd(16)}${summary}`)
  .join('\n')}

  cairn COMMAND --help tells more. Inside the clone: npx cairn, or npm start.
`;

async function main(args: readonly string[]): Promise<number> {
  const { name, rest } = named(args);
  if (name === '' || name === 'help' || name === '--help' || name === '-h') return tell(HELP);
  if (Object.hasOwn(GROUPS, name)) return GROUPS[name]!.run(args.slice(1));
  const group = Object.keys(COMMANDS).filter((key) => key.startsWith(`${name} `));
  if (group.length > 0 && (rest.length === 0 || ['help', '--help', '-h'].includes(rest[0]!)))
    return tell(`${list(group)}\n\n  cairn ${name} COMMAND --help tells more.\n`);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command && group.length > 0)
    throw new Problem('cli/unknown-command', `There is no command "${name} ${rest[0]!.slice(0, 40)}"; cairn knows ${group.join(', ')}.`);
  if (!command)
    throw new Problem('cli/unknown-command', `There is no command "${name.slice(0, 40)}"; cairn knows ${Object.keys({ ...COMMANDS, ...GROUPS }).join(', ')}.`);
  if (rest.includes('--help') || rest.includes('-h')) return tell(typeof command.help === 'string' ? command.help : await command.help());
  const { values, positionals } = parse(command, rest);
  if (typeof command.words === 'number' && positionals.length !== command.words)
    throw new Problem('cli/bad-arguments', `cairn ${name} takes ${command.words === 0 ? 'no file' : 'one file'}.`);
  if (command.words === 'some' && positionals.length === 0) throw new Problem('cli/bad-arguments', `cairn ${name} was not told what.`);
  const empty = Object.keys(values).find((option) => values[option as keyof typeof values] === '');
  if (empty !== undefined) throw new Problem('cli/bad-arguments', `--${empty} was given an empty value.`);
  if (positionals.includes('')) throw new Problem('cli/bad-arguments', 'The name of the file is empty.');
  return command.run(values as Values, positionals, DEFAULT_STATE);
}

/** The command of the first word, or of the first two where that is one. */
function named(args: readonly string[]): { readonly name: string; readonly rest: readonly string[] } {
  const both = args.slice(0, 2).join(' ');
  return Object.hasOwn(COMMANDS, both) ? { name: both, rest: args.slice(2) } : { name: args[0] ?? '', rest: args.slice(1) };
}

function parse({ options }: Command, args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (cause) {
    throw new Problem('cli/bad-arguments', `${(cause as Error).message.split('. ')[0]!}.`, {}, cause);
  }
}

function tellLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

function tell(text: string): number {
  process.stdout.write(text);
  return 0;
}

/** Exit code 2: called wrongly, and nothing was started or written. 1 is the answer no, or a failure on the way. */
const CALLED_WRONGLY: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'cli/unknown-command',
  'cli/bad-arguments',
  'cli/bad-environment',
  'cli/bad-file',
  'cli/bad-state',
  'books/bad-configuration',
  'store/bad-url',
]);

/** One clear sentence with what to do; a bug of ours keeps its stack, because somebody has to find it. */
function complain(error: unknown): number {
  if (error instanceof Problem) {
    process.stderr.write(`cairn: ${error.detail} ${error.definition.howToSolve} (${error.code})\n`);
    return CALLED_WRONGLY.has(error.code) ? 2 : 1;
  }
  process.stderr.write(`cairn: a bug of ours, nothing you did: ${error instanceof Error ? error.stack : String(error)}\n`);
  return 70;
}

process.exitCode = await main(process.argv.slice(2)).catch(complain);
