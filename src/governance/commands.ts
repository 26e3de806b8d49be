/** The door of the operators' commands: what each is called with. The commands themselves, and Safe's kit with them, are loaded when one runs. */
import { terminal, type Values } from './terminal.ts';

const PLACE = { state: { type: 'string' }, deployment: { type: 'string' }, rpc: { type: 'string' } } as const;
const SIGNER = { key: { type: 'string' }, as: { type: 'string' }, yes: { type: 'boolean' } } as const;

const PLACE_HELP = `  --state DIR        where cairn start keeps ledger, chain and keys; .cairn/state in the clone unless told
  --deployment FILE  the deployment's addresses (governance.json of the state folder), for whoever has no state folder
  --rpc URL          an endpoint of the chain; a local chain's is in that file
`;

const SIGNER_HELP = `  --key FILE         a private key: 32 bytes in hexadecimal, in a file that only its owner can read
  --as owner         the group's owner key, asked where cairn start runs; the signers may refuse
  --yes              do not ask: it was read before
`;

const load = () => import('./governance.ts');

/** Each shows in words what it would do before anybody signs, and refuses what it cannot show. */
export const GOVERN_COMMANDS = {
  'govern propose': {
    summary: 'propose a change of the contracts, as a file to sign',
    help: async () => `cairn govern propose CONTRACT.FUNCTION NAME=VALUE ... --out FILE [--delay S] [--note TEXT]

  Writes a transaction of the Safe that proposes the change to the timelock, for two of the Safe's three owners to sign. Several
  changes in one proposal are done together or not at all. Addresses may be named: a token's symbol, safe, timelock, anchor, vault,
  owner, guardian, operator-1, operator-2. Amounts are minor units, delays seconds.

${(await import('./core/core.ts'))
  .governableLines()
  .map((line) => `    ${line}`)
  .join('\n')}

  --out FILE         where the proposal is written; nothing is overwritten
  --delay S          seconds to wait; what the timelock demands unless told
  --note TEXT        why, for whoever signs
${PLACE_HELP}`,
    options: { out: { type: 'string' }, delay: { type: 'string' }, note: { type: 'string' }, ...PLACE },
    words: 'some',
    run: async (values: Values, words: readonly string[], state: string) => (await load()).proposeCommand(values, words, state, terminal),
  },
  'govern sign': {
    summary: 'read a proposal and sign it',
    help: `cairn govern sign FILE (--key FILE | --as owner) [--yes]

  Shows what the proposal would do, from its bytes and not from its words, asks, and adds your signature to the file.

${SIGNER_HELP}${PLACE_HELP}`,
    options: { ...SIGNER, ...PLACE },
    words: 1,
    run: async (values: Values, words: readonly string[], state: string) => (await load()).signCommand(values, words, state, terminal),
  },
  'govern status': {
    summary: 'show who governs, what waits, who signed and who may cancel',
    help: `cairn govern status [FILE ...] [--json]

  Reads from the chain who has every role, the Safe's owners, and every operation that waits in the timelock: what it would do, the
  time left, who signed it, which signer nodes object, who may cancel it. With files, also how far these proposals are.

  --json             the facts for a program
${PLACE_HELP}`,
    options: { json: { type: 'boolean' }, ...PLACE },
    words: 'any',
    run: async (values: Values, words: readonly string[], state: string) => (await load()).statusCommand(values, words, state, terminal),
  },
  'govern execute': {
    summary: 'send a signed proposal, and do it once its delay is over',
    help: `cairn govern execute FILE --key FILE

  Sends the proposal through the Safe once enough owners have signed; run again after the delay, has the timelock do it. Anybody may:
  the key pays gas and decides nothing.

  --key FILE         of the account that pays: 32 bytes in hexadecimal, in a file that only its owner can read
${PLACE_HELP}`,
    options: { key: { type: 'string' }, ...PLACE },
    words: 1,
    run: async (values: Values, words: readonly string[], state: string) => (await load()).executeCommand(values, words, state, terminal),
  },
  'govern cancel': {
    summary: 'end what waits in the timelock',
    help: `cairn govern cancel (OPERATION | FILE) (--key FILE | --as owner) [--yes]

  Cancels an operation, by its id or by the file that proposed it. The guardian may, and the group's owner key; it can only be
  proposed again.

${SIGNER_HELP}${PLACE_HELP}`,
    options: { ...SIGNER, ...PLACE },
    words: 1,
    run: async (values: Values, words: readonly string[], state: string) => (await load()).cancelCommand(values, words, state, terminal),
  },
  'govern pause': {
    summary: 'stop the vault or the anchor at once, as the guardian',
    help: `cairn govern pause (vault | anchor) --key FILE [--yes]

  The guardian's brake: at once, without the Safe and without a delay. Only the timelock unpauses, after a proposal and its delay.

  --key FILE         the guardian's key: 32 bytes in hexadecimal, in a file that only its owner can read
  --yes              do not ask: it was read before
${PLACE_HELP}`,
    options: { key: { type: 'string' }, yes: { type: 'boolean' }, ...PLACE },
    words: 1,
    run: async (values: Values, words: readonly string[], state: string) => (await load()).pauseCommand(values, words, state, terminal),
  },
} as const;
