/** The door of `cairn node`: what an operator does with one signer node, each with its own help, progress and refusals. */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Problem, systemClock } from '#base';
import { ceremony, FOLDER, FOLDER_HELP, needed, roleOf, tell, whole, type Command, type Values } from './arguments.ts';
import { backupCommand, restoreCommand } from './backup.ts';
import { openDesk } from './desk.ts';
import { initNode, nameCoordinator, namePeer } from './init.ts';
import { MOVES } from './moves.ts';
import { policyCommand } from './policy.ts';
import { PROVIDER_HELP, PROVIDER_OPTIONS, providerNamed, rekeyNode } from './provider.ts';
import { merchantCommand, ratesCommand } from './registry.ts';
import { runCommand } from './run.ts';
import { tellStatus } from './status.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

const COMMANDS: Readonly<Record<string, Command>> = {
  init: {
    summary: 'make the folder of a new node',
    help: `cairn node init --folder DIR --party N --listen HOST:PORT --policy FILE (--key-file FILE | --passphrase-file FILE | --hsm-module FILE ...)

  Makes a store with its first policy, the node's identity on the network, the key of its operator, and node.json. Prints the fingerprint
  to be read aloud to the other operators, and what they type to name this node as their peer. Nothing that exists is overwritten.

  --folder DIR            the data folder of the node
  --party N               its number among the parties, from 1, for ever
  --threshold T           how many must sign; 2 unless told
  --listen HOST:PORT      where its peers and the coordinator reach it
  --health PORT           of /healthz and /metrics on 127.0.0.1; 9464 unless told
  --policy FILE           what it may sign (docs/custody.md)
${PROVIDER_HELP}  --recovery FILE         draws a recovery key, writes its secret to FILE (take it off this machine), and seals a backup of every share to it
`,
    options: {
      ...FOLDER,
      party: { type: 'string' },
      threshold: { type: 'string' },
      listen: { type: 'string' },
      health: { type: 'string' },
      policy: { type: 'string' },
      ...PROVIDER_OPTIONS,
      recovery: { type: 'string' },
    },
    words: [0, 0],
    run: async (values) => {
      const party = whole(values, 'party');
      await initNode({
        folder: needed(values, 'folder'),
        party,
        threshold: values['threshold'] === undefined ? 2 : whole(values, 'threshold'),
        listen: needed(values, 'listen'),
        healthPort: values['health'] === undefined ? 9_464 : whole(values, 'health'),
        policyFile: needed(values, 'policy'),
        provider: providerNamed(values, party),
        recoveryFile: values['recovery'] as string | undefined,
        clock: systemClock,
        random,
        tell,
      });
      return 0;
    },
  },
  rekey: {
    summary: 'let another passphrase, key file or token open the store',
    help: `cairn node rekey --folder DIR (--key-file FILE | --passphrase-file FILE | --hsm-module FILE ...)

  The store is opened by what opened it until now, and from then on by what is named here, and node.json says so. No share is touched, and
  the node keeps its identity. It must not run. Dying half-way does no harm: type it again. Copies of the folder that were made before still
  open by the old key: destroy them, or hold cairn node refresh, after which the shares in them are worth nothing.

  --folder DIR            the data folder of the node
${PROVIDER_HELP}`,
    options: { ...FOLDER, ...PROVIDER_OPTIONS },
    words: [0, 0],
    run: async (values) => rekeyNode(needed(values, 'folder'), (party) => providerNamed(values, party), random, tell),
  },
  peer: {
    summary: 'name a peer, or the coordinator, before the first ceremony',
    help: `cairn node peer PARTY=HOST:PORT=KEY ... --folder DIR [--coordinator KEY]

  Writes the other parties into node.json, as their own cairn node init printed them. Compare each fingerprint by voice: who controls
  what you type here controls who you believe. A running node takes it up at its next start.

${FOLDER_HELP}
  --coordinator KEY  the public key of the platform that may ask for signatures
`,
    options: { ...FOLDER, coordinator: { type: 'string' } },
    words: [0, 254],
    run: async (values, words) => {
      const folder = needed(values, 'folder');
      for (const word of words) for (const line of await namePeer(folder, word)) tell(line);
      if (values['coordinator'] !== undefined) await nameCoordinator(folder, needed(values, 'coordinator'));
      return 0;
    },
  },
  run: {
    summary: 'run the node until it is stopped',
    help: `cairn node run --folder DIR [--quiet] [--until-input-ends] [--uid N]

  Opens the store, answers peers, coordinator and operators over mutual TLS 1.3, and serves /healthz and /metrics on the loopback
  interface. Logs one JSON object a line to standard output; nothing in it is secret. Ends with 1 where it refuses to start (its disk is
  not what it remembers, a file cannot be used), with 3 where the disk is not what a peer remembers, or fails. SIGTERM and SIGINT stop it
  in order; whatever ends it, no session is ever resumed.

${FOLDER_HELP}
  --quiet            log warnings and errors only
  --until-input-ends stop when standard input ends: for a program that must not leave it behind
  --uid N            by root: becomes user and group N, who own the folder, before it opens anything; for nodes of one machine
`,
    options: { ...FOLDER, quiet: { type: 'boolean' }, 'until-input-ends': { type: 'boolean' }, uid: { type: 'string' } },
    words: [0, 0],
    run: async (values) =>
      runCommand({
        folder: needed(values, 'folder'),
        level: values['quiet'] === true ? 'warn' : 'info',
        untilInputEnds: values['until-input-ends'] === true,
        uid: values['uid'] === undefined ? undefined : whole(values, 'uid'),
        random,
      }),
  },
  ceremony: {
    summary: 'generate a key together with the other nodes',
    help: `cairn node ceremony KEY --folder DIR

  KEY is poster, vault or owner. Every operator runs this at the own running node, in any order; it begins when all are there. Prints a
  transcript to keep. The key signs when every node has it on its disk, every set of signers has made a test signature, and all have
  confirmed. Compare the address at the end by voice.

${FOLDER_HELP}
`,
    options: FOLDER,
    words: [1, 1],
    run: async (values, [role]) => ceremony(values, { kind: 'generate', role: roleOf(role) }),
  },
  refresh: {
    summary: 'give all nodes new shares of the same key',
    help: `cairn node refresh KEY --folder DIR

  As a ceremony, at every node: the address stays, every share and every pair is new, and the old ones are erased when all nodes have
  confirmed the new ones. A node that came back from its backup becomes whole by it. Afterwards destroy every backup that was written
  before: the share in it is not erased until you do.

${FOLDER_HELP}
`,
    options: FOLDER,
    words: [1, 1],
    run: async (values, [role]) => ceremony(values, { kind: 'refresh', role: roleOf(role) }),
  },
  ...MOVES,
  approve: {
    summary: 'approve the new set-up of a poisoned pair',
    help: `cairn node approve KEY --peer N --folder DIR

  After a check against a peer failed, or too many signatures with it came out invalid (POISONED and SUSPENDED in cairn node status), this
  pair signs nothing until both its operators approve a whole new set-up, each at the own node.
  Find out first why it failed: a peer that cheats once is set up again, twice within 30 days it is refused and has to be reshared out.

${FOLDER_HELP}
  --peer N           the other party of the pair
`,
    options: { ...FOLDER, peer: { type: 'string' } },
    words: [1, 1],
    run: async (values, [role]) => ceremony(values, { kind: 'repair', role: roleOf(role), peer: whole(values, 'peer') }),
  },
  policy: {
    summary: 'show what the node may sign, or change it with the other operators',
    help: `cairn node policy show --folder DIR
cairn node policy (propose FILE | approve ID | cancel ID | stop) --operator NAME --key FILE --folder DIR

  A change takes a quorum of the operators whom the policy names, and waits: a loosening longer than a tightening. Any one of them can
  cancel a proposal or stop the node at once. Each node has its own copy: bring the change to every node.

${FOLDER_HELP}
  --operator NAME    who signs, as the policy calls him
  --key FILE         his ed25519 secret: 32 bytes as 0x and hexadecimal digits
`,
    options: { ...FOLDER, operator: { type: 'string' }, key: { type: 'string' } },
    words: [1, 2],
    run: async (values, words) =>
      policyCommand({
        folder: needed(values, 'folder'),
        words,
        operator: values['operator'] as string | undefined,
        keyFile: values['key'] as string | undefined,
        random,
        tell,
      }),
  },
  merchant: {
    summary: 'register a merchant’s key that he told you himself',
    help: `cairn node merchant [MERCHANT KEY] --folder DIR

  Adds KEY for MERCHANT to the file that node.json names, and ends the use of the key before it; without words, lists them. Take a key
  from the merchant, in a way that the platform has no hand in: it is what keeps a captured platform from inventing orders.

${FOLDER_HELP}
`,
    options: FOLDER,
    words: [0, 2],
    run: async (values, words) => merchantCommand(needed(values, 'folder'), words, systemClock.nowMs(), tell),
  },
  rates: {
    summary: 'say within which bands exchange rates are believed',
    help: `cairn node rates [FILE [--within BPS [--valid HOURS]]] --folder DIR

  A payment between currencies is worth what its rates say, and rates are the platform's word: outside these bands the node refuses it.
  Takes FILE as the bands ({format, pivot, bands, notAfterS}: docs/formats.md), or makes bands around the rates of FILE ({pivot, rates}),
  checks them and puts them in place of the ones before, at once and whole; a node that runs takes them up within seconds. Take the rates
  from elsewhere than the platform. Bands that are not renewed in time are not believed any more, and payments between currencies wait.
  Without FILE, lists the bands and says how long they are valid.

${FOLDER_HELP}
  --within BPS       how far a rate may be from that of FILE, in hundredths of a percent
  --valid HOURS      how long the bands are believed; 72 hours where it is not given
`,
    options: { ...FOLDER, within: { type: 'string' }, valid: { type: 'string' } },
    words: [0, 1],
    run: async (values, [file]) => {
      const validHours = values['valid'] === undefined ? undefined : whole(values, 'valid');
      if (validHours !== undefined && values['within'] === undefined)
        throw new Problem('cli/bad-arguments', '--valid goes with --within: a file of bands says itself how long they are valid.');
      const around = values['within'] === undefined ? undefined : { withinBps: whole(values, 'within'), validHours };
      return ratesCommand(needed(values, 'folder'), file, around, systemClock.nowMs(), tell);
    },
  },
  status: {
    summary: 'what the node holds, and how it is',
    help: `cairn node status --folder DIR [--json]

  Asks the running node for its keys with their epochs and pairs, the policy in force, whether its peers have confirmed its disk, what was
  poisoned or is suspended, and what it sees in the timelock. A line that begins with ALARM is for you; docs/custody.md says what to do.

${FOLDER_HELP}
  --json             for a program
`,
    options: { ...FOLDER, json: { type: 'boolean' } },
    words: [0, 0],
    run: async (values) => {
      const desk = await openDesk(needed(values, 'folder'));
      try {
        const status = await desk.ask('node/status', {});
        if (values['json'] === true) tell(JSON.stringify(status, null, 2));
        else tellStatus(status, tell);
      } finally {
        desk.close();
      }
      return 0;
    },
  },
  backup: {
    summary: 'write the sealed backups of the node’s shares',
    help: `cairn node backup --out FILE --folder DIR

  Asks the running node for the backups of its shares, sealed to this node's own recovery key, and writes them to FILE. Nobody but who
  has the recovery secret opens them. A refresh erases what is on the nodes, and cannot erase this file: the share in it counts as
  unerased for as long as FILE exists. Make a new backup after every refresh, and destroy all older ones.

${FOLDER_HELP}
  --out FILE         where to; it must not exist
`,
    options: { ...FOLDER, out: { type: 'string' } },
    words: [0, 0],
    run: async (values) => backupCommand(needed(values, 'folder'), needed(values, 'out'), tell),
  },
  restore: {
    summary: 'bring a share back from a backup into a new node',
    help: `cairn node restore FILE --recovery FILE --folder DIR

  For a node that was made anew by cairn node init (a new identity: the other operators name it as their peer again) and does not run. Its
  shares come back as RESTORED: they sign nothing until all nodes hold cairn node refresh for that key.

  --folder DIR           the data folder of the node
  --recovery FILE        the recovery secret that cairn node init wrote
  --sealed-policy HASH   the policy in force when the backup was sealed, where this node is meant to have another one
`,
    options: { ...FOLDER, recovery: { type: 'string' }, 'sealed-policy': { type: 'string' } },
    words: [1, 1],
    run: async (values, [file]) =>
      restoreCommand({
        folder: needed(values, 'folder'),
        file: file!,
        recoveryFile: needed(values, 'recovery'),
        sealedPolicy: values['sealed-policy'] as string | undefined,
        random,
        tell,
      }),
  },
  drill: {
    summary: 'rehearse what can go wrong, with throw-away nodes',
    help: `cairn node drill NAME [--keep]

  Starts three nodes of its own in a temporary folder, holds a ceremony, lets the thing happen, and shows that the key signs again and
  stayed the same. Touches no node of yours. NAME is all, or one of:

  lost-node              one of three is killed: the other two go on, and it comes back
  refresh                all shares are made anew; the address stays
  refresh-killed         a node is killed in the middle of a refresh; the key signs before and after, and the refresh is held again
  withheld-confirmation  in a refresh, a captured node confirms to one peer and not to the other; no epoch is lost
  poisoned-pair          a pair is poisoned; the others go on, both operators approve, and it signs again
  poisoned-twice         it is poisoned again: the peer is reshared out, and a new node takes its place
  lost-disk              a node loses its disk, is restored from its backup under a new identity, and is made whole by a refresh
  lost-backup            a backup and its secret are in strange hands: after a refresh they are worth nothing
  lost-member            a node is lost for ever without a backup: the others reshare to a new one, and the old share is worth nothing

  --keep                 leave the folder, to look at it
`,
    options: { keep: { type: 'boolean' } },
    words: [1, 1],
    run: async (values, [name]) => (await import('../drill/drill.ts')).runDrills(name!, values['keep'] === true, tell),
  },
};

const HELP = `cairn node: one of the signers that hold the keys together.

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  cairn node ${name.padEnd(10)}${summary}`)
  .join('\n')}

  cairn node COMMAND --help tells more; docs/custody.md tells how to run it for real.
`;

/** Returns the exit code; refusals are thrown as Problems. */
export async function nodeCommand(args: readonly string[]): Promise<number> {
  const [name = '', ...rest] = args;
  if (name === '' || name === 'help' || name === '--help' || name === '-h') return say(HELP);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command)
    throw new Problem('cli/unknown-command', `There is no command "node ${name.slice(0, 40)}"; cairn node knows ${Object.keys(COMMANDS).join(', ')}.`);
  if (rest.includes('--help') || rest.includes('-h')) return say(command.help);
  const { values, positionals } = parse(command, rest);
  const [least, most] = command.words;
  if (positionals.length < least || positionals.length > most)
    throw new Problem('cli/bad-arguments', `cairn node ${name} takes ${least === most ? least : `${least} to ${most}`} words beside its options.`);
  return command.run(values as Values, positionals);
}

function parse({ options }: Command, args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (cause) {
    throw new Problem('cli/bad-arguments', `${(cause as Error).message.split('. ')[0]!}.`, {}, cause);
  }
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}
