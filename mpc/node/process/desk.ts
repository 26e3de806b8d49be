import { isHex, newId, Problem, toHex, type Clock, type Hex, type RandomBytes, type TimeMs, type Uuid } from '#base';
import { addressOf, ROLES, type Role } from '#custody/intents';
import { partyId, type PartyId } from '#mpc/protocol';
import type { AuditLog } from '../audit/audit.ts';
import {
  fingerprintOfAnchor,
  keyAnchorFromJson,
  keyAnchorOf,
  keyAnchorToJson,
  leavingProofOf,
  readLeavingProof,
  type Ceremonies,
  type EpochSwitch,
  type Group,
  type KeyAnchor,
} from '../ceremony/ceremony.ts';
import { clockObjection, parsePolicy, policyHash, type PolicyChange } from '../policy/policy.ts';
import { epochDataOf, type KeyRing } from '../session/session.ts';
import type { NodeStore } from '../store/store.ts';
import type { Caller, Fingerprint } from '../wire/wire.ts';
import type { WatchStatus } from '../watch/watch.ts';
import type { PeerHeads } from './peerHeads.ts';

type CeremonyRun = Uuid<'ceremony'>;

interface Run {
  readonly kind: string;
  state: 'running' | 'done' | 'failed';
  readonly lines: { readonly atMs: TimeMs; readonly text: string }[];
}

export interface DeskOptions {
  readonly group: Group;
  readonly store: NodeStore;
  readonly ring: KeyRing;
  readonly ceremonies: Ceremonies;
  readonly epochs: EpochSwitch;
  readonly heads: PeerHeads;
  /** Of the timelock; undefined where the node has no book. */
  readonly watch: (() => WatchStatus) | undefined;
  readonly audit: AuditLog;
  /** Public keys of coordinators and operators by their fingerprint: approvals name keys, not fingerprints. */
  readonly keys: ReadonlyMap<Fingerprint, Hex>;
  readonly clock: Clock;
  /** What the chain shows of the time; undefined where the policy does not ask for it, or the chain does not answer. */
  readonly witnessed: () => Promise<TimeMs | undefined>;
  readonly random: RandomBytes;
  readonly onLine: (kind: string, text: string) => void;
}

const KINDS = ['generate', 'refresh', 'reshare', 'repair'] as const;

/** What the node's own operators see and start. A ceremony goes on when they hang up; its transcript is there until the process ends. */
export class Desk {
  readonly #options: DeskOptions;
  readonly #runs = new Map<CeremonyRun, Run>();

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** The key of a coordinator or an operator as policies name it. */
  nameOf({ fingerprint }: Caller): string {
    return this.#options.keys.get(fingerprint) ?? fingerprint;
  }

  status(): unknown {
    const { group, store, ring, heads, watch } = this.#options;
    const { inForce } = store.policy;
    return {
      party: group.own,
      fingerprint: group.identity.fingerprint,
      threshold: group.threshold,
      parties: group.peers.size + 1,
      peersReady: heads.isReady(),
      policy: { version: inForce.version, hash: policyHash(inForce), stop: inForce.stop },
      keys: ring.epochs().map((record) => {
        const { role, epoch } = epochDataOf(record);
        return {
          role,
          address: addressOf(epoch.publicKey),
          epoch: record.epoch,
          status: record.status,
          confirmed: record.confirmed !== undefined,
          suspended: store.suspended(record),
          pairs: [...record.pairs.values()].map(({ peer, status, generation }) => ({ peer, status, generation })),
        };
      }),
      poisonings: store.poisonings.map(({ peer, check, atMs, keyId }) => ({ peer, check, atMs, keyId })),
      heads: { store: store.chain.head, audit: store.rememberedAudit ?? null },
      watch: watch?.() ?? null,
    };
  }

  /** The policy in force, the file behind it, and what is proposed. */
  policy(): unknown {
    return this.#options.store.policy;
  }

  /**
   * {change: proposed | approved | cancelled | stopped, ...}, signed by an operator whom the policy names: who brings it does not matter. The time is this node's. policy/bad-signature,
   * policy/stale, policy/unknown-proposal, policy/bad-file, policy/too-many-proposals; policy/refused where its clock is not to be gone by.
   */
  async changePolicy(wanted: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { store, audit, heads, clock, witnessed } = this.#options;
    const isAtOnce = wanted['change'] === 'stopped' || wanted['change'] === 'cancelled';
    const witnessedMs = isAtOnce ? undefined : await witnessed();
    const atMs = clock.nowMs();
    // What begins a delay is dated by a clock that signatures would go by as well: one that was set back would have the delay over when it is set right.
    const objection = isAtOnce ? undefined : clockObjection(store.policy.inForce, store.counters, witnessedMs, atMs);
    if (objection) throw new Problem('policy/refused', objection, { rule: 'clock' });
    const change = policyChangeOf(wanted, Math.max(atMs, witnessedMs ?? atMs));
    await store.changePolicy(change);
    await audit.append({ kind: 'policy', atMs, data: { change: change.change, hash: policyHash(store.policy.inForce) } });
    heads.tellPeers();
    return store.policy;
  }

  /** The sealed backups of this node's shares; only its recovery key opens them. Without attempts that it has not confirmed: nobody can have come to use one of those, and this node may drop them. */
  backups(): unknown {
    const { store, ring } = this.#options;
    const kept = ring.epochs().filter(({ status, confirmed }) => status !== 'PENDING' || confirmed !== undefined);
    return kept.flatMap((record) => {
      const backup = store.backup(record);
      const { role, founders } = keyAnchorToJson(keyAnchorOf(epochDataOf(record)));
      return backup ? [{ role, epoch: record.epoch, keyId: record.keyId, founders, backup: toHex(backup) }] : [];
    });
  }

  /** {role}: the anchor of the epoch that this node holds, what its operator reads aloud of it, and the confirmations of all where they are here. */
  anchor({ role }: Readonly<Record<string, unknown>>): unknown {
    const { group, store, ring } = this.#options;
    const { ref } = ring.current(roleOf(role));
    const record = store.epoch(ref);
    const anchor = keyAnchorOf(epochDataOf(record));
    return { anchor: keyAnchorToJson(anchor), fingerprint: fingerprintOfAnchor(anchor), proof: record.bundle ? leavingProofOf(group, record) : null };
  }

  /** {role, proof, reads}: the key is with others now, by the confirmations of all of them and the anchor that their operators read aloud; everything of it here is erased. */
  async leave({ role, proof, reads }: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { group, store, ring, epochs, audit, clock } = this.#options;
    const held = epochDataOf(store.epoch(ring.current(roleOf(role)).ref));
    const { epoch, confirmations, verify } = readLeavingProof(proof, String(reads), group.identity.fingerprint, held);
    await epochs.leave(epoch, confirmations, verify);
    const left = { keyId: toHex(epoch.keyId), erased: held.epoch.epoch, epoch: epoch.epoch };
    await audit.append({ kind: 'ceremony', atMs: clock.nowMs(), data: { kind: 'leave', role: held.role, ...left } });
    return left;
  }

  /** {kind: generate | refresh | reshare | repair, role, peer?, dealers?, anchor?, reads?}: `reads` is the anchor's fingerprint as the operators read it aloud. */
  begin({ kind, role, peer, dealers, anchor, reads }: Readonly<Record<string, unknown>>, caller: Caller): { readonly id: CeremonyRun } {
    const { group, ceremonies, clock, random, onLine } = this.#options;
    if (!KINDS.includes(kind as never)) throw new Problem('session/bad-request', `A ceremony is one of ${KINDS.join(', ')}.`);
    roleOf(role);
    const reshare = kind === 'reshare' ? { dealers: dealersOf(dealers), given: anchor === undefined ? undefined : anchorHeard(anchor, reads) } : undefined;
    const name = `${String(kind)} ${String(role)}`;
    const run: Run = { kind: name, state: 'running', lines: [] };
    const tell = (text: string): void => {
      run.lines.push({ atMs: clock.nowMs(), text });
      onLine(name, text);
    };
    const work = (): Promise<unknown> => {
      if (kind === 'generate') return ceremonies.generate(role as Role, tell);
      if (kind === 'refresh') return ceremonies.refresh(role as Role, tell);
      if (reshare) return ceremonies.reshare(role as Role, reshare, tell);
      return ceremonies.repair(role as Role, partyId(Number(peer), group.peers.size + 1), this.nameOf(caller), tell);
    };
    const id = newId<CeremonyRun>(clock.nowMs(), random);
    this.#runs.set(id, run);
    work().then(
      () => (run.state = 'done'),
      (error: unknown) => {
        tell(error instanceof Problem ? `${error.detail} (${error.code})` : 'The node failed by a bug of its own; its log has the cause.');
        run.state = 'failed';
      },
    );
    return { id };
  }

  /** {id, after}: the lines of the transcript behind the first `after`. */
  progress({ id, after }: Readonly<Record<string, unknown>>): unknown {
    const run = this.#runs.get(id as CeremonyRun);
    if (!run) throw new Problem('session/bad-request', 'No such ceremony was begun since this process started.');
    const from = Number.isSafeInteger(after) && (after as number) >= 0 ? (after as number) : 0;
    return { state: run.state, lines: run.lines.slice(from) };
  }
}

/** What an operator signed, in the form of a change; policy/bad-file or session/bad-request where it is none. Whether it may be is decided by the policy itself. */
function policyChangeOf({ change, policy, nonce, proposal, operator, signature }: Readonly<Record<string, unknown>>, atMs: TimeMs): PolicyChange {
  if (typeof operator !== 'string' || typeof signature !== 'string' || !isHex(signature, 64))
    throw new Problem('session/bad-request', 'A change of the policy names its operator and has a signature of 64 bytes.');
  const signed = { operator, signature, atMs };
  if (change === 'stopped') return { change, ...signed };
  if (change === 'proposed') {
    if (typeof nonce !== 'string' || !isHex(nonce, 16)) throw new Problem('session/bad-request', 'A proposal has a nonce of 16 bytes.');
    return { change, policy: parsePolicy(policy), nonce, ...signed };
  }
  if (change !== 'approved' && change !== 'cancelled')
    throw new Problem('session/bad-request', 'A change of the policy is proposed, approved, cancelled or stopped.');
  if (typeof proposal !== 'string' || !isHex(proposal, 32)) throw new Problem('session/bad-request', 'The proposal is named by 32 bytes.');
  return { change, proposal, ...signed };
}

function roleOf(role: unknown): Role {
  if (!ROLES.includes(role as Role)) throw new Problem('session/bad-request', `A key is one of ${ROLES.join(', ')}.`);
  return role as Role;
}

/** In order, whatever order they were named in. */
function dealersOf(dealers: unknown): PartyId[] {
  if (!Array.isArray(dealers) || !dealers.every((party) => Number.isInteger(party) && party > 0 && party <= 255))
    throw new Problem('session/bad-request', 'A reshare names the parties that deal, by their numbers.');
  return (dealers as PartyId[]).toSorted((a, b) => a - b);
}

/** The file may have come any way; that it is the right one only the voices of the other operators say. */
function anchorHeard(file: unknown, reads: unknown): KeyAnchor {
  const anchor = keyAnchorFromJson(file);
  if (fingerprintOfAnchor(anchor) !== reads) throw new Problem('session/bad-anchor', 'The anchor in the file is not the one that was read aloud.');
  return anchor;
}
