import { fromHex, isHex, Problem, systemClock, toHex, type Hex, type RandomBytes } from '#base';
import { deriveKeyPair, encodeRecord, openBackup, partyId, type KeyId, type KeyRecord } from '#mpc/protocol';
import { keyIdOf } from '../ceremony/ceremony.ts';
import { policyHash } from '../policy/policy.ts';
import { nodeName } from '../process/process.ts';
import { epochDataOf, epochDataToJson, foundersOf, type Founders } from '../session/session.ts';
import { NodeStore } from '../store/store.ts';
import { ROLES, type Role } from '#custody/intents';
import { openDesk } from './desk.ts';
import { read, readConfig, writeNew } from './folder.ts';
import { providerOf } from './provider.ts';

interface BackupFile {
  readonly format: 'cairn-node-backup/1';
  readonly party: number;
  readonly keys: readonly {
    readonly role: Role;
    readonly epoch: number;
    readonly keyId: Hex;
    /** Who generated the key, which its id is a hash of; absent in files of before keys could go to others: then the parties in the backup. */
    readonly founders?: { readonly t: number; readonly identities: readonly Hex[] };
    readonly backup: Hex;
  }[];
}

export async function backupCommand(folder: string, out: string, tell: (line: string) => void): Promise<number> {
  const desk = await openDesk(folder);
  try {
    const keys = (await desk.ask('node/backups', {})) as unknown as BackupFile['keys'];
    if (keys.length === 0) throw new Problem('node/unknown-key', 'The node has no backup: it has no key yet, or its node.json names no recovery key.');
    const file: BackupFile = { format: 'cairn-node-backup/1', party: desk.config.party, keys };
    await writeNew(out, `${JSON.stringify(file, null, 2)}\n`);
    for (const { role, epoch } of keys)
      tell(
        `${role}, epoch ${epoch}: sealed in ${out}. Destroy it after the next refresh of ${role}: until then, and while it exists, that share is not erased.`,
      );
  } finally {
    desk.close();
  }
  return 0;
}

/** Draws a recovery key: its secret to a new file, its public half to node.json. */
export async function drawRecovery(file: string, random: RandomBytes): Promise<Hex> {
  const { secretKey, publicKey } = deriveKeyPair(random(32));
  await writeNew(file, `${toHex(secretKey)}\n`);
  return toHex(publicKey);
}

export interface RestoreOptions {
  readonly folder: string;
  readonly file: string;
  readonly recoveryFile: string;
  /** The hash of the policy that the backups were sealed under, where this node is meant to have another one. */
  readonly sealedPolicy?: string | undefined;
  readonly random: RandomBytes;
  readonly tell: (line: string) => void;
}

/**
 * Opens the backups into the store of a node that does not run; RESTORED, with no pair, so that nothing signs by it (digest 11.3). What stands beside a sealed backup anybody can have written, so all that is
 * believed is in it: mpc/bad-backup where it is another key's, another party's or another group's, node/restored-policy where it was sealed under another policy, node/wrong-state where the role has a key.
 */
export async function restoreCommand({ folder, file, recoveryFile, sealedPolicy, random, tell }: RestoreOptions): Promise<number> {
  const config = await readConfig(folder);
  const { party, keys } = parseBackup(file, await read(file));
  if (party !== config.party) throw new Problem('mpc/bad-backup', `The backup is of party ${party}, and this node is party ${config.party}.`);
  const secret = (await read(recoveryFile)).trim();
  if (!isHex(secret, 32)) throw new Problem('mpc/bad-backup', `${recoveryFile} holds no recovery secret.`);
  // Confirmations play no part while a share comes back.
  const store = await NodeStore.open({
    folder,
    node: nodeName(party),
    provider: await providerOf(config),
    random,
    isConfirmation: () => false,
    isTestDigest: () => false,
  });
  const opened: Opened[] = [];
  try {
    const parties = [config.party, ...config.peers.map((peer) => peer.party)].sort((a, b) => a - b);
    const policy = sealedPolicy ?? policyHash(store.policy.inForce);
    // All of them are judged before the first is written.
    for (const { role, keyId, backup, founders: said } of keys) {
      const expected = { keyId: fromHex(keyId) as KeyId, id: partyId(party, parties.length) };
      const { record, policyHash: sealed } = openBackup(fromHex(backup), fromHex(secret), expected);
      const founders = said ? { t: said.t, identities: said.identities.map(fromHex) } : foundersOf(record);
      opened.push({ role, record, founders });
      if (toHex(keyIdOf({ role, ...founders })) !== keyId)
        throw new Problem('mpc/bad-backup', `What is sealed as ${role} is the share of another key.`, { role });
      if (record.n !== parties.length || record.t !== config.threshold) {
        const detail = `The share is of a key of ${record.t} of ${record.n}; this node is one of ${parties.length}, of whom ${config.threshold} sign.`;
        throw new Problem('mpc/bad-backup', detail, { role });
      }
      if (toHex(sealed) !== policy) {
        const detail = `The ${role} share was sealed under policy ${toHex(sealed)}, and this node has ${policyHash(store.policy.inForce)}.`;
        throw new Problem('node/restored-policy', detail, { role, sealed: toHex(sealed) });
      }
    }
    for (const { role, record, founders } of missing(store, opened)) {
      const share = encodeRecord(record);
      const data = epochDataToJson({ role, epoch: record, founders });
      const made = { keyId: toHex(record.keyId), epochId: toHex(record.epochId), epoch: record.epoch, parties, data };
      await store.putRestored({ ...made, share }, systemClock.nowMs());
      share.fill(0);
      tell(`${role}, epoch ${record.epoch}: restored. It signs after cairn node refresh ${role} at all nodes. Then destroy this backup.`);
    }
  } finally {
    for (const { record } of opened) record.share.fill(0);
    await store.close();
  }
  return 0;
}

interface Opened {
  readonly role: Role;
  readonly record: KeyRecord;
  readonly founders: Founders;
}

/**
 * What is still to be written, in the order of the epochs. A backup that was made between a confirmation and the bundle has two epochs of a key, and both come back: one of them is in use, and only the others know which (digest 10.3).
 * A restore that died on its way goes on. node/wrong-state where the role has another key, or a share that did not come from a backup.
 */
function missing(store: NodeStore, opened: readonly Opened[]): Opened[] {
  const held = store.epochs.filter(({ status }) => status !== 'RETIRED').map((stored) => ({ ...epochDataOf(stored), status: stored.status }));
  const isHeld = ({ record }: Opened): boolean => held.some(({ epoch }) => isSame(epoch.epochId, record.epochId));
  for (const [i, each] of opened.entries()) {
    const { role, record } = each;
    const before = opened.slice(0, i).map((other) => ({ role: other.role, epoch: other.record, status: 'RESTORED' }));
    const others = [...held, ...before].filter((other) => other.role === role);
    const isOther = ({ epoch, status }: (typeof others)[number]): boolean =>
      status !== 'RESTORED' || !isSame(epoch.keyId, record.keyId) || !isSame(epoch.publicKey, record.publicKey);
    const isTaken = others.some(({ epoch }) => epoch.epoch === record.epoch && !isHeld(each));
    if (isTaken || others.some(isOther)) throw new Problem('node/wrong-state', `This node has a share as ${role} already.`, { role });
  }
  return opened.filter((each) => !isHeld(each)).sort((a, b) => a.record.epoch - b.record.epoch);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function parseBackup(path: string, text: string): BackupFile {
  try {
    const file = JSON.parse(text) as BackupFile;
    const isWhole = file.keys.every(({ role, keyId, backup }) => ROLES.includes(role) && isHex(keyId, 32) && isHex(backup));
    const isNamed = file.keys.every(
      ({ founders }) => founders === undefined || (Number.isInteger(founders.t) && founders.identities.every((id) => isHex(id, 32))),
    );
    if (file.format === 'cairn-node-backup/1' && Number.isInteger(file.party) && isWhole && isNamed) return file;
  } catch {
    // Said below.
  }
  throw new Problem('mpc/bad-backup', `${path} is no backup of a node.`);
}
