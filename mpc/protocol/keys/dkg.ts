/**
 * Distributed key generation (digest section 3): D0 nonces, D1 commit, D2 open, D3 verify and prove, D4 finish. Five steps a party, each consuming the state of the one before.
 * The proofs of knowledge are Fiat-Shamir over a joint coin, so extraction rewinds: this is not a UC proof. Who speaks last may abort by what it saw, which biases the key by that much and no more.
 */
import { assert, Problem, utf8, type RandomBytes } from '#base';
import { abort, attempt, type Aborted, type Once } from '../primitives/abort.ts';
import { H, H512, list, u16 } from '../primitives/hash.ts';
import type { KeyId } from '../primitives/ids.ts';
import { CURVE_NAME, HASH_BYTES, POINT_BYTES, PROTOCOL_VERSION, SCALAR_BYTES } from '../primitives/parameters.ts';
import { allParties, checkThreshold, partiesPart, partyId, type PartyId, type Threshold } from '../primitives/parties.ts';
import { pointBytes, pointOf, pointsBytes, timesG, timesPublic } from '../primitives/points.ts';
import { commitments as inExponent, evaluate, evaluateInExponent, randomPolynomial, type Polynomial } from '../primitives/polynomials.ts';
import { drawn, mod, randomNonZeroScalar, scalarBytes } from '../primitives/scalars.ts';
import {
  checkEcho,
  checkShare,
  commitmentMessage,
  commitmentTo,
  echoOf,
  openingMessage,
  openingOf,
  readCommitments,
  readOpenings,
  readShares,
  shareMessage,
  sumOfVectors,
  type Dealing,
  type Opening,
} from './dealing.ts';
import { checkIdentities, epochOf, recordOf, type KeyRecord } from './epoch.ts';
import { checkInbox, frame, others, sent, unframe, type Done, type Inbox, type Sent } from './rounds.ts';

/** Agreed among the operators before anything starts: the same for every party but for `own`. */
export interface DkgFacts extends Threshold {
  readonly keyId: KeyId;
  readonly own: PartyId;
  /** Of all parties in id order: 32 bytes each (2.5). */
  readonly identities: readonly Uint8Array[];
}

export interface DkgBegun {
  readonly facts: DkgFacts;
  readonly proposal: Uint8Array;
  readonly nonce: Uint8Array;
}

export interface DkgCommitted {
  readonly facts: DkgFacts;
  readonly deal: Dealing;
  readonly f: Polynomial;
  /** k_i of the proof. */
  readonly k: bigint;
  readonly opening: Opening;
  readonly commitment: Uint8Array;
}

export interface DkgOpened extends DkgCommitted {
  /** C_1..C_n. */
  readonly commitments: ReadonlyMap<PartyId, Uint8Array>;
}

export interface DkgProved {
  readonly facts: DkgFacts;
  readonly deal: Dealing;
  readonly openings: ReadonlyMap<PartyId, Opening>;
  readonly x: bigint;
  readonly echo: Uint8Array;
}

const FIRST_EPOCH = 1;
const COIN_BYTES = 32; // rho_i, cc_i and salt_i

/** version, curve, keyId, n, t, ids, all parties' long-term identity keys: the inputs of sid_dkg without the nonces. */
function agreed({ keyId, n, t, identities }: DkgFacts): Uint8Array[] {
  return [PROTOCOL_VERSION, CURVE_NAME, keyId, u16(n), u16(t), partiesPart(allParties(n)), list(identities, HASH_BYTES)];
}

/** D0: N_i, which makes sid_dkg new whatever the others send. mpc/bad-parameters where the facts are none. */
export function dkgBegin(facts: DkgFacts, random: RandomBytes): Sent<DkgBegun> {
  checkThreshold(facts);
  partyId(facts.own, facts.n);
  if (facts.keyId.length !== HASH_BYTES) throw new Problem('mpc/bad-parameters', `A key id has ${HASH_BYTES} bytes.`);
  checkIdentities(facts.identities, facts);
  const proposal = H('proposal/v1', utf8('dkg'), ...agreed(facts));
  const nonce = drawn(HASH_BYTES, random);
  return sent({ facts, proposal, nonce }, 'The commitment of this key generation', frame({ kind: 'dkg/nonce', sid: proposal, from: facts.own }, nonce));
}

/** D1: f_i, K_i, rho_i, cc_i and salt_i are drawn, and C_i is sent. */
export function dkgCommit(state: Once<DkgBegun>, nonces: Inbox, random: RandomBytes): Sent<DkgCommitted> | Aborted {
  return attempt(() => {
    const { facts, proposal, nonce } = state.take(({ facts }) => checkInbox(nonces, peers(facts), 'Nonces'));
    const { own, n, t } = facts;
    const N = allParties(n).map((j) =>
      j === own ? nonce : unframe(nonces.get(j)!, { kind: 'dkg/nonce', sid: proposal, from: j }, HASH_BYTES).bytes(HASH_BYTES),
    );
    const sid = H('dkg-sid/v1', ...agreed(facts), list(N, HASH_BYTES)); // sid_dkg (3)
    const deal: Dealing = { name: 'dkg', sid, dealers: allParties(n), coefficients: t, rest: [POINT_BYTES, COIN_BYTES, COIN_BYTES, COIN_BYTES] };
    const f = randomPolynomial(t, random); // a_{i,k} in Z_q, a_{i,t-1} != 0
    const k = randomNonZeroScalar(random);
    const opening = openingOf(inExponent(f), [pointBytes(timesG(k)), drawn(COIN_BYTES, random), drawn(COIN_BYTES, random), drawn(COIN_BYTES, random)]); // A_i, K_i, rho_i, cc_i, salt_i
    const commitment = commitmentTo(deal, own, opening); // C_i
    return sent({ facts, deal, f, k, opening, commitment }, 'The opening of this key generation', commitmentMessage(deal, own, commitment));
  });
}

/** D2: only now that all n commitments are here, the opening to everybody and s_{i->j} = f_i(j) to each P_j alone. */
export function dkgOpen(state: Once<DkgCommitted>, inbox: Inbox): Sent<DkgOpened> | Aborted {
  return attempt(() => {
    const committed = state.take(({ facts }) => checkInbox(inbox, peers(facts), 'Commitments'));
    const { facts, deal, f, opening, commitment } = committed;
    const commitments = readCommitments(deal, inbox).set(facts.own, commitment);
    const direct = new Map(peers(facts).map((j) => [j, shareMessage(deal, facts.own, j, evaluate(f, j))]));
    return sent({ ...committed, commitments }, 'The proof of this key generation', openingMessage(deal, facts.own, opening), direct);
  });
}

/** D3: every opening and share is checked; then the one z_i there will be, with the echo of all that was broadcast. */
export function dkgProve(state: Once<DkgOpened>, openingInbox: Inbox, shareInbox: Inbox): Sent<DkgProved> | Aborted {
  return attempt(() => {
    const { facts, deal, f, k, opening, commitments } = state.take(({ facts }) => {
      checkInbox(openingInbox, peers(facts), 'Openings');
      checkInbox(shareInbox, peers(facts), 'Shares');
    });
    const { own } = facts;
    const openings = readOpenings(deal, commitments, openingInbox);
    for (const [from, { rest }] of openings) if (!pointOf(rest[0]!)) throw abort('mpc/malformed-message', from, `Party ${from} opened a K that is no point.`);
    const shares = readShares(deal, own, shareInbox);
    for (const j of peers(facts)) checkShare(j, openings.get(j)!.A, own, shares.get(j)!.s); // s_{j->i} G == sum_k i^k A_{j,k}
    openings.set(own, opening);
    const x = mod(peers(facts).reduce((total, j) => total + shares.get(j)!.s, evaluate(f, own))); // x_i = sum_j s_{j->i} (D4)
    const z = mod(k + challenge(deal, own, openings) * f[0]!); // z_i = k_i + e_i a_{i,0}
    const echo = echoOf(deal, commitments, openings); // E_i
    return sent(
      { facts, deal, openings, x, echo },
      'The end of this key generation',
      frame({ kind: 'dkg/proof', sid: deal.sid, from: own }, scalarBytes(z), echo),
    );
  });
}

/** e_i = H512("dkg-pok/v1"; sid, i, rho, A_i vector, K_i) mod q with the joint coin rho = H("dkg-rho/v1"; sid, rho_1..rho_n) (D3): bound to i and to what nobody chose, so no proof is another's. */
function challenge({ sid, dealers }: Dealing, i: PartyId, openings: ReadonlyMap<PartyId, Opening>): bigint {
  const rho = H('dkg-rho/v1', sid, list(coins(dealers, openings, 1), COIN_BYTES));
  const { A, rest } = openings.get(i)!;
  return H512('dkg-pok/v1', sid, u16(i), rho, list(pointsBytes(A), POINT_BYTES), rest[0]!);
}

function coins(dealers: readonly PartyId[], openings: ReadonlyMap<PartyId, Opening>, at: number): Uint8Array[] {
  return dealers.map((dealer) => openings.get(dealer)!.rest[at]!);
}

/**
 * D4: all echoes first, because after an equivocation an honest proof fails too and its prover must not be blamed; then every proof; then the record, which goes to the disk as PENDING before
 * anything is confirmed (switch/switch.ts).
 */
export function dkgFinish(state: Once<DkgProved>, inbox: Inbox): Done<KeyRecord> | Aborted {
  return attempt(() => {
    const { facts, deal, openings, x, echo } = state.take(({ facts }) => checkInbox(inbox, peers(facts), 'Proofs'));
    const { own, n, t, keyId, identities } = facts;
    const { sid } = deal;
    const proofs = peers(facts).map((from) => {
      const reader = unframe(inbox.get(from)!, { kind: 'dkg/proof', sid, from }, SCALAR_BYTES + HASH_BYTES);
      const proof = { from, z: reader.scalar(), echo: reader.bytes(HASH_BYTES) };
      reader.end();
      return proof;
    });
    for (const proof of proofs) checkEcho(echo, proof.from, proof.echo); // E_j == E_i
    for (const { from, z } of proofs) {
      const { A, rest } = openings.get(from)!;
      const expected = pointOf(rest[0]!)!.add(timesPublic(A[0]!, challenge(deal, from, openings)));
      if (!timesG(z).equals(expected)) throw abort('mpc/bad-proof', from, `Party ${from} did not prove that it knows its part of the key.`); // z_j G == K_j + e_j A_{j,0}
    }
    const sums = sumOfVectors(deal.dealers.map((dealer) => openings.get(dealer)!.A));
    const X = sums[0]!; // X = sum_j A_{j,0}
    const Xs = deal.dealers.map((j) => evaluateInExponent(sums, j)); // X_j = sum_k j^k (sum_m A_{m,k})
    if ([X, ...Xs].some((point) => point.is0())) throw abort('mpc/key-differs', null, 'The parts of the key cancel out.'); // X != O, x_j != 0
    const chainCode = H('dkg-cc/v1', sid, list(coins(deal.dealers, openings, 2), COIN_BYTES)); // cc
    const epoch = epochOf({ origin: 'dkg', keyId, n, t, epoch: FIRST_EPOCH, attempt: sid, identities, X, Xs, chainCode });
    const record = recordOf(epoch, own, scalarBytes(x));
    assert(record, 'x_i G == X_i follows from the shares, which were checked');
    return { kind: 'done', result: record };
  });
}

function peers({ own, n }: DkgFacts): PartyId[] {
  return others(allParties(n), own);
}
