import { z } from 'zod';
import { fromHex, Problem, type Hex } from '#base';

const key = z.templateLiteral(['0x', z.string().regex(/^[0-9a-f]{64}$/)]);
const address = z.templateLiteral(['0x', z.string().regex(/^[0-9a-f]{40}$/)]);
const host = z.string().min(1).max(253);
const port = z.int().min(0).max(65_535);
const party = z.int().min(1).max(255);

const book = z.strictObject({
  registration: z.strictObject({
    chainId: z.string().regex(/^[1-9][0-9]{0,19}$/),
    anchor: address,
    vault: address,
    timelock: address,
    safe: address,
    /** The address of the group's owner key. */
    owner: address,
    book: z.uuid(),
    fromBlock: z.string().regex(/^(?:0|[1-9][0-9]{0,19})$/),
  }),
  /** Files of the node's operators: what they know of the merchants' keys, and of rates, from elsewhere than the platform. */
  merchantsFile: z.string().min(1),
  ratesFile: z.string().min(1).nullable(),
  chain: z.strictObject({
    urls: z.array(z.url()).min(1),
    finality: z.union([
      z.strictObject({ kind: z.literal('tag'), tag: z.enum(['finalized', 'safe', 'latest']) }),
      z.strictObject({ kind: z.literal('depth'), blocks: z.int().min(0) }),
    ]),
    needed: z.int().min(1).optional(),
    maxBehindBlocks: z.int().min(0),
    maxBehindMs: z.int().min(0).nullable(),
    timeoutMs: z.int().min(1),
  }),
  maxAheadMs: z.int().min(0),
  /** How often the node looks at the timelock, and how long each node leads a cancellation before the next one does: the same at every node. */
  watch: z.strictObject({ everyMs: z.int().min(100), turnMs: z.int().min(100) }).optional(),
});

const members = z.strictObject({
  format: z.literal('cairn-node/1'),
  /** This node's id among the parties, for ever. */
  party,
  /** How many must sign. */
  threshold: z.int().min(2),
  /** Who opens the store: a file of 32 bytes, a passphrase from a file ("-": asked for, or the first line of standard input), or a key inside a PKCS#11 token, whose PIN comes as a passphrase does. */
  provider: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('key-file'), path: z.string().min(1) }),
    z.strictObject({ kind: z.literal('passphrase'), file: z.string().min(1) }),
    z.strictObject({
      kind: z.literal('pkcs11'),
      module: z.string().startsWith('/'),
      token: z.string().min(1),
      key: z.string().min(1),
      pinFile: z.string().min(1),
    }),
  ]),
  listen: z.strictObject({ host, port }),
  /** Of /healthz and /metrics, plain HTTP: a loopback address. */
  health: z.strictObject({ host: z.enum(['127.0.0.1', '::1', 'localhost']), port }),
  /** The other parties. `identity` is what `cairn node init` printed there, compared by voice. */
  peers: z.array(z.strictObject({ party, host, port: z.int().min(1).max(65_535), identity: key })),
  coordinators: z.array(key),
  operators: z.array(key),
  /** X25519, to which backups of this node's shares are sealed; null: there are none. */
  recoveryKey: key.nullable(),
  /** Between two test signatures; null: none but in ceremonies. */
  selfTestEveryS: z.int().min(1).nullable(),
  /** Null: a node without a book, which signs anchors of the local chain only. */
  book: book.nullable(),
  timeouts: z
    .strictObject({ decisionMs: z.int().min(1), roundMs: z.int().min(1), ceremonyMs: z.int().min(1), ceremonyRoundMs: z.int().min(1) })
    .partial()
    .default({}),
});

const schema = members.superRefine((config, context) => {
  const ids = [config.party, ...config.peers.map((peer) => peer.party)].sort((a, b) => a - b);
  if (ids.some((id, i) => id !== i + 1)) context.addIssue({ code: 'custom', path: ['peers'], message: `the parties are not 1 to ${ids.length}, each once` });
  if (config.threshold > ids.length)
    context.addIssue({ code: 'custom', path: ['threshold'], message: 'is larger than the number of parties: `cairn node peer` names the others' });
});

/** The file that a node's operator wrote: who it is, whom it knows, and where it asks. Nothing in it is secret. */
export type NodeConfig = z.output<typeof schema>;

/** A whole configuration. node/bad-config names the first member that is wrong. */
export function parseNodeConfig(text: string): NodeConfig {
  return parse(schema, text);
}

/** One whose peers are not all named yet. */
export function parsePartialConfig(text: string): NodeConfig {
  return parse(members, text);
}

function parse(form: typeof members, text: string): NodeConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Problem('node/bad-config', 'The configuration is no JSON.', {}, cause);
  }
  const result = form.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = issue.path.map(String).join('.');
  throw new Problem('node/bad-config', `${path === '' ? 'The configuration' : path}: ${issue.message}.`, { path });
}

export function keyBytes(hex: string): Uint8Array {
  return fromHex(hex as Hex);
}
