import { keccak_256 } from '@noble/hashes/sha3.js';
import { fromHex, isHex, Problem, toHex, utf8, type Clock, type Hex, type ProblemCode, type RandomBytes, type TimeMs } from '#base';
import {
  intentDigest,
  intentFromJson,
  intentToJson,
  isSignatureBy,
  signedTransaction,
  timelockCancelTransaction,
  type Signature,
  type TimelockCancelIntent,
} from '#custody/intents';
import { requestFromJson, requestToJson } from '#custody/requests';
import type { Objection, TimelockOperation } from '#governance/core';
import type { PartyId } from '#mpc/protocol';
import type { AuditLog } from '../audit/audit.ts';
import {
  affordable,
  cancelFees,
  CANCEL_GAS,
  raised,
  reserveOf,
  stageOf,
  type NodeBook,
  type PendingOperation,
  type Registration,
  type TimelockWatch,
} from '../book/book.ts';
import { call, partiesOf, signerSetsOf, type Group } from '../ceremony/ceremony.ts';
import type { Signer } from '../session/session.ts';
import { isEnough, leaderAt, nextObjection } from './plan.ts';

/** What nodes ask each other about a cancellation: to sign it, and to know of one that is signed. */
export const CANCEL = 'cancel/ask';
export const CANCELLED = 'cancel/signed';

export type WatchEvent =
  | { readonly kind: 'alarm'; readonly problem: Problem }
  | { readonly kind: 'step'; readonly text: string; readonly facts: Readonly<Record<string, unknown>> }
  | { readonly kind: 'looked'; readonly objections: number; readonly balanceWei: bigint; readonly atMs: TimeMs };

export interface WatcherOptions {
  readonly group: Group;
  readonly book: Pick<NodeBook, 'watch' | 'send'>;
  readonly registration: Registration;
  readonly signer: Pick<Signer, 'ask'>;
  readonly audit: AuditLog;
  /** How a peer is named to the policy, as whoever asks. */
  readonly nameOf: (party: PartyId) => string;
  /** How long a node leads. */
  readonly turnMs: TimeMs;
  /** For a whole session, and for whether a peer is there at all. */
  readonly sessionMs: TimeMs;
  readonly presenceMs: TimeMs;
  readonly isThere: (peer: PartyId, timeoutMs: TimeMs) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly onEvent: (event: WatchEvent) => void;
  readonly onFatal: (problem: Problem) => void;
}

interface Held {
  readonly intent: TimelockCancelIntent;
  readonly raw: Hex;
}

export interface WatchStatus {
  /** Of the last look that was one; null before the first. */
  readonly lookedAtMs: TimeMs | null;
  /** Why the last look was none. */
  readonly blind: string | null;
  readonly owner: { readonly address: Hex; readonly balanceWei: string; readonly reserveWei: string } | null;
  /** What waits in the timelock, with what this node has against it (null: nothing). */
  readonly pending: readonly {
    readonly operation: Hex;
    readonly objection: Objection['reason'] | null;
    readonly dueS: string;
    /** The transaction that cancels it, where this node has one. */
    readonly cancelling: Hex | null;
  }[];
  /** What is wrong now, by its code. */
  readonly alarms: readonly { readonly code: ProblemCode; readonly detail: string }[];
}

/**
 * Watches the timelock by this node's own endpoints and cancels what this node did not agree to, together with whichever peers object too: no coordinator has a part in it. The chain is the only memory. As long as an
 * operation waits and is objected to, whoever has the turn has a cancellation signed; whoever has a signed one hands it to its endpoints at every look, until it is in a block or another one is needed.
 */
export class Watcher {
  readonly #options: WatcherOptions;
  /** Signed cancellations by operation: the one that offers most. */
  readonly #held = new Map<Hex, Held>();
  /** Operations that were objected to, by the transaction that proposed them: written down once. */
  readonly #objected = new Map<string, TimelockOperation>();
  readonly #sent = new Set<Hex>();
  readonly #asking = new Set<PartyId>();
  /** Alarms that stand, by what they are about. */
  readonly #alarms = new Map<string, Problem>();
  #view: TimelockWatch | undefined;
  #lookedAtMs: TimeMs | null = null;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  status(): WatchStatus {
    const view = this.#view;
    const { owner } = this.#options.registration;
    return {
      lookedAtMs: this.#lookedAtMs,
      blind: this.#alarms.get('blind')?.detail ?? null,
      owner: view ? { address: owner, balanceWei: `${view.account.balance}`, reserveWei: `${reserveOf(view.baseFeePerGas)}` } : null,
      pending: (view?.pending ?? []).map(({ operation, objection, dueS }) => ({
        operation: operation.id,
        objection,
        dueS: `${dueS}`,
        cancelling: hashOf(this.#held.get(operation.id)),
      })),
      alarms: [...this.#alarms.values()].map(({ code, detail }) => ({ code, detail })),
    };
  }

  /** One look, and what follows from it; never two at once. */
  async look(): Promise<void> {
    const { book, clock, onEvent } = this.#options;
    const view = await book.watch(clock.nowMs()).catch((error: unknown) => {
      if (error instanceof Problem) return error;
      throw error;
    });
    if (view instanceof Problem) return this.#raise('blind', new Problem('node/watch-blind', view.detail, { rule: view.code }));
    if ('rule' in view) return this.#raise('blind', new Problem('node/watch-blind', view.reason, { rule: view.rule }));
    this.#alarms.delete('blind');
    this.#view = view;
    this.#lookedAtMs = clock.nowMs();
    const objected = view.pending.filter(({ objection }) => objection !== null);
    onEvent({ kind: 'looked', objections: objected.length, balanceWei: view.account.balance, atMs: this.#lookedAtMs });
    for (const pending of objected) await this.#object(pending);
    await this.#closeWhatIsOver(view, objected);
    this.#checkAccount(view);
    const next = nextObjection(view.pending);
    if (!next) return;
    await this.#send(next.operation.id);
    await this.#cancel(next, view);
  }

  /** A peer asks for a signature under a cancellation. It gets one where this node objects by its own view, its own policy allows it, and the account's next transaction is meant. */
  async asked(from: PartyId, payload: Uint8Array): Promise<void> {
    const { signer, group, nameOf } = this.#options;
    const request = requestFromJson(payload);
    const { intent, signers } = request;
    if (intent.kind !== 'timelockCancel') throw new Problem('session/bad-request', 'A peer asks for nothing but the cancellation of an operation.');
    if (!signers.includes(from) || !signers.includes(group.own))
      throw new Problem('session/bad-request', 'Who asks for a cancellation is among its signers, and so is who is asked.');
    if (this.#asking.has(from)) throw new Problem('session/too-many', `Party ${from} asks for another cancellation already.`);
    this.#asking.add(from);
    try {
      await this.#took(intent, await signer.ask(request, nameOf(from)));
    } catch (error) {
      if (error instanceof Problem && error.facts['rule'] === 'operation-objected' && error.facts['party'] === group.own) {
        const detail = `Party ${from} wants to cancel operation ${intent.operation}, to which this node agreed.`;
        this.#options.onEvent({ kind: 'alarm', problem: new Problem('node/peer-cancels-agreed', detail, { peer: from, operation: intent.operation }) });
      }
      throw error;
    } finally {
      this.#asking.delete(from);
    }
  }

  /** A peer has a signed cancellation: the signature of the owner key is enough, because as many as must sign gave it. Anybody could send it; so does this node. */
  async heard(payload: Uint8Array): Promise<void> {
    const { intent, signature } = signedFromJson(payload);
    const { chainId, timelock, owner } = this.#options.registration;
    if (intent.chainId !== chainId || intent.timelock !== timelock || !isSignatureBy(owner, intentDigest(intent), signature))
      throw new Problem('session/bad-request', 'It is no cancellation that the owner key signed.');
    await this.#took(intent, signature);
  }

  async #object({ operation, objection, dueS }: PendingOperation): Promise<void> {
    const key = keyOf(operation);
    if (this.#objected.has(key)) return;
    const { id, transaction, proposedBy } = operation;
    await this.#note('objected', { operation: id, reason: objection, transaction, safeTransaction: proposedBy?.safeTransaction ?? null, dueS: `${dueS}` });
    this.#objected.set(key, operation);
    const detail = `Operation ${id} waits in the timelock and this node did not agree to it (${objection}): it is to be cancelled.`;
    this.#raise(key, new Problem('node/operation-objected', detail, { operation: id, reason: objection, transaction, dueS: `${dueS}` }));
  }

  /** What became of the objections that are none any more: cancelled, or executed, or gone with the block that proposed it. */
  async #closeWhatIsOver({ operations, pending }: TimelockWatch, objected: readonly PendingOperation[]): Promise<void> {
    const waiting = new Set(objected.map(({ operation }) => keyOf(operation)));
    for (const [key, { id }] of this.#objected) {
      if (waiting.has(key)) continue;
      const became = operations.findLast((operation) => keyOf(operation) === key)?.state ?? 'gone';
      await this.#note('objected', { operation: id, became });
      this.#objected.delete(key);
      this.#alarms.delete(key);
      if (!pending.some(({ operation }) => operation.id === id)) this.#held.delete(id);
      // It stands until somebody looked into it and started the node again.
      if (became === 'executed')
        this.#raise(
          `executed ${key}`,
          new Problem('node/operation-executed', `Operation ${id} was executed, and this node did not agree to it.`, { operation: id }),
        );
      else this.#options.onEvent({ kind: 'step', text: `An operation that this node did not agree to is ${became}.`, facts: { operation: id } });
    }
  }

  #checkAccount({ account: { balance }, baseFeePerGas }: TimelockWatch): void {
    const reserve = reserveOf(baseFeePerGas);
    if (balance >= reserve) return void this.#alarms.delete('account');
    const { owner } = this.#options.registration;
    const detail = `The owner’s account ${owner} has ${balance} wei, and should have ${reserve} for what it may have to cancel.`;
    this.#raise('account', new Problem('node/owner-out-of-gas', detail, { owner, balance: `${balance}`, reserve: `${reserve}` }));
  }

  /** In this node's turn, and where nothing that is signed will do: a session with each set of signers until one has signed. */
  async #cancel({ operation, dueS }: PendingOperation, view: TimelockWatch): Promise<void> {
    const { group, clock, turnMs, registration, onEvent } = this.#options;
    const nowMs = clock.nowMs();
    if (leaderAt(operation.id, partiesOf(group), nowMs, turnMs) !== group.own) return;
    const { account, baseFeePerGas } = view;
    const due = cancelFees(baseFeePerGas, stageOf(operation, dueS, view, nowMs));
    const held = this.#held.get(operation.id)?.intent;
    if (held && isEnough(held, { nonce: account.nonce, baseFeePerGas, due })) return;
    const before = held?.nonce === account.nonce ? held : undefined;
    const fees = affordable(before ? raised(due, before) : due, account.balance);
    // Nothing is signed that no node would take: the alarm about the account stands.
    if (fees.maxFeePerGas <= (before?.maxFeePerGas ?? baseFeePerGas)) return;
    const { chainId, timelock } = registration;
    const intent: TimelockCancelIntent = { kind: 'timelockCancel', chainId, timelock, operation: operation.id, nonce: account.nonce, gas: CANCEL_GAS, ...fees };
    for (const signers of signerSetsOf({ n: partiesOf(group).length, t: group.threshold }).filter((set) => set.includes(group.own))) {
      try {
        const signature = await this.#sign(intent, signers);
        onEvent({ kind: 'step', text: 'A cancellation is signed.', facts: { operation: operation.id, signers, nonce: `${intent.nonce}` } });
        await this.#took(intent, signature);
        await this.#tell(intent, signature, signers);
        return;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        onEvent({ kind: 'step', text: `No cancellation with ${signers.join(', ')}: ${error.detail}`, facts: { code: error.code, operation: operation.id } });
      }
    }
  }

  async #sign(intent: TimelockCancelIntent, signers: readonly PartyId[]): Promise<Signature> {
    const { group, signer, random, nameOf, sessionMs, presenceMs, isThere } = this.#options;
    const peers = signers.filter((party) => party !== group.own);
    // A peer that is not there would cost the patience of a whole session.
    for (const peer of peers) await isThere(peer, presenceMs);
    const payload = requestToJson({ requestId: toHex(random(32)), intent, signers, path: [], evidence: undefined });
    const asked = Promise.all(peers.map((peer) => call(group, peer, CANCEL, payload, { timeoutMs: sessionMs, resendForMs: 0 })));
    // What is signed is signed, whether a peer says so or not.
    asked.catch(() => undefined);
    try {
      return await signer.ask(requestFromJson(payload), nameOf(group.own));
    } catch (error) {
      // A peer's own words say more than that it ended the session.
      if (error instanceof Problem && error.code === 'session/ended-by-peer') await asked;
      throw error;
    }
  }

  /** Everybody else may send it too, through endpoints of its own, and knows that it needs no other. */
  async #tell(intent: TimelockCancelIntent, signature: Signature, signers: readonly PartyId[]): Promise<void> {
    const { group, presenceMs } = this.#options;
    const payload = utf8(`{"signature":"${signature}","intent":${intentToJson(intent)}}`);
    const others = partiesOf(group).filter((party) => !signers.includes(party));
    // Whoever does not hear of it looks for itself.
    await Promise.all(others.map((peer) => call(group, peer, CANCELLED, payload, { timeoutMs: presenceMs, resendForMs: 0 }).catch(() => undefined)));
  }

  async #took(intent: TimelockCancelIntent, signature: Signature): Promise<void> {
    const before = this.#held.get(intent.operation);
    if (before && (before.intent.nonce > intent.nonce || (before.intent.nonce === intent.nonce && before.intent.maxFeePerGas >= intent.maxFeePerGas))) return;
    this.#held.set(intent.operation, { intent, raw: signedTransaction(timelockCancelTransaction(intent), signature) });
    await this.#send(intent.operation);
  }

  /** At every look again, for an endpoint that forgot it or was away. */
  async #send(operation: Hex): Promise<void> {
    const held = this.#held.get(operation);
    if (!held || (this.#view && held.intent.nonce < this.#view.account.nonce)) return;
    const transaction = hashOf(held)!;
    const isNew = !this.#sent.has(transaction);
    this.#sent.add(transaction);
    if (isNew) {
      // Before it leaves: what a node did is in its log, whatever becomes of it.
      const { nonce, maxFeePerGas, maxPriorityFeePerGas } = held.intent;
      const fees = { maxFeePerGas: `${maxFeePerGas}`, maxPriorityFeePerGas: `${maxPriorityFeePerGas}` };
      await this.#note('cancelling', { operation, transaction, nonce: `${nonce}`, ...fees });
    }
    const answers = await this.#options.book.send(held.raw);
    if (isNew || [...answers.values()].every((answer) => answer !== null))
      this.#options.onEvent({
        kind: 'step',
        text: 'A cancellation was handed to the chain.',
        facts: { operation, transaction, ...Object.fromEntries(answers) },
      });
  }

  /** Told when it begins; it stands until it is over. */
  #raise(about: string, problem: Problem): void {
    const isNew = !this.#alarms.has(about);
    this.#alarms.set(about, problem);
    if (isNew) this.#options.onEvent({ kind: 'alarm', problem });
  }

  async #note(kind: 'objected' | 'cancelling', data: Readonly<Record<string, string | null>>): Promise<void> {
    const { audit, clock, onFatal } = this.#options;
    await audit.append({ kind, atMs: clock.nowMs(), data }).catch((problem: unknown) => onFatal(problem as Problem));
  }
}

function keyOf({ id, transaction }: TimelockOperation): string {
  return `${id} ${transaction}`;
}

function hashOf(held: Held | undefined): Hex | null {
  return held ? toHex(keccak_256(fromHex(held.raw))) : null;
}

function signedFromJson(payload: Uint8Array): { readonly intent: TimelockCancelIntent; readonly signature: Signature } {
  try {
    const { signature, intent: json } = JSON.parse(Buffer.from(payload).toString('utf8')) as Readonly<Record<string, unknown>>;
    const intent = intentFromJson(json);
    if (intent.kind === 'timelockCancel' && typeof signature === 'string' && isHex(signature, 65)) return { intent, signature };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError || error instanceof Problem)) throw error;
  }
  throw new Problem('session/bad-request', 'It names no cancellation and its signature.');
}
