/** `npm run bench -- custody`: what a threshold signature costs each of its signers, beside one signature by one key with @noble/curves in the same run. */
import { randomBytes } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import {
  acceptSigning,
  allParties,
  beginSetup,
  combine,
  contextOf,
  dkgBegin,
  dkgCommit,
  dkgFinish,
  dkgOpen,
  dkgProve,
  exchangeSetup,
  finishSetup,
  openSetup,
  signRound1,
  signRound2,
  signRound3,
  type Aborted,
  type Inbox,
  type KeyShare,
  type Outgoing,
  type Pair,
  type PartyId,
  type Sent,
} from '#mpc/protocol';
import { assert } from '#base';
import { endToEnd } from './nodes/endToEnd.ts';

export const title = 'Threshold signatures';

/** Signatures before the clock counts, so that every contender is compiled, and after. */
const WARM_UP = 60;
const RUNS = 200;

type Millis = number;

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** CPU of this process, all its threads, so that garbage collection counts. */
function cpuMs(): Millis {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Adds the CPU time of one party's step to its account. */
class Accounts {
  readonly #spent = new Map<PartyId, Millis>();

  charge<T>(party: PartyId, step: () => T): T {
    const start = cpuMs();
    const result = step();
    this.#spent.set(party, (this.#spent.get(party) ?? 0) + cpuMs() - start);
    return result;
  }

  of(party: PartyId): Millis {
    return this.#spent.get(party) ?? 0;
  }

  mean(): Millis {
    return [...this.#spent.values()].reduce((total, spent) => total + spent, 0) / this.#spent.size;
  }
}

function succeeded<T extends { readonly kind: string }>(outcome: T | Aborted): T {
  assert(outcome.kind !== 'abort', outcome.kind === 'abort' ? (outcome as Aborted).abort.problem.message : '');
  return outcome as T;
}

interface Member {
  readonly key: KeyShare;
  readonly pairs: Map<PartyId, Pair>;
}

interface MadeKey {
  readonly members: readonly Member[];
  /** CPU of one party: for the key generation, and for its set-up with one peer. */
  readonly generationMs: Millis;
  readonly setupMs: Millis;
}

/** A key by real key generation, and the set-up of every pair. */
function makeKey(t: number, n: number): MadeKey {
  const generation = new Accounts();
  const ids = allParties(n);
  const identities = ids.map(() => random(32));
  const keyId = random(32) as KeyShare['keyId'];
  const broadcast = (sent: ReadonlyMap<PartyId, Sent<unknown>>, to: PartyId): Inbox =>
    new Map([...sent].filter(([from]) => from !== to).map(([from, step]) => [from, step.broadcast]));
  const everybody = <Step>(step: (own: PartyId) => Step | Aborted): Map<PartyId, Step> =>
    new Map(ids.map((own) => [own, succeeded(generation.charge(own, () => step(own)) as Step & { readonly kind: string }) as Step]));
  const begun = everybody((own) => dkgBegin({ n, t, keyId, own, identities }, random));
  const committed = everybody((own) => dkgCommit(begun.get(own)!.next, broadcast(begun, own), random));
  const opened = everybody((own) => dkgOpen(committed.get(own)!.next, broadcast(committed, own)));
  const shares = (own: PartyId): Inbox => new Map([...opened].filter(([from]) => from !== own).map(([from, step]) => [from, step.direct!.get(own)!]));
  const proved = everybody((own) => dkgProve(opened.get(own)!.next, broadcast(opened, own), shares(own)));
  const records = everybody((own) => dkgFinish(proved.get(own)!.next, broadcast(proved, own)));

  const setup = new Accounts();
  const members = [...records.values()].map(({ result }): Member => ({ key: result, pairs: new Map() }));
  for (const [index, one] of members.entries()) for (const other of members.slice(index + 1)) setUp(setup, one, other);
  return { members, generationMs: generation.mean(), setupMs: setup.mean() / (n - 1) };
}

function setUp(accounts: Accounts, one: Member, other: Member): void {
  const sides = [one, other].map(({ key }, index) => ({ own: key.id, peer: [other, one][index]!.key.id }));
  const each = <Step>(step: (own: PartyId, peer: PartyId, index: number) => Step): Step[] =>
    sides.map(({ own, peer }, index) => accounts.charge(own, () => step(own, peer, index)));
  const begun = each((own, peer) => beginSetup({ ctx: contextOf(one.key), own, peer, generation: 0 }, random));
  const chosen = each((_own, _peer, i) => succeeded(exchangeSetup(begun[i]!.next, begun[1 - i]!.bytes, random)));
  const opened = each((_own, _peer, i) => succeeded(openSetup(chosen[i]!.next, chosen[1 - i]!.bytes)));
  const done = each((_own, _peer, i) => succeeded(finishSetup(opened[i]!.next, opened[1 - i]!.bytes)));
  one.pairs.set(other.key.id, done[0]!.pair);
  other.pairs.set(one.key.id, done[1]!.pair);
}

interface Cost {
  /** CPU of one signer without and with combining and verifying. */
  readonly signMs: Millis;
  readonly combineMs: Millis;
  /** Sent by all signers for one signature, acceptances not counted. */
  readonly bytes: number;
}

function signOnce(signers: readonly Member[]): Cost {
  const [signing, combining] = [new Accounts(), new Accounts()];
  const ids = signers.map(({ key }) => key.id);
  const request = { signers: ids, path: [], digest: random(32), requestId: random(32) };
  const accepted = signers.map(({ key }) => signing.charge(key.id, () => acceptSigning({ key, ...request }, random(32), random)));
  const slots = new Map(ids.map((id, index) => [id, accepted[index]!.slot]));
  let bytes = 0;
  const deliver = (steps: readonly { readonly messages: readonly Outgoing[] }[], to: PartyId): Inbox =>
    new Map(
      steps.flatMap(({ messages }, index) =>
        messages
          .filter((message) => message.to === to)
          .map((message) => {
            bytes += message.bytes.length;
            return [ids[index]!, message.bytes] as const;
          }),
      ),
    );
  const each = <Step>(accounts: Accounts, step: (index: number, member: Member) => Step): Step[] =>
    signers.map((member, index) => accounts.charge(member.key.id, () => step(index, member)));
  const one = each(signing, (i, { pairs }) => signRound1(accepted[i]!.acceptance, slots, pairs, random));
  const two = each(signing, (i, { key }) => succeeded(signRound2(one[i]!.next, deliver(one, key.id), random)));
  const three = each(signing, (i, { key }) => succeeded(signRound3(two[i]!.next, deliver(two, key.id), random)));
  const released = three.map((release, i) => ({ messages: ids.filter((_, k) => k !== i).map((to) => ({ to, bytes: release.bytes })) }));
  each(combining, (i, { key }) => succeeded(combine(three[i]!.next, deliver(released, key.id))));
  return { signMs: signing.mean(), combineMs: combining.mean(), bytes };
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

/** One signature by one key, hashed by the caller: what everything here is measured against. */
function nobleSign(): void {
  secp256k1.sign(random(32), NOBLE_KEY, { prehash: false });
}

const NOBLE_KEY = secp256k1.utils.randomSecretKey();

/** Alone in a loop, where everything it touches stays in the caches. */
function nobleAlone(): Millis {
  for (let run = 0; run < 10 * RUNS; run++) nobleSign();
  const start = cpuMs();
  for (let run = 0; run < 10 * RUNS; run++) nobleSign();
  return (cpuMs() - start) / (10 * RUNS);
}

/** Between two threshold signatures, as in a process that does other things as well. */
function nobleAmong(signers: readonly Member[]): Millis {
  let spent = 0;
  for (let run = 0; run < RUNS; run++) {
    signOnce(signers);
    const start = cpuMs();
    nobleSign();
    spent += cpuMs() - start;
  }
  return spent / RUNS;
}

interface Row {
  readonly line: string;
  readonly amongMs: Millis;
}

function row(t: number, n: number, nobleMs: Millis): Row {
  const { members, generationMs, setupMs } = makeKey(t, n);
  const signers = members.slice(-t);
  for (let run = 0; run < WARM_UP; run++) signOnce(signers);
  const costs = Array.from({ length: RUNS }, () => signOnce(signers));
  const [signMs, combineMs] = [mean(costs.map((cost) => cost.signMs)), mean(costs.map((cost) => cost.combineMs))];
  const averageMs = signMs + combineMs / t;
  const ms = (value: Millis): string => `${value.toFixed(1)} (${(value / nobleMs).toFixed(1)}x)`;
  const line = `| ${t} of ${n} | ${ms(signMs)} | ${ms(signMs + combineMs)} | ${ms(averageMs)} | ${costs[0]!.bytes.toLocaleString('en')} | ${generationMs.toFixed(0)} | ${setupMs.toFixed(0)} | ${(generationMs + (n - 1) * setupMs).toFixed(0)} |`;
  console.log(line);
  return { line, amongMs: nobleAmong(signers) };
}

/** Markdown: CPU of a signature by its signers, in milliseconds and in signatures of one key. */
export async function run(): Promise<string> {
  const nobleMs = nobleAlone();
  const rows = [row(2, 3, nobleMs), row(3, 5, nobleMs)];
  return [
    `CPU milliseconds of one party, mean of ${RUNS} signatures on one thread, all parties in one process and without a network; in brackets how many times one signature by one key takes with @noble/curves`,
    `in the same run (${(1_000 * nobleMs).toFixed(0)} us alone in a loop, which is what the brackets are against; ${(1_000 * rows[0]!.amongMs).toFixed(0)} us between two threshold signatures). Signer: all three rounds up to the release. Combiner: the same, and the finished signature verified by OpenSSL and by @noble/secp256k1 (one of the`,
    'signers does that). Bytes: all messages of all signers for one signature. Set-up: zero seeds and base OTs of one pair in both directions.',
    '',
    '| key | signer | combiner | mean of the signers | bytes a signature | key generation | set-up with one peer | whole ceremony of a party |',
    '|--|--|--|--|--|--|--|--|',
    ...rows.map(({ line }) => line),
    '',
    ...(await endToEnd()),
  ].join('\n');
}
