/** What the rounds of key generation, refresh and reshare have in common: the frame of a message, and what a step gives. */
import { concat, Problem } from '#base';
import { abort, Once } from '../primitives/abort.ts';
import { equal } from '../primitives/constantTime.ts';
import { u16 } from '../primitives/hash.ts';
import { HASH_BYTES } from '../primitives/parameters.ts';
import type { PartyId } from '../primitives/parties.ts';
import { Reader } from '../primitives/wire.ts';

/** The first byte of a message: its protocol and round, so that none can be shown in another's place. */
const KINDS = {
  'dkg/nonce': 0x10,
  'dkg/commitment': 0x11,
  'dkg/opening': 0x12,
  'dkg/share': 0x13,
  'dkg/proof': 0x14,
  'refresh/nonce': 0x20,
  'refresh/commitment': 0x21,
  'refresh/opening': 0x22,
  'refresh/share': 0x23,
  'refresh/echo': 0x24,
  'reshare/dealer-nonce': 0x30,
  'reshare/receiver-nonce': 0x31,
  'reshare/commitment': 0x32,
  'reshare/opening': 0x33,
  'reshare/share': 0x34,
  'reshare/dealer-echo': 0x35,
  'reshare/receiver-echo': 0x36,
  confirmation: 0x40,
} as const;

export type Kind = keyof typeof KINDS;

/** kind 1 || sid 32 || from 2 || to 2, where `to` is 0 for a broadcast. */
const HEADER_BYTES = 1 + HASH_BYTES + 2 + 2;
const EVERYBODY = 0;

/** Where a message stands: a receiver says what it expects, and nothing else is a message. */
export interface Place {
  readonly kind: Kind;
  readonly sid: Uint8Array;
  readonly from: PartyId;
  /** Absent for a broadcast. */
  readonly to?: PartyId;
}

/** What peers have sent to this party in one round, by sender as the channel authenticated it. */
export type Inbox = ReadonlyMap<PartyId, Uint8Array>;

/** What one step gives: a message to everybody, messages for one receiver each, which are secret on the wire (2.4), and what the next step takes. */
export interface Sent<Next> {
  readonly kind: 'send';
  readonly broadcast: Uint8Array;
  readonly direct?: ReadonlyMap<PartyId, Uint8Array>;
  readonly next: Once<Next>;
}

export function sent<Next>(next: Next, what: string, broadcast: Uint8Array, direct?: ReadonlyMap<PartyId, Uint8Array>): Sent<Next> {
  return { kind: 'send', broadcast, ...(direct && { direct }), next: new Once(next, what) };
}

/** What the last step gives. */
export interface Done<Result> {
  readonly kind: 'done';
  readonly result: Result;
}

export function frame({ kind, sid, from, to }: Place, ...fields: readonly Uint8Array[]): Uint8Array {
  return concat(Uint8Array.of(KINDS[kind]), sid, u16(from), u16(to ?? EVERYBODY), ...fields);
}

/**
 * The body of the message that stands at `place` and is `bodyBytes` long. Another sid is nobody's fault (a coordinator, or a stale attempt) and aborts plainly; it is looked at before the length,
 * because parties that were told another threshold send other lengths. Whatever else is wrong is the sender's.
 */
export function unframe(bytes: Uint8Array, { kind, sid, from, to }: Place, bodyBytes: number): Reader {
  if (bytes.length >= HEADER_BYTES && !equal(bytes.subarray(1, 1 + HASH_BYTES), sid))
    throw abort('mpc/session-differs', null, `${kind} of party ${from} belongs to another session.`);
  const reader = new Reader(bytes, HEADER_BYTES + bodyBytes, from, kind);
  const [code] = reader.bytes(1);
  reader.bytes(HASH_BYTES);
  if (code !== KINDS[kind] || reader.u16() !== from || reader.u16() !== (to ?? EVERYBODY))
    throw abort('mpc/malformed-message', from, `Party ${from} sent something else in the place of ${kind}.`);
  return reader;
}

/** mpc/bad-parameters unless there is exactly one message of every expected sender and none of anybody else: a guard before the state is taken, so that nothing is lost by asking too early. */
export function checkInbox(inbox: Inbox, senders: readonly PartyId[], what: string): void {
  if (inbox.size !== senders.length || !senders.every((sender) => inbox.has(sender)))
    throw new Problem(
      'mpc/bad-parameters',
      `${what} are needed of exactly the parties ${senders.join(', ')}, not of ${[...inbox.keys()].join(', ') || 'none'}.`,
    );
}

/** The same, of everybody but oneself. */
export function others(parties: readonly PartyId[], own: PartyId): PartyId[] {
  return parties.filter((party) => party !== own);
}
