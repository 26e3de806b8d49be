import { randomBytes } from 'node:crypto';
import { concat, Problem, systemClock, toHex, type Clock, type Hex } from '#base';
import { addressOf, intentDigest, type AnchorIntent, type Role } from '#custody/intents';
import type { SignRequest } from '#custody/requests';
import { contextOf, type KeyRecord, type PartyId } from '#mpc/protocol';
import type { AuditEntry } from '../../../../mpc/node/audit/audit.ts';
import type { Facts } from '../../../../mpc/node/policy/policy.ts';
import { Conversations, END, type Tell } from '../../../../mpc/node/session/conversations.ts';
import type { Verdict } from '../../../../mpc/node/session/judge.ts';
import type { Key, KeyRing } from '../../../../mpc/node/session/keyRing.ts';
import { Pairs } from '../../../../mpc/node/session/pairs.ts';
import { Signer, type SigningEvent } from '../../../../mpc/node/session/signer.ts';
import type { EpochRef } from '../../../../mpc/node/store/store.ts';
import { Suspensions } from '../../../../mpc/node/store/suspensions.ts';
import { dealParties, random } from '../../protocol/support/dealer.ts';

/** What left a party, in order; and what its disk was asked for, in the same order. */
export type Trace = readonly [kind: string, detail?: string][];

export interface Member {
  readonly id: PartyId;
  readonly key: Key;
  readonly signer: Signer;
  readonly conversations: Conversations;
  readonly trace: [string, string?][];
  readonly fatal: Problem[];
  readonly audited: AuditEntry[];
  readonly events: SigningEvent[];
  /** What the disk does when it is asked; honest unless a test says otherwise. */
  disk: { evaluating: () => Promise<void>; release: () => Promise<void>; poison: () => Promise<void>; note: () => Promise<void> };
  /** What is asked before a session begins: whether its peers have said what they remember, and whether the pairs are usable. */
  demands: { ready: () => void; usable: () => void };
  verdict: () => Promise<Verdict>;
  /** What becomes of a message on its way out. */
  outgoing: (to: PartyId, round: number, bytes: Uint8Array) => Uint8Array;
}

const POLICY: Hex = `0x${'77'.repeat(32)}`;
const ACCEPTED: Verdict = { accepted: true, facts: {} as Facts, approvals: [], policyHash: POLICY };

/** t of n signers in memory, with keys that a dealer made: what they say to each other goes straight through. */
export function group(t: number, n: number, clock: Clock = systemClock): Member[] {
  const { parties } = dealParties(t, n);
  const members = new Map<PartyId, Member>();
  for (const { key: share, pairs: dealt } of parties) {
    const id = share.id;
    const trace: [string, string?][] = [];
    const tell: Tell = async (to, method, payload) => {
      const peer = members.get(to)!;
      if (method === END) {
        trace.push(['end', Buffer.from(payload.subarray(32)).toString()]);
        return peer.conversations.ended(id, payload);
      }
      const round = payload[32]!;
      trace.push([`round ${round}`, String(to)]);
      const bytes = concat(payload.subarray(0, 33), members.get(id)!.outgoing(to, round, payload.slice(33)));
      // Not within the sender's own step: a channel takes its time.
      await new Promise((resolve) => setImmediate(resolve));
      peer.conversations.said(id, bytes);
    };
    const conversations = new Conversations(tell);
    const key: Key = {
      role: 'poster',
      ref: { keyId: toHex(share.keyId), epochId: toHex(share.epochId) },
      record: share as KeyRecord,
      ctx: contextOf(share),
      address: addressOf(share.publicKey),
      pairs: new Pairs({
        poison: async (peer) => {
          trace.push(['poison asked', String(peer)]);
          await member.disk.poison();
          trace.push(['poison durable', String(peer)]);
        },
      }),
      pair: (peer) => dealt.get(peer)!,
      wipe: () => undefined,
    };
    const fatal: Problem[] = [];
    const audited: AuditEntry[] = [];
    const events: SigningEvent[] = [];
    const suspensions = new Suspensions();
    const signer = new Signer({
      store: {
        demandUsable: (ref: EpochRef, peers: readonly PartyId[]) => {
          member.demands.usable();
          suspensions.demandNone(ref, peers);
        },
        countInvalid: async (session: EpochRef & { readonly peers: readonly PartyId[] }) => suspensions.count(session, session.peers),
        evaluating: async () => {
          trace.push(['mark asked']);
          await member.disk.evaluating();
          trace.push(['mark durable']);
        },
        evaluated: async () => void trace.push(['mark taken back']),
        release: async () => {
          trace.push(['release asked']);
          await member.disk.release();
          trace.push(['release durable']);
        },
      } as never,
      audit: {
        append: async (entry: AuditEntry) => {
          audited.push(entry);
          await member.disk.note();
          return { seq: 1, hash: POLICY };
        },
      } as never,
      ring: { active: (_role: Role) => key, isWhole: () => true } as unknown as KeyRing,
      conversations,
      judge: { judge: () => member.verdict() },
      timeouts: { decisionMs: 2_000, roundMs: 2_000 },
      demandReady: () => member.demands.ready(),
      clock,
      random,
      onFatal: (error) => fatal.push(error),
      onEvent: (event) => events.push(event),
    });
    const honest = async (): Promise<void> => undefined;
    const member: Member = {
      id,
      key,
      signer,
      conversations,
      trace,
      fatal,
      audited,
      events,
      disk: { evaluating: honest, release: honest, poison: honest, note: honest },
      demands: { ready: () => undefined, usable: () => undefined },
      verdict: async () => ACCEPTED,
      outgoing: (_to, _round, bytes) => bytes,
    };
    members.set(id, member);
  }
  return [...members.values()];
}

export function requestOf(signers: readonly Member[]): SignRequest {
  const intent: AnchorIntent = { kind: 'anchor', chainId: 31337n, anchor: `0x${'11'.repeat(20)}`, previous: `0x${'22'.repeat(32)}`, leaf: toHex(random(32)) };
  return {
    requestId: toHex(randomBytes(32)),
    intent,
    role: 'poster',
    signers: signers.map(({ id }) => id),
    path: [],
    evidence: undefined,
    digest: intentDigest(intent),
  };
}

export function ask(signers: readonly Member[], request = requestOf(signers)): Promise<PromiseSettledResult<Hex>[]> {
  return Promise.allSettled(signers.map(({ signer }) => signer.ask(request, 'the platform')));
}

export function codeOf(answer: PromiseSettledResult<Hex>): string {
  return answer.status === 'fulfilled' ? 'signed' : (answer.reason as Problem).code;
}

export function kinds(trace: Trace): string[] {
  return trace.map(([kind]) => kind);
}

/** One byte of the last 32 of a message. */
export function spoiled(bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[changed.length - 1]! ^= 1;
  return changed;
}
