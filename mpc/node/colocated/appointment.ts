import { setTimeout as sleep } from 'node:timers/promises';
import { assert, systemClock, toHex, utf8, type BookId, type Hex, type MerchantId, type RandomBytes } from '#base';
import { bandsAround } from '../book/book.ts';
import { readConfig, writeConfig } from '../command/folder.ts';
import { providerOf } from '../command/provider.ts';
import { readIfPresent, writeDurably } from '../files/files.ts';
import { parsePolicy, proposalId } from '../policy/policy.ts';
import { nodeName, type NodeConfig } from '../process/process.ts';
import { NodeStore } from '../store/store.ts';
import { PARTIES, policyKey, type Folders } from './folders.ts';

/** What the operators of every node find out about a deployment by themselves, and register with their node. */
export interface Appointment {
  readonly chainId: bigint;
  readonly anchor: Hex;
  readonly vault: Hex;
  readonly timelock: Hex;
  readonly safe: Hex;
  /** The account of the group's owner key, which cancels. */
  readonly owner: Hex;
  readonly book: BookId;
  readonly fromBlock: bigint;
  /** Of an endpoint; the operators of real nodes have endpoints of their own. */
  readonly rpcUrl: string;
  /** Minor units. */
  readonly tokens: readonly { readonly token: Hex; readonly perTransaction: bigint; readonly perDay: bigint }[];
  /** As the merchants told the operators themselves. */
  readonly merchants: ReadonlyMap<MerchantId, Hex>;
  /** What the operators hold the rates to be, by a source of their own; in the rehearsal it is the rehearsal's. Plain decimals: pivot units a unit of each currency. */
  readonly rates: { readonly pivot: string; readonly rates: Readonly<Record<string, string>> };
}

/** Its bands do not expire, since nobody feeds a rehearsal. How far a rate may be from what the operators hold it to be, to either side: five percent, hardly a day's move of what is traded here. */
const BAND_BPS = 500;

/** How far ahead of a node's clock a record may be written: both are this machine's. */
const MAX_AHEAD_MS = 5_000;

/** Whether every node was told exactly this. */
export async function isAppointed(folders: Folders, appointment: Appointment): Promise<boolean> {
  for (const party of PARTIES) {
    const { book } = await readConfig(folders.node(party));
    if (JSON.stringify(book) !== JSON.stringify(bookOf(folders, party, appointment))) return false;
    if ((await merchantsIn(folders, party)) !== merchantsText(await known(folders, party, appointment))) return false;
    if (!(await readIfPresent(folders.operators(party, 'rates.json')))) return false;
  }
  return true;
}

/** Registers it with nodes that do not run: what they are to know of it, and the policy under which they sign for it. */
export async function appoint(folders: Folders, appointment: Appointment, random: RandomBytes): Promise<void> {
  await Promise.all(
    PARTIES.map(async (party) => {
      await writeDurably(folders.operators(party, 'merchants.json'), utf8(merchantsText(await known(folders, party, appointment))));
      // Whatever they registered since then is theirs: rates move, and the operators of a node follow them.
      if (!(await readIfPresent(folders.operators(party, 'rates.json'))))
        await writeDurably(folders.operators(party, 'rates.json'), utf8(bandsAround(appointment.rates, BAND_BPS, null)));
      const config = await readConfig(folders.node(party));
      await writeConfig(folders.node(party), { ...config, book: bookOf(folders, party, appointment) });
      await permit(folders, party, appointment, random);
    }),
  );
}

function bookOf(folders: Folders, party: number, appointment: Appointment): NonNullable<NodeConfig['book']> {
  const { chainId, anchor, vault, timelock, safe, owner, book, fromBlock, rpcUrl } = appointment;
  return {
    registration: { chainId: `${chainId}`, anchor, vault, timelock, safe, owner, book, fromBlock: `${fromBlock}` },
    merchantsFile: folders.operators(party, 'merchants.json'),
    ratesFile: folders.operators(party, 'rates.json'),
    chain: { urls: [rpcUrl], finality: { kind: 'tag', tag: 'finalized' }, maxBehindBlocks: 8, maxBehindMs: null, timeoutMs: 10_000 },
    maxAheadMs: MAX_AHEAD_MS,
    // A timelock of the rehearsal waits for seconds.
    watch: { everyMs: 500, turnMs: 2_500 },
  };
}

/** What was registered before stays: nobody unregisters a merchant by starting with another file. */
async function known(folders: Folders, party: number, { merchants }: Appointment): Promise<ReadonlyMap<string, Hex>> {
  const text = await merchantsIn(folders, party);
  const before = text === undefined ? [] : (JSON.parse(text) as { merchants: { merchant: string; keys: { key: Hex }[] }[] }).merchants;
  return new Map<string, Hex>([...merchants, ...before.map(({ merchant, keys }): [string, Hex] => [merchant, keys[0]!.key])]);
}

async function merchantsIn(folders: Folders, party: number): Promise<string | undefined> {
  return (await readIfPresent(folders.operators(party, 'merchants.json')))?.toString('utf8');
}

function merchantsText(merchants: ReadonlyMap<string, Hex>): string {
  const sorted = [...merchants].sort(([a], [b]) => (a < b ? -1 : 1)).map(([merchant, key]) => ({ merchant, keys: [{ key, untilMs: null }] }));
  return `${JSON.stringify({ format: 'cairn-merchants/1', merchants: sorted }, null, 1)}\n`;
}

/** The operator proposes the policy of this deployment, is its quorum, and waits for its delay: once, since a deployment never changes. */
async function permit(folders: Folders, party: number, appointment: Appointment, random: RandomBytes): Promise<void> {
  const folder = folders.node(party);
  const provider = await providerOf(await readConfig(folder));
  // Confirmations and test signatures play no part in a policy.
  const store = await NodeStore.open({ folder, node: nodeName(party), provider, random, isConfirmation: () => false, isTestDigest: () => false });
  try {
    const { file } = store.policy;
    if (file.version > 1) return;
    const { approve } = await policyKey(folders, party);
    const policy = parsePolicy({ ...file, ...allowed(appointment), version: file.version + 1 });
    const nonce = toHex(random(16));
    const id = proposalId(file, policy, nonce);
    await store.changePolicy({ change: 'proposed', policy, nonce, operator: 'operator', signature: approve(id), atMs: systemClock.nowMs() });
    const proposal = store.policy.proposals.find((open) => open.id === id);
    assert(proposal?.effectiveAtMs !== undefined, 'one operator is the quorum of a node in the rehearsal');
    while (systemClock.nowMs() < proposal.effectiveAtMs) await sleep(proposal.effectiveAtMs - systemClock.nowMs());
    await store.changePolicy({ change: 'effective', proposal: id, atMs: systemClock.nowMs() });
  } finally {
    await store.close();
  }
}

function allowed({ chainId, anchor, vault, timelock, safe, tokens }: Appointment) {
  return {
    kinds: ['anchor', 'authorisation', 'cancel', 'governance', 'instruction', 'timelockCancel'],
    chains: [
      {
        chainId: `${chainId}`,
        anchors: [anchor],
        vaults: [vault],
        safes: [safe],
        timelocks: [timelock],
        tokens: tokens.map(({ token, perTransaction, perDay }) => ({
          token,
          perTransaction: `${perTransaction}`,
          perDay: `${perDay}`,
          perPayeePerDay: `${perDay}`,
        })),
      },
    ],
    changes: { tighteningDelayS: 0, looseningDelayS: 86_400 },
  };
}
