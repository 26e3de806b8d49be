/** From everybody's (u_i, w_i) to a signature that two libraries verify (digest 7, "Combine"). */
import { concat } from '#base';
import { abort, attempt, type Aborted, type Once } from '../primitives/abort.ts';
import { invert, mod, q, scalarBytes } from '../primitives/scalars.ts';
import { checkInbox, type Inbox } from '../keys/rounds.ts';
import { decodeRound3 } from './messages.ts';
import type { AfterRound3 } from './rounds.ts';
import { verifyIndependently } from './verify.ts';

export interface Signed {
  readonly kind: 'signed';
  /** r 32 || s 32, s in the lower half. */
  readonly compact: Uint8Array;
  /** The parity of R's y, as Ethereum's v - 27; x(R) is below q. */
  readonly recovery: 0 | 1;
  /** X + tau G, 65 bytes: whose signature it is. */
  readonly publicKey: Uint8Array;
}

/** The signature, or mpc/invalid-signature: by the peer where there is one, by somebody of the quorum where there are more (7.2). It is returned only after two other libraries took it. */
export function combine(state: Once<AfterRound3>, inbox: Inbox): Signed | Aborted {
  return attempt(() => {
    const { session, nonce, u, w } = state.take(({ session: { peers } }) => checkInbox(inbox, peers, 'Last messages'));
    const { peers, publicKey, digest } = session;
    const received = peers.map((j) => decodeRound3(inbox.get(j)!, j));
    const alone = peers.length === 1 ? peers[0]! : null;
    const U = mod(received.reduce((total, message) => total + message.u, u)); // U = sum u_k
    if (U === 0n) throw abort('mpc/invalid-signature', alone, 'The sum of u is zero.');
    const s = mod(received.reduce((total, message) => total + message.w, w) * invert(U)); // s = (sum w_k) / U
    if (s === 0n) throw abort('mpc/invalid-signature', alone, 's is zero.');
    const isHigh = s > q >> 1n;
    const compact = concat(scalarBytes(nonce.r), scalarBytes(isHigh ? q - s : s)); // s > q/2: s = q - s, parity ^= 1
    const recovery = isHigh ? ((nonce.parity ^ 1) as 0 | 1) : nonce.parity;
    if (!verifyIndependently({ compact, recovery, digest, publicKey }))
      throw abort('mpc/invalid-signature', alone, 'The sum of the last messages is no signature by the key.');
    return { kind: 'signed', compact, recovery, publicKey };
  });
}
