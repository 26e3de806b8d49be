import { newId, Problem, toHex, type Clock, type Hex, type RandomBytes, type TimeMs, type Uuid } from '#base';
import { addressOf, ROLES, type Role } from '#custody/intents';
import { partyId } from '#mpc/protocol';
import type { Ceremonies, Group } from '../ceremony/ceremony.ts';
import { policyHash } from '../policy/policy.ts';
import { epochDataOf, type KeyRing } from '../session/session.ts';
import type { NodeStore } from '../store/store.ts';
import type { Caller, Fingerprint } from '../wire/wire.ts';
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
  readonly heads: PeerHeads;
  /** Public keys of coordinators and operators by their fingerprint: approvals name keys, not fingerprints. */
  readonly keys: ReadonlyMap<Fingerprint, Hex>;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly onLine: (kind: string, text: string) => void;
}

const KINDS = ['generate', 'refresh', 'repair'] as const;

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
    const { group, store, ring, heads } = this.#options;
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
          pairs: [...record.pairs.values()].map(({ peer, status, generation }) => ({ peer, status, generation })),
        };
      }),
      poisonings: store.poisonings.map(({ peer, check, atMs, keyId }) => ({ peer, check, atMs, keyId })),
      heads: { store: store.chain.head, audit: store.rememberedAudit ?? null },
    };
  }

  /** The sealed backups of this node's shares; only its recovery key opens them. */
  backups(): unknown {
    const { store, ring } = this.#options;
    return ring.epochs().flatMap((record) => {
      const backup = store.backup(record);
      return backup ? [{ role: epochDataOf(record).role, epoch: record.epoch, keyId: record.keyId, backup: toHex(backup) }] : [];
    });
  }

  /** {kind: generate | refresh | repair, role, peer?}. */
  begin({ kind, role, peer }: Readonly<Record<string, unknown>>, caller: Caller): { readonly id: CeremonyRun } {
    const { group, ceremonies, clock, random, onLine } = this.#options;
    if (!KINDS.includes(kind as never)) throw new Problem('session/bad-request', `A ceremony is one of ${KINDS.join(', ')}.`);
    if (!ROLES.includes(role as Role)) throw new Problem('session/bad-request', `A key is one of ${ROLES.join(', ')}.`);
    const name = `${String(kind)} ${String(role)}`;
    const run: Run = { kind: name, state: 'running', lines: [] };
    const tell = (text: string): void => {
      run.lines.push({ atMs: clock.nowMs(), text });
      onLine(name, text);
    };
    const work = (): Promise<unknown> => {
      if (kind === 'generate') return ceremonies.generate(role as Role, tell);
      if (kind === 'refresh') return ceremonies.refresh(role as Role, tell);
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
