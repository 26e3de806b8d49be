import { fromHex, isHex, Problem, toHex, utf8, type Hex } from '#base';
import { ROLES, type Role } from '#custody/intents';
import { anchorOf, type Anchor, type EpochId, type KeyId, type PartyId } from '#mpc/protocol';
import { sha256 } from '../heads/heads.ts';
import type { EpochData, Founders } from '../session/session.ts';
import { keyIdOf } from './keyId.ts';

/** What a node that joins has to know of a key before it believes anybody who deals to it (digest 11.1). It comes from the operators: the file on any way, its fingerprint by voice. Nothing in it is secret. */
export interface KeyAnchor {
  readonly role: Role;
  /** The number of the epoch that is dealt from. */
  readonly epoch: number;
  readonly founders: Founders;
  readonly anchor: Anchor;
}

/** The file, and what the fingerprint is over, with its members in this order. */
interface AnchorJson {
  readonly format: 'cairn-key-anchor/1';
  readonly role: Role;
  readonly epoch: number;
  readonly founders: { readonly t: number; readonly identities: readonly Hex[] };
  readonly keyId: Hex;
  readonly epochId: Hex;
  readonly n: number;
  readonly t: number;
  readonly publicKey: Hex;
  readonly publicShares: readonly Hex[];
  readonly chainCodeHash: Hex;
}

export function keyAnchorOf({ role, epoch, founders }: EpochData): KeyAnchor {
  return { role, epoch: epoch.epoch, founders, anchor: anchorOf(epoch) };
}

export function keyAnchorToJson({ role, epoch, founders, anchor }: KeyAnchor): AnchorJson {
  const { keyId, epochId, n, t, publicKey, publicShares, chainCodeHash } = anchor;
  return {
    format: 'cairn-key-anchor/1',
    role,
    epoch,
    founders: { t: founders.t, identities: founders.identities.map((identity) => toHex(identity)) },
    keyId: toHex(keyId),
    epochId: toHex(epochId),
    n,
    t,
    publicKey: toHex(publicKey),
    publicShares: publicShares.map((share) => toHex(share)),
    chainCodeHash: toHex(chainCodeHash),
  };
}

/** 64 hexadecimal digits that the operators of all nodes read to each other. epochId is under it, and with it who the parties of that epoch are. */
export function fingerprintOfAnchor(anchor: KeyAnchor): string {
  return toHex(sha256(utf8(`cairn/key-anchor/v1\n${JSON.stringify(keyAnchorToJson(anchor))}`))).slice(2);
}

/** session/bad-anchor where it has another form, or where its key id is not that of its role and founders. Whether its points belong together the protocol checks. */
export function keyAnchorFromJson(value: unknown): KeyAnchor {
  const json = value as AnchorJson;
  try {
    const { role, epoch, founders, keyId, epochId, n, t, publicKey, publicShares, chainCodeHash } = json;
    const hashes = [keyId, epochId, chainCodeHash, ...founders.identities];
    const points = [publicKey, ...publicShares];
    const isWhole =
      json.format === 'cairn-key-anchor/1' &&
      ROLES.includes(role) &&
      [epoch, founders.t, n, t].every((number) => Number.isSafeInteger(number) && number > 0 && number < 2 ** 32) &&
      hashes.every((hash) => typeof hash === 'string' && isHex(hash, 32)) &&
      points.every((point) => typeof point === 'string' && isHex(point, 65));
    if (isWhole) {
      const named = { t: founders.t, identities: founders.identities.map(fromHex) };
      if (toHex(keyIdOf({ role, ...named })) !== keyId)
        throw new Problem('session/bad-anchor', `The anchor names a key that those founders did not generate as ${role}.`, { role });
      const anchor: Anchor = {
        keyId: fromHex(keyId) as KeyId,
        epochId: fromHex(epochId) as EpochId,
        n,
        t,
        publicKey: fromHex(publicKey),
        publicShares: publicShares.map(fromHex),
        chainCodeHash: fromHex(chainCodeHash),
      };
      return { role, epoch, founders: named, anchor };
    }
  } catch (error) {
    if (error instanceof Problem) throw error;
    // Said below.
  }
  throw new Problem('session/bad-anchor', 'This is no anchor of a key.');
}

/** Who was and who will be which party, for the transcript. A node that joins does not know who the parties before were. */
export function placesOf(
  { anchor, epoch }: KeyAnchor,
  before: readonly Uint8Array[] | undefined,
  dealers: readonly PartyId[],
  after: readonly Uint8Array[],
): string[] {
  const spelt = (identity: Uint8Array): string => Buffer.from(identity).toString('hex').slice(0, 16);
  const lines = [`epoch ${epoch} has ${anchor.n} parties of whom ${anchor.t} sign; parties ${dealers.join(', ')} deal to ${after.length} parties`];
  for (let party = 1; party <= Math.max(anchor.n, after.length); party++) {
    const [was, is] = [before?.[party - 1], after[party - 1]];
    if (!is) lines.push(`party ${party} leaves`);
    else if (dealers.includes(party as PartyId) || (was && spelt(was) === spelt(is))) lines.push(`party ${party} stays party ${party}: ${spelt(is)}`);
    else lines.push(`party ${party} is ${spelt(is)}${was ? `, in the place of ${spelt(was)}` : ''}`);
  }
  return lines;
}
