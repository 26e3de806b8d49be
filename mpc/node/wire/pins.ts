import { Problem } from '#base';
import { isFingerprint, type Fingerprint } from './identity.ts';

/** A party of the key (1..n), the one who relays requests, or a person with the node's own tools. What a part may ask for is decided by the part, never by what is asked. */
export type Caller = { readonly fingerprint: Fingerprint } & (
  { readonly part: 'peer'; readonly id: number } | { readonly part: 'coordinator' } | { readonly part: 'operator' }
);

export type Part = Caller['part'];

/** Each part speaks a protocol name of its own (ALPN, RFC 7301), so that a channel opened as one part cannot be taken for another. */
export const PROTOCOL_OF: Readonly<Record<Part, string>> = { peer: 'cairn-peer/1', coordinator: 'cairn-coordinator/1', operator: 'cairn-operator/1' };

export interface Pinned {
  readonly own: Fingerprint;
  readonly peers: ReadonlyMap<number, Fingerprint>;
  readonly coordinators: readonly Fingerprint[];
  readonly operators: readonly Fingerprint[];
}

export interface Pins {
  /** Who opened this channel, or undefined where nobody is known by that key, or the key is pinned to another part than the protocol's. */
  callerOf(fingerprint: Fingerprint, protocol: string | false | null): Caller | undefined;
}

/** One key, one part: a coordinator whose certificate were a peer's as well could speak as that peer. wire/bad-pins otherwise. */
export function openPins({ own, peers, coordinators, operators }: Pinned): Pins {
  const callers = new Map<Fingerprint, Caller>();
  const pin = (fingerprint: Fingerprint, caller: Caller): void => {
    if (!isFingerprint(fingerprint))
      throw new Problem('wire/bad-pins', `"${String(fingerprint).slice(0, 80)}" is no fingerprint: 64 lower-case hexadecimal digits.`);
    if (fingerprint === own) throw new Problem('wire/bad-pins', `The node’s own fingerprint ${fingerprint} is pinned as a ${caller.part}.`);
    if (callers.has(fingerprint)) throw new Problem('wire/bad-pins', `The fingerprint ${fingerprint} is pinned twice.`);
    callers.set(fingerprint, caller);
  };
  for (const [id, fingerprint] of peers) pin(fingerprint, { part: 'peer', id, fingerprint });
  for (const fingerprint of coordinators) pin(fingerprint, { part: 'coordinator', fingerprint });
  for (const fingerprint of operators) pin(fingerprint, { part: 'operator', fingerprint });
  return {
    callerOf: (fingerprint, protocol) => {
      const caller = callers.get(fingerprint);
      return caller && PROTOCOL_OF[caller.part] === protocol ? caller : undefined;
    },
  };
}
