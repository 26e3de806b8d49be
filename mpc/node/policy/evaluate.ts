import { assert, type Hex, type TimeMs } from '#base';
import { validApprovers, type Approval } from './approvals.ts';
import type { ContractFact, Counters, Debit, Facts, IntentKind, Spent } from './facts.ts';
import { allowedMinutes, minuteOfWeek } from './hours.ts';
import type { Policy } from './schema.ts';

export const DAY_MS = 86_400_000;

/** The rules in the order in which they are asked; the first that objects is named. What needs no counter comes before what does, and people are asked last. */
export const RULES = ['stop', 'clock', 'kind', 'chain', 'contract', 'token', 'payee', 'per-transaction', 'per-payee', 'per-day', 'hours', 'approvals'] as const;

export type Rule = (typeof RULES)[number];

/** `debits` is what the counters take at RELEASED (section 14). */
export type Verdict = { readonly allowed: true; readonly debits: Spent } | { readonly allowed: false; readonly rule: Rule; readonly reason: string };

interface Case {
  readonly policy: Policy;
  readonly counters: Counters;
  readonly facts: Facts;
  readonly approvals: readonly Approval[];
  /** By the clock. */
  readonly clockMs: TimeMs;
  /** Never before a time that was already seen: by it windows close, days end and approvals expire. */
  readonly nowMs: TimeMs;
}

/** What a stop of payments lets pass: it moves nothing, and the cancellations are what an attack is stopped with. */
const HARMLESS: readonly IntentKind[] = ['anchor', 'cancel', 'timelockCancel'];

const CONTRACTS = { anchor: 'anchors', vault: 'vaults', safe: 'safes', timelock: 'timelocks' } as const;

/** May this be signed? Pure; every refusal names the rule that objects. Asked when the request comes and again, against the counters of that moment, when the last message is about to leave. */
export function evaluate(policy: Policy, counters: Counters, facts: Facts, approvals: readonly Approval[], nowMs: TimeMs): Verdict {
  assert(
    facts.payments.every(({ amount }) => amount >= 0n),
    'nobody is paid less than nothing',
  );
  const asked: Case = { policy, counters, facts, approvals, clockMs: nowMs, nowMs: Math.max(nowMs, counters.highWaterMs) };
  for (const rule of RULES) {
    const reason = OBJECTIONS[rule](asked);
    if (reason !== undefined) return { allowed: false, rule, reason };
  }
  const direction = isIncoming(facts) ? ({ incoming: true } as const) : {};
  const debits: Debit[] = facts.payments.map(({ token, payee, amount }) => ({ chainId: String(facts.chainId), token, payee, amount, ...direction }));
  return { allowed: true, debits: { digest: facts.digest, atMs: asked.nowMs, debits } };
}

/** Why a rule objects, in one sentence; undefined where it does not. */
const OBJECTIONS: Readonly<Record<Rule, (asked: Case) => string | undefined>> = {
  stop: ({ policy, facts }) => {
    if (policy.stop === 'everything') return 'The operators stopped this node.';
    if (policy.stop === 'payments' && !HARMLESS.includes(facts.kind))
      return `The operators stopped everything but anchors and cancellations, and this is: ${facts.kind}.`;
    return undefined;
  },
  clock: ({ policy, counters, facts, clockMs }) => clockObjection(policy, counters, facts.witnessedMs, clockMs),
  kind: ({ policy, facts }) => (policy.kinds.includes(facts.kind) ? undefined : `Nothing of kind ${facts.kind} is signed here.`),
  chain: (asked) => (chainOf(asked) ? undefined : `Chain ${asked.facts.chainId} is not listed.`),
  contract: (asked) => {
    const stranger = asked.facts.contracts.find((contract) => !isListed(asked, contract));
    if (asked.facts.contracts.length === 0) return 'It names no contract.';
    return stranger && `The ${stranger.role} ${stranger.address} is not listed for chain ${asked.facts.chainId}.`;
  },
  token: (asked) => {
    const stranger = asked.facts.payments.find(({ token }) => !tokenOf(asked, token));
    return stranger && `The token ${stranger.token} is not listed for chain ${asked.facts.chainId}.`;
  },
  payee: (asked) => {
    const { policy, facts } = asked;
    const { payees } = policy;
    if (isIncoming(facts)) {
      const elsewhere = facts.payments.find(({ payee }) => !isListed(asked, { role: 'vault', address: payee }));
      return elsewhere && `${elsewhere.payee} is no vault that is listed for chain ${facts.chainId}.`;
    }
    const unregistered = facts.payments.find(({ registered }) => payees.registered && !registered);
    if (unregistered) return `No registered merchant signed the payee ${unregistered.payee}.`;
    const unlisted = facts.payments.find(({ payee }) => payees.only !== null && !payees.only.includes(payee));
    return unlisted && `The payee ${unlisted.payee} is not listed.`;
  },
  'per-transaction': (asked) =>
    objection(
      asked,
      'perTransaction',
      totals(asked.facts.payments, ({ token }) => token),
      (total, limit) => `It moves ${total} of a token, and a transaction may move ${limit}.`,
    ),
  'per-payee': (asked) =>
    objection(
      asked,
      'perPayeePerDay',
      totals([...spentToday(asked), ...asked.facts.payments], ({ token, payee }) => `${token} ${payee}`, touched(asked)),
      (total, limit) => `A payee would get ${total} of a token within a day, and may get ${limit}.`,
    ),
  'per-day': (asked) =>
    objection(
      asked,
      'perDay',
      totals([...spentToday(asked), ...asked.facts.payments], ({ token }) => token, touched(asked)),
      (total, limit) => `${total} of a token would move within a day, and ${limit} may.`,
    ),
  hours: ({ policy, facts, nowMs }) =>
    allowedMinutes(policy, facts.kind)[minuteOfWeek(nowMs)] === 1 ? undefined : `Nothing of kind ${facts.kind} is signed at ${new Date(nowMs).toISOString()}.`,
  approvals: ({ policy, facts, approvals, nowMs }) => {
    const sums = totals(facts.payments, ({ token }) => token);
    for (const rule of policy.approvals) {
      const concerned = [...sums].filter(([token]) => rule.token === null || rule.token === token).some(([, total]) => total >= BigInt(rule.from));
      const applies = rule.kinds.includes(facts.kind) && (concerned || (rule.token === null && rule.from === '0'));
      if (!applies) continue;
      const given = [...validApprovers(policy, facts, approvals, rule.longestLifeS, nowMs)].filter((name) => rule.approvers.includes(name));
      if (given.length < rule.required) return `It has ${given.length} valid approvals of ${rule.approvers.join(', ')}, and needs ${rule.required}.`;
    }
    return undefined;
  },
};

/** Why this node's clock is not to be gone by, in one sentence; undefined where it is. Asked of signatures, and of whatever begins or ends a delay. */
export function clockObjection({ clock }: Policy, { highWaterMs }: Counters, witnessedMs: TimeMs | undefined, clockMs: TimeMs): string | undefined {
  if (highWaterMs - clockMs > clock.backwardsS * 1000) return `The clock stands ${highWaterMs - clockMs} ms behind a time that it already showed.`;
  if (clock.witnessS === null) return undefined;
  if (witnessedMs === undefined) return 'Nobody but its own clock tells this node the time, and the policy wants the chain to.';
  const apartMs = Math.abs(clockMs - witnessedMs);
  return apartMs > clock.witnessS * 1000 ? `The clock is ${apartMs} ms away from the time that the chain shows.` : undefined;
}

function chainOf({ policy, facts }: Case): Policy['chains'][number] | undefined {
  return policy.chains.find((chain) => chain.chainId === String(facts.chainId));
}

function tokenOf(asked: Case, token: Hex): Policy['chains'][number]['tokens'][number] | undefined {
  return chainOf(asked)?.tokens.find((listed) => listed.token === token);
}

function isListed(asked: Case, { role, address }: ContractFact): boolean {
  if (role === 'token') return tokenOf(asked, address) !== undefined;
  const listed: readonly string[] = chainOf(asked)?.[CONTRACTS[role]] ?? [];
  return listed.includes(address);
}

/** Money that comes into a vault of ours: nobody is paid by it. */
function isIncoming({ kind }: Facts): boolean {
  return kind === 'authorisation';
}

/**
 * What left within the last 24 hours on the same chain under other digests: a second signature over the same digest moves nothing more. What comes in is counted apart: money that somebody
 * sends to a wrong address, for us to fetch, takes no merchant's room.
 */
function spentToday({ counters, facts, nowMs }: Case): Debit[] {
  if (facts.payments.length === 0) return [];
  return counters.spent
    .filter(({ digest, atMs }) => digest !== facts.digest && nowMs - atMs < DAY_MS)
    .flatMap(({ debits }) => debits)
    .filter((debit) => debit.chainId === String(facts.chainId) && (debit.incoming ?? false) === isIncoming(facts));
}

/** Only what this request adds to is judged: a limit that was lowered below what is spent does not stop other tokens and payees. */
function touched({ facts }: Case): (key: string) => boolean {
  const keys = new Set(facts.payments.flatMap(({ token, payee }) => [token, `${token} ${payee}`]));
  return (key) => keys.has(key);
}

type Moved = Pick<Debit, 'token' | 'payee' | 'amount'>;

function totals(moved: readonly Moved[], keyOf: (one: Moved) => string, wanted: (key: string) => boolean = () => true): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const one of moved) {
    const key = keyOf(one);
    if (wanted(key)) sums.set(key, (sums.get(key) ?? 0n) + one.amount);
  }
  return sums;
}

function objection(
  asked: Case,
  limit: 'perTransaction' | 'perDay' | 'perPayeePerDay',
  sums: ReadonlyMap<string, bigint>,
  say: (total: bigint, limit: string) => string,
): string | undefined {
  for (const [key, total] of sums) {
    const most = tokenOf(asked, key.split(' ')[0] as Hex)?.[limit] ?? '0';
    if (total > BigInt(most)) return say(total, most);
  }
  return undefined;
}
